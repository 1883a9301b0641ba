"""The settings modal of a channel."""

from __future__ import annotations

from chat_service import handlers
from chat_service.contracts.channel import ChannelRulesChange, ChannelViewRequest
from tests.fakes.slack.control import settle
from tests.fakes.slack.models import Message, View
from tests.slack.stack import SlackStack, Workspace, create_clean_workspace
from tests.slack.steps import add_administrator, ask, prompt_text, wait_for_ephemerals


async def open_settings(workspace: Workspace, user: str) -> View:
    """Use the command of the settings and return the modal that it opens."""
    slack, before = workspace.slack, len(await workspace.slack.views(user))
    await slack.run_command(user, workspace.channel, "/chat-settings")
    return (await slack.wait_until(lambda: slack.views(user), lambda found: len(found) > before))[-1]


async def read_model(workspace: Workspace, message: Message) -> object:
    """Return the model that is set for the conversation of a message."""
    async with workspace.ingress() as ingress:
        view = await ingress.call(handlers.CHAT_GET_SETTINGS, workspace.conversation(message), None)
    return next(setting.value for setting in view.settings if setting.name == "model")


async def test_settings_require_a_channel_administrator(workspace: Workspace) -> None:
    slack = workspace.slack
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> hello")
    await slack.run_command(workspace.ben, workspace.channel, "/chat-settings")
    [ephemeral] = await wait_for_ephemerals(workspace, workspace.ben, workspace.channel)
    assert "administrator" in ephemeral.text and not await slack.views(workspace.ben)
    admin = await add_administrator(workspace)
    view = await open_settings(workspace, admin)
    await slack.submit_view(admin, view.id, mode="mentions", model="scripted-large")
    assert await read_model(workspace, root) == "scripted-large"
    silent = await slack.post(workspace.ada, workspace.channel, "without a mention", thread_ts=root.ts)
    await slack.wait_until_acked(silent)
    await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> with one", thread_ts=root.ts)
    assert len(await slack.replies(workspace.channel)) == 2

    view = await open_settings(workspace, admin)
    await slack.change_user(admin, is_admin=False)
    await slack.submit_view(admin, view.id, mode="threads")
    silent = await slack.post(workspace.ada, workspace.channel, "still without", thread_ts=root.ts)
    await slack.wait_until_acked(silent)
    await settle(0.5)
    assert len(await slack.replies(workspace.channel)) == 2, "a former administrator changes nothing"


async def test_channel_and_workspace_can_be_switched_off(workspace: Workspace) -> None:
    slack = workspace.slack
    admin = await add_administrator(workspace)
    for number, off in enumerate((["off"], [], ["off everywhere"], [])):
        view = await open_settings(workspace, admin)
        await slack.submit_view(admin, view.id, mode="threads", off=off)
        if off:
            await slack.mention(workspace.ada, workspace.channel, "hello?")
            ephemeral = await wait_for_ephemerals(workspace, workspace.ada, workspace.channel, number // 2 + 1)
            assert "switched off" in ephemeral[-1].text and await slack.replies(workspace.channel) == []
    await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> hello again")


async def test_people_can_be_blocked(workspace: Workspace) -> None:
    slack = workspace.slack
    admin = await add_administrator(workspace)
    view = await open_settings(workspace, admin)
    await slack.submit_view(admin, view.id, block=[workspace.ben])
    await slack.mention(workspace.ben, workspace.channel, "hello?")
    [ephemeral] = await wait_for_ephemerals(workspace, workspace.ben, workspace.channel)
    assert "may not answer you" in ephemeral.text
    view = await open_settings(workspace, admin)
    assert workspace.ben in str(view.view), "the current rules are shown"
    await slack.submit_view(admin, view.id, block=[])
    await ask(workspace, workspace.ben, workspace.channel, f"<@{slack.bot}> hello again")


async def test_saving_keeps_list_entries_that_the_modal_cannot_show(workspace: Workspace) -> None:
    """Lists may also contain workspaces and channels; Slack's menus show people only."""
    slack = workspace.slack
    admin = await add_administrator(workspace)
    scope = workspace.scope
    async with workspace.ingress() as ingress:
        change = ChannelRulesChange(allow=["T0OTHER", workspace.ben], block=["T0FOES"])
        await ingress.call(handlers.CHANNEL_SET_RULES, scope, change)
        view = await open_settings(workspace, admin)
        await slack.submit_view(admin, view.id, mode="threads", allow=[workspace.ada])
        channel = await ingress.call(handlers.CHANNEL_GET, scope, ChannelViewRequest())
    assert channel.rules.allow == [workspace.ada, "T0OTHER"] and channel.rules.block == ["T0FOES"]


async def test_too_long_model_name_is_rejected(workspace: Workspace) -> None:
    slack = workspace.slack
    admin = await add_administrator(workspace)
    view = await open_settings(workspace, admin)
    delivery = await slack.submit_view(admin, view.id, mode="threads", model="x" * 300)
    assert delivery.state == "acked" and "200 characters" in delivery.response["errors"]["model"]
    await slack.submit_view(admin, view.id, mode="threads", model="scripted-large")
    assert not (await slack.views(admin))[-1].open


async def test_failed_slack_call_is_reported(workspace: Workspace) -> None:
    slack = workspace.slack
    admin = await add_administrator(workspace)
    await slack.add_fault("conversations.info", "fail", contains=workspace.channel)
    delivery = await slack.run_command(admin, workspace.channel, "/chat-settings")
    assert delivery.state == "acked"
    [ephemeral] = await wait_for_ephemerals(workspace, admin, workspace.channel)
    assert "Slack rejected the request" in ephemeral.text
    view = await open_settings(workspace, admin)
    await slack.add_fault("conversations.info", "fail", contains=workspace.channel)
    delivery = await slack.submit_view(admin, view.id, mode="threads")
    assert delivery.state == "acked" and "try again" in delivery.response["errors"]["mode"]


async def test_persona_can_be_chosen(own_slack_up: SlackStack) -> None:
    workspace = await create_clean_workspace(own_slack_up)
    slack = workspace.slack
    admin = await add_administrator(workspace)
    for persona, has_prompt in (("pirate", True), ("(the wider setting)", False)):
        view = await open_settings(workspace, admin)
        assert "poet" in str(view.view)
        await slack.submit_view(admin, view.id, mode="threads", persona=persona)
        _, request = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> hello")
        assert ("Talk like a pirate." in prompt_text(request)) is has_prompt
