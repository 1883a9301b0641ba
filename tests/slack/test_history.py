"""Reading a conversation's history in Slack, and who may read it."""

from __future__ import annotations

import base64

from bots.common.split import open_fence
from tests.fakes.model.protocol import ScriptedResponse
from tests.fakes.slack.models import Message
from tests.slack.stack import SlackStack, Workspace, create_workspace
from tests.slack.steps import ask, visible_text, wait_for_ephemerals

NOT_FOUND = "There is no such conversation."


def permalink(workspace: Workspace, message: Message) -> str:
    """Return the link that Slack's "Copy link" gives."""
    return f"https://{workspace.slack.team.domain}.slack.com/archives/{message.channel}/p{message.ts.replace('.', '')}"


async def ask_after_twelve_messages(workspace: Workspace) -> Message:
    """Ask "question 12" in a thread whose earlier messages are the questions 0 to 11. Return the first message."""
    root = await workspace.slack.post(workspace.ada, workspace.channel, "question 0")
    for n in range(1, 12):
        await workspace.slack.post(workspace.ada, workspace.channel, f"question {n}", thread_ts=root.ts)
    await workspace.model.script(ScriptedResponse(text="an answer"))
    text = f"<@{workspace.slack.bot}> question 12"
    await ask(workspace, workspace.ada, workspace.channel, text, thread_ts=root.ts)
    return root


async def test_history_of_a_direct_message(workspace: Workspace) -> None:
    await ask(workspace, workspace.ada, workspace.dm_channel, "a question of mine")
    await workspace.slack.run_command(workspace.ada, workspace.dm_channel, "/history")
    [page] = await wait_for_ephemerals(workspace, workspace.ada, workspace.dm_channel)
    assert "a question of mine" in visible_text(page) and "**Bot**" in visible_text(page)


async def test_history_closes_a_shortened_code_block(workspace: Workspace) -> None:
    code = "```python\n" + "value = 1\n" * 100 + "```"
    await ask(workspace, workspace.ada, workspace.dm_channel, f"what does this do?\n{code}")
    await workspace.slack.run_command(workspace.ada, workspace.dm_channel, "/history")
    [page] = await wait_for_ephemerals(workspace, workspace.ada, workspace.dm_channel)
    assert open_fence(visible_text(page)) is None and open_fence(visible_text(page).partition("**Bot**")[0]) is None


async def test_history_of_a_channel_offers_a_menu(workspace: Workspace) -> None:
    slack = workspace.slack
    first, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> the first subject")
    await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> the second subject")
    await slack.run_command(workspace.ben, workspace.channel, "/history")
    [menu] = await wait_for_ephemerals(workspace, workspace.ben, workspace.channel)
    key = workspace.conversation(first)
    assert "history_pick" in str(menu.blocks) and key in str(menu.blocks)
    await slack.click(workspace.ben, workspace.channel, menu.ts, "history_pick", key)
    page = (await wait_for_ephemerals(workspace, workspace.ben, workspace.channel, 2))[-1]
    assert "the first subject" in visible_text(page) and "the second subject" not in visible_text(page)


async def test_history_by_permalink_shortcut_and_command_is_paged(workspace: Workspace) -> None:
    slack = workspace.slack
    root = await ask_after_twelve_messages(workspace)
    await slack.run_command(workspace.ben, workspace.channel, "/history", permalink(workspace, root))
    await slack.use_shortcut(workspace.ben, workspace.channel, root.ts, "show_history")
    await slack.mention(workspace.ben, workspace.channel, "history", thread_ts=root.ts)
    pages = await wait_for_ephemerals(workspace, workspace.ben, workspace.channel, 3)
    assert all("question 12" in visible_text(page) and "question 0" not in visible_text(page) for page in pages)
    assert any(page.thread_ts == root.ts for page in pages)
    await slack.run_command(workspace.ben, workspace.channel, "/history", "nonsense")
    assert "Copy link" in (await wait_for_ephemerals(workspace, workspace.ben, workspace.channel, 4))[-1].text
    client_link = (
        f"https://app.slack.com/client/{slack.team.id}/{workspace.channel}/thread/{workspace.channel}-{root.ts}"
    )
    await slack.run_command(workspace.ben, workspace.channel, "/history", client_link)
    assert "question 12" in visible_text(
        (await wait_for_ephemerals(workspace, workspace.ben, workspace.channel, 5))[-1]
    )
    await slack.click(workspace.ben, workspace.channel, pages[0].ts, "history_older")
    older = (await wait_for_ephemerals(workspace, workspace.ben, workspace.channel, 6))[-1]
    assert "question 0" in visible_text(older) and "question 12" not in visible_text(older)


async def test_export_is_sent_as_a_direct_message(workspace: Workspace) -> None:
    slack = workspace.slack
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> keep this")
    await slack.use_shortcut(workspace.ada, workspace.channel, root.ts, "show_history")
    [page] = await wait_for_ephemerals(workspace, workspace.ada, workspace.channel)
    await slack.click(workspace.ada, workspace.channel, page.ts, "history_export")
    files = await slack.wait_until(
        slack.files, lambda found: any(workspace.dm_channel in file.channels for file in found)
    )
    export = next(file for file in files if workspace.dm_channel in file.channels)
    assert "keep this" in base64.b64decode(export.content).decode()


async def test_command_is_acknowledged_before_its_answer(workspace: Workspace) -> None:
    slack = workspace.slack
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> keep this")
    await slack.add_fault("conversations.info", "hold", contains=workspace.channel)
    delivery = await slack.run_command(workspace.ben, workspace.channel, "/history", permalink(workspace, root))
    assert delivery.state == "acked"
    await slack.wait_until(
        lambda: slack.calls("conversations.info"),
        lambda calls: any(call.fault == "hold" and workspace.channel in str(call.args) for call in calls),
    )
    await slack.release_held_calls()
    [page] = await wait_for_ephemerals(workspace, workspace.ben, workspace.channel)
    assert "keep this" in visible_text(page)


async def test_private_thread_is_hidden_from_outsiders(shared_slack: SlackStack) -> None:
    """Membership is asked from Slack at each request: a person who has left the channel has no access."""
    workspace = await create_workspace(shared_slack, kind="group")
    slack = workspace.slack
    other = await create_workspace(shared_slack)
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> a secret")
    link = permalink(workspace, root)
    await slack.run_command(other.ada, other.channel, "/history", link)
    [ephemeral] = await wait_for_ephemerals(other, other.ada, other.channel)
    assert ephemeral.text == NOT_FOUND
    await slack.run_command(other.ada, other.channel, "/history", link.replace(workspace.channel, "C0NOSUCH"))
    assert (await wait_for_ephemerals(other, other.ada, other.channel, 2))[-1].text == NOT_FOUND

    await slack.use_shortcut(workspace.ben, workspace.channel, root.ts, "show_history")
    [page] = await wait_for_ephemerals(workspace, workspace.ben, workspace.channel)
    assert "a secret" in visible_text(page)
    await slack.leave(workspace.ben, workspace.channel)
    await slack.join(workspace.ben, other.channel)
    await slack.run_command(workspace.ben, other.channel, "/history", link)
    [ephemeral] = await wait_for_ephemerals(other, workspace.ben, other.channel)
    assert ephemeral.text == NOT_FOUND


async def test_guest_reads_only_channels_they_are_in(shared_slack: SlackStack) -> None:
    """Members of a workspace may read its public channels, guests only those that they were invited to."""
    workspace, other = await create_workspace(shared_slack), await create_workspace(shared_slack)
    slack = workspace.slack
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> for members")
    for level in (1, 2):  # a multi-channel guest and a single-channel guest
        guest = await slack.add_user(
            f"guest-{level}-{workspace.channel}", is_restricted=True, is_ultra_restricted=level == 2
        )
        await slack.join(guest.id, other.channel)
        await slack.run_command(guest.id, other.channel, "/history", permalink(workspace, root))
        [ephemeral] = await wait_for_ephemerals(other, guest.id, other.channel)
        assert ephemeral.text == NOT_FOUND
        await slack.join(guest.id, workspace.channel)
        await slack.run_command(guest.id, other.channel, "/history", permalink(workspace, root))
        assert "for members" in visible_text((await wait_for_ephemerals(other, guest.id, other.channel, 2))[-1])
    await slack.run_command(other.ada, other.channel, "/history", permalink(workspace, root))
    [page] = await wait_for_ephemerals(other, other.ada, other.channel)
    assert "for members" in visible_text(page)


async def test_buttons_of_a_page_check_access_again(shared_slack: SlackStack) -> None:
    workspace, other = await create_workspace(shared_slack, kind="group"), await create_workspace(shared_slack)
    slack = workspace.slack
    root = await ask_after_twelve_messages(workspace)
    await slack.join(workspace.ben, other.channel)
    await slack.run_command(workspace.ben, other.channel, "/history", permalink(workspace, root))
    [page] = await wait_for_ephemerals(other, workspace.ben, other.channel)
    assert "question 12" in visible_text(page)
    await slack.leave(workspace.ben, workspace.channel)
    for number, button in enumerate(("history_older", "history_export"), start=2):
        await slack.click(workspace.ben, other.channel, page.ts, button)
        assert (await wait_for_ephemerals(other, workspace.ben, other.channel, number))[-1].text == NOT_FOUND
    dm_channel = await slack.open_conversation(workspace.ben)
    assert not [file for file in await slack.files() if dm_channel.id in file.channels]
