"""Whoever may read a thread can read its history; to an outsider it does not exist."""

from __future__ import annotations

import base64
from pathlib import Path

from bots.common.split import open_fence
from chat_service import handlers
from chat_service.contracts.channel import ChannelRulesChange, ChannelViewRequest
from tests.fakes.model import ModelControl
from tests.fakes.slack.control import settle
from tests.fakes.slack.models import Message
from tests.operation.test_doctor_and_history import of, threadwell
from tests.slack.conftest import Room, new_room
from tests.slack.stack import World, running_world
from tests.slack.test_answers import shown
from tests.slack.test_talk import asks, history, prompt

NOT_FOUND = "There is no such conversation."


async def seen_by(room: Room, user: str, channel: str, number: int = 1) -> list[Message]:
    """What was shown to a person alone."""
    return await room.slack.until(lambda: room.slack.ephemerals(channel, user), lambda found: len(found) >= number)


async def permalink(room: Room, message: Message) -> str:
    """The link that people copy."""
    return f"https://{room.slack.team.domain}.slack.com/archives/{message.channel}/p{message.ts.replace('.', '')}"


async def test_history_in_a_direct_message(room: Room) -> None:
    said, _ = await asks(room, room.ada, room.direct, "a question of mine")
    await room.slack.command(room.ada, room.direct, "/history")
    [page] = await seen_by(room, room.ada, room.direct)
    assert "a question of mine" in shown(page) and "**Bot**" in shown(page) and said.ts


async def test_a_message_that_is_cut_in_its_code_leaves_the_rest_of_the_page_readable(room: Room) -> None:
    code = "```python\n" + "value = 1\n" * 100 + "```"
    await asks(room, room.ada, room.direct, f"what does this do?\n{code}")
    await room.slack.command(room.ada, room.direct, "/history")
    [page] = await seen_by(room, room.ada, room.direct)
    assert open_fence(shown(page)) is None and open_fence(shown(page).partition("**Bot**")[0]) is None


async def test_history_of_a_channel_lets_choose(room: Room) -> None:
    slack = room.slack
    one, _ = await asks(room, room.ada, room.channel, f"<@{slack.bot}> the first subject")
    await asks(room, room.ada, room.channel, f"<@{slack.bot}> the second subject")
    await slack.command(room.ben, room.channel, "/history")
    [menu] = await seen_by(room, room.ben, room.channel)
    key = room.world.key(room.channel, one.ts)
    assert "history_pick" in str(menu.blocks) and key in str(menu.blocks)
    await slack.click(room.ben, room.channel, menu.ts, "history_pick", key)
    page = (await seen_by(room, room.ben, room.channel, 2))[-1]
    assert "the first subject" in shown(page) and "the second subject" not in shown(page)


async def test_history_by_permalink_shortcut_and_name_is_paged(room: Room) -> None:
    slack = room.slack
    root, _ = await asks(room, room.ada, room.channel, f"<@{slack.bot}> question 0")
    for n in range(1, 7):
        await asks(room, room.ada, room.channel, f"question {n}", thread_ts=root.ts)
    await slack.command(room.ben, room.channel, "/history", await permalink(room, root))
    await slack.shortcut(room.ben, room.channel, root.ts, "show_history")
    await slack.mention(room.ben, room.channel, "history", thread_ts=root.ts)
    pages = await seen_by(room, room.ben, room.channel, 3)
    assert all("question 6" in shown(one) and "question 0" not in shown(one) for one in pages)
    assert any(one.thread_ts == root.ts for one in pages)
    await slack.command(room.ben, room.channel, "/history", "nonsense")
    assert "Copy link" in (await seen_by(room, room.ben, room.channel, 4))[-1].text
    there = f"https://app.slack.com/client/{slack.team.id}/{room.channel}/thread/{room.channel}-{root.ts}"
    await slack.command(room.ben, room.channel, "/history", there)
    assert "question 6" in shown((await seen_by(room, room.ben, room.channel, 5))[-1])
    await slack.click(room.ben, room.channel, pages[0].ts, "history_older")
    older = (await seen_by(room, room.ben, room.channel, 6))[-1]
    assert "question 0" in shown(older) and "question 6" not in shown(older)


async def test_an_export_comes_by_direct_message(room: Room) -> None:
    slack = room.slack
    root, _ = await asks(room, room.ada, room.channel, f"<@{slack.bot}> keep this")
    await slack.shortcut(room.ada, room.channel, root.ts, "show_history")
    [page] = await seen_by(room, room.ada, room.channel)
    await slack.click(room.ada, room.channel, page.ts, "history_export")
    files = await slack.until(slack.files, lambda found: any(room.direct in one.channels for one in found))
    mine = next(one for one in files if room.direct in one.channels)
    assert "keep this" in base64.b64decode(mine.content).decode()


async def test_to_an_outsider_a_private_thread_does_not_exist(shared_world: World) -> None:
    """Asked from Slack at that moment: whoever has left the channel is an outsider again."""
    room = await new_room(shared_world, kind="group")
    slack = room.slack
    other = await new_room(shared_world)
    root, _ = await asks(room, room.ada, room.channel, f"<@{slack.bot}> a secret")
    link = await permalink(room, root)
    await slack.command(other.ada, other.channel, "/history", link)
    [told] = await seen_by(other, other.ada, other.channel)
    assert told.text == NOT_FOUND
    await slack.command(other.ada, other.channel, "/history", link.replace(room.channel, "C0NOSUCH"))
    assert (await seen_by(other, other.ada, other.channel, 2))[-1].text == NOT_FOUND

    await slack.shortcut(room.ben, room.channel, root.ts, "show_history")
    [page] = await seen_by(room, room.ben, room.channel)
    assert "a secret" in shown(page)
    await slack.leave(room.ben, room.channel)
    await slack.join(room.ben, other.channel)
    await slack.command(room.ben, other.channel, "/history", link)
    [told] = await seen_by(other, room.ben, other.channel)
    assert told.text == NOT_FOUND


async def test_a_guest_is_an_outsider_of_every_channel_they_are_not_in(shared_world: World) -> None:
    """To the members of a workspace its public channels are open; to guests only those they were invited to."""
    room, other = await new_room(shared_world), await new_room(shared_world)
    slack = room.slack
    root, _ = await asks(room, room.ada, room.channel, f"<@{slack.bot}> for members")
    for level in (1, 2):  # of several channels, and of a single one
        guest = await slack.add_user(
            f"guest-{level}-{room.channel}", is_restricted=True, is_ultra_restricted=level == 2
        )
        await slack.join(guest.id, other.channel)
        await slack.command(guest.id, other.channel, "/history", await permalink(room, root))
        [told] = await seen_by(other, guest.id, other.channel)
        assert told.text == NOT_FOUND
        await slack.join(guest.id, room.channel)
        await slack.command(guest.id, other.channel, "/history", await permalink(room, root))
        assert "for members" in shown((await seen_by(other, guest.id, other.channel, 2))[-1])
    await slack.command(other.ada, other.channel, "/history", await permalink(room, root))
    [page] = await seen_by(other, other.ada, other.channel)
    assert "for members" in shown(page)


async def test_a_command_is_acknowledged_at_once_however_long_its_answer_takes(room: Room) -> None:
    slack = room.slack
    root, _ = await asks(room, room.ada, room.channel, f"<@{slack.bot}> keep this")
    await slack.fault("conversations.info", "delay", delay=4.0, contains=room.channel)
    delivery = await slack.command(room.ben, room.channel, "/history", await permalink(room, root))
    attempt = delivery.attempts[-1]
    assert attempt.acked_at is not None and attempt.acked_at - attempt.at < 3
    [page] = await seen_by(room, room.ben, room.channel)
    assert "keep this" in shown(page)


async def test_a_page_in_hand_opens_nothing_any_more_to_who_has_left(shared_world: World) -> None:
    room, other = await new_room(shared_world, kind="group"), await new_room(shared_world)
    slack = room.slack
    root, _ = await asks(room, room.ada, room.channel, f"<@{slack.bot}> question 0")
    for n in range(1, 7):
        await asks(room, room.ada, room.channel, f"question {n}", thread_ts=root.ts)
    await slack.join(room.ben, other.channel)
    await slack.command(room.ben, other.channel, "/history", await permalink(room, root))
    [page] = await seen_by(other, room.ben, other.channel)
    assert "question 6" in shown(page)
    await slack.leave(room.ben, room.channel)
    for number, button in enumerate(("history_older", "history_export"), start=2):
        await slack.click(room.ben, other.channel, page.ts, button)
        assert (await seen_by(other, room.ben, other.channel, number))[-1].text == NOT_FOUND
    mine = await slack.direct(room.ben)
    assert not [one for one in await slack.files() if mine.id in one.channels]


async def settings_of(room: Room, thread: str) -> dict[str, object]:
    """What is in force in a thread."""
    async with room.world.stack.ingress() as ingress:
        key = room.world.key(room.channel, thread)
        view = await ingress.call(handlers.CHAT_GET_SETTINGS, key, None)
        return {one.name: one.value for one in view.settings}


async def test_chat_settings_are_for_administrators_of_the_channel(room: Room) -> None:
    slack = room.slack
    root, _ = await asks(room, room.ada, room.channel, f"<@{slack.bot}> hello")
    await slack.command(room.ben, room.channel, "/chat-settings")
    [told] = await seen_by(room, room.ben, room.channel)
    assert "administrator" in told.text and not await slack.views(room.ben)
    boss = await slack.add_user("boss", is_admin=True)
    await slack.join(boss.id, room.channel)
    await slack.command(boss.id, room.channel, "/chat-settings")
    [view] = await slack.until(lambda: slack.views(boss.id))
    await slack.submit(boss.id, view.id, mode="mentions", model="scripted-large")
    assert (await settings_of(room, root.ts))["model"] == "scripted-large"
    silent = await slack.post(room.ada, room.channel, "without a mention", thread_ts=root.ts)
    await slack.wait_acked(silent)
    await asks(room, room.ada, room.channel, f"<@{slack.bot}> with one", thread_ts=root.ts)
    assert len(await slack.replies(room.channel)) == 2

    await slack.command(boss.id, room.channel, "/chat-settings")
    view = (await slack.until(lambda: slack.views(boss.id), lambda found: len(found) == 2))[-1]
    await slack.change_user(boss.id, is_admin=False)
    await slack.submit(boss.id, view.id, mode="threads")
    silent = await slack.post(room.ada, room.channel, "still without", thread_ts=root.ts)
    await slack.wait_acked(silent)
    await settle(0.5)
    assert len(await slack.replies(room.channel)) == 2, "who is no administrator any more changes nothing"


async def test_one_person_is_forgotten_wherever_they_spoke_and_is_not_read_again(room: Room, tmp_path: Path) -> None:
    slack, stack = room.slack, room.world.stack
    root, _ = await asks(room, room.ada, room.channel, f"<@{slack.bot}> my name is Wombat")
    await asks(room, room.ben, room.channel, "and I am Ben", thread_ts=root.ts)
    direct, _ = await asks(room, room.ada, room.direct, "Wombat again")
    person = f"slack:{slack.team.id}:{room.ada}"
    status, said = await threadwell(tmp_path, "forget", "--person", person, **of(stack))
    assert (status, said) == (0, [f"{person}: being forgotten in 2 conversations"])
    kept = await slack.until(
        lambda: history(room, room.channel, root.ts), lambda h: not any("Wombat" in m.text for m in h.messages)
    )
    assert [m.text for m in kept.messages if m.role == "user"] == ["and I am Ben"]
    await slack.until(lambda: history(room, room.direct, direct.ts), lambda h: not h.messages)
    _, seen = await asks(room, room.ben, room.channel, f"<@{slack.bot}> who was here?", thread_ts=root.ts)
    assert "Wombat" not in prompt(seen), "what Slack still shows is not read up again"


async def test_an_administrator_of_another_workspace_is_none_here(room: Room) -> None:
    """In a channel that is shared with them by Slack Connect, even if they have made it."""
    slack = room.slack
    partner = await slack.add_team("Partner")
    boss = await slack.add_user("partner-boss", team=partner.id, is_admin=True, is_owner=True)
    shared = await slack.add_channel("shared", [room.ada, boss.id], shared_team_ids=[partner.id], creator=boss.id)
    said = await slack.mention(room.ada, shared.id, "remember me")
    await slack.wait_reply(shared.id, said.ts)
    await slack.mention(boss.id, shared.id, "forget", thread_ts=said.ts)
    [told] = await seen_by(room, boss.id, shared.id)
    assert "Only an administrator" in shown(told)
    await slack.change_user(room.ada, is_admin=True)
    await slack.mention(room.ada, shared.id, "forget", thread_ts=said.ts)
    [told] = await seen_by(room, room.ada, shared.id)
    assert "Forgotten" in shown(told)


async def test_saving_the_settings_widens_nothing_that_the_modal_cannot_show(room: Room) -> None:
    """Lists may name workspaces and channels, too; Slack's menus know people only."""
    slack = room.slack
    boss = await slack.add_user("boss", is_admin=True)
    await slack.join(boss.id, room.channel)
    scope = f"slack:{slack.team.id}:{room.channel}"
    async with room.world.stack.ingress() as ingress:
        change = ChannelRulesChange(allow=["T0OTHER", room.ben], block=["T0FOES"])
        await ingress.call(handlers.CHANNEL_SET_RULES, scope, change)
        await slack.command(boss.id, room.channel, "/chat-settings")
        [view] = await slack.until(lambda: slack.views(boss.id))
        await slack.submit(boss.id, view.id, mode="threads", allow=[room.ada])
        place = await ingress.call(handlers.CHANNEL_GET, scope, ChannelViewRequest())
    assert place.rules.allow == [room.ada, "T0OTHER"] and place.rules.block == ["T0FOES"]


async def test_a_name_that_no_model_can_have_is_pointed_out_in_the_settings(room: Room) -> None:
    slack = room.slack
    boss = await slack.add_user("boss", is_admin=True)
    await slack.join(boss.id, room.channel)
    await slack.command(boss.id, room.channel, "/chat-settings")
    [view] = await slack.until(lambda: slack.views(boss.id))
    delivery = await slack.submit(boss.id, view.id, mode="threads", model="x" * 300)
    assert delivery.state == "acked" and "200 characters" in delivery.response["errors"]["model"]
    await slack.submit(boss.id, view.id, mode="threads", model="scripted-large")
    assert not (await slack.views(boss.id))[-1].open


async def test_the_settings_say_so_when_slack_does_not_answer(room: Room) -> None:
    slack = room.slack
    boss = await slack.add_user("boss", is_admin=True)
    await slack.join(boss.id, room.channel)
    await slack.fault("conversations.info", "fail", contains=room.channel)
    delivery = await slack.command(boss.id, room.channel, "/chat-settings")
    assert delivery.state == "acked"
    [told] = await seen_by(room, boss.id, room.channel)
    assert "Slack rejected the request" in told.text
    await slack.command(boss.id, room.channel, "/chat-settings")
    [view] = await slack.until(lambda: slack.views(boss.id))
    await slack.fault("conversations.info", "fail", contains=room.channel)
    delivery = await slack.submit(boss.id, view.id, mode="threads")
    assert delivery.state == "acked" and "try again" in delivery.response["errors"]["mode"]


async def test_a_persona_can_be_chosen_in_the_settings(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    await model.clear()
    personas = tmp_path / "personas.toml"
    personas.write_text('[pirate]\nprompt = "Talk like a pirate."\n[poet]\nprompt = "Talk in verse."\n')
    env = {"PERSONAS_FILE": str(personas)}
    async with running_world(engine_binary, tmp_path / "world", model, env=env) as world:
        room = await new_room(world)
        slack = room.slack
        boss = await slack.add_user("boss", is_admin=True)
        await slack.join(boss.id, room.channel)
        for number, (persona, prompted) in enumerate((("pirate", True), ("(the wider setting)", False))):
            await slack.command(boss.id, room.channel, "/chat-settings")
            view = (await slack.until(lambda: slack.views(boss.id), lambda found, n=number: len(found) == n + 1))[-1]  # type: ignore[misc]
            assert "poet" in str(view.view)
            await slack.submit(boss.id, view.id, mode="threads", persona=persona)
            _, seen = await asks(room, room.ada, room.channel, f"<@{slack.bot}> hello")
            assert ("Talk like a pirate." in prompt(seen)) is prompted


async def test_channel_and_workspace_can_be_switched_off_and_on(room: Room) -> None:
    slack = room.slack
    boss = await slack.add_user("boss", is_admin=True)
    await slack.join(boss.id, room.channel)
    for number, off in enumerate((["off"], [], ["off everywhere"], [])):
        await slack.command(boss.id, room.channel, "/chat-settings")
        view = (await slack.until(lambda: slack.views(boss.id), lambda found, n=number: len(found) == n + 1))[-1]  # type: ignore[misc]
        await slack.submit(boss.id, view.id, mode="threads", off=off)
        if off:
            await slack.mention(room.ada, room.channel, "hello?")
            told = await seen_by(room, room.ada, room.channel, number // 2 + 1)
            assert "switched off" in told[-1].text and await slack.replies(room.channel) == []
    await asks(room, room.ada, room.channel, f"<@{slack.bot}> hello again")


async def test_people_can_be_allowed_and_blocked_in_the_settings(room: Room) -> None:
    slack = room.slack
    boss = await slack.add_user("boss", is_admin=True)
    await slack.join(boss.id, room.channel)
    await slack.command(boss.id, room.channel, "/chat-settings")
    [view] = await slack.until(lambda: slack.views(boss.id))
    await slack.submit(boss.id, view.id, block=[room.ben])
    await slack.mention(room.ben, room.channel, "hello?")
    [told] = await seen_by(room, room.ben, room.channel)
    assert "may not answer you" in told.text
    await slack.command(boss.id, room.channel, "/chat-settings")
    view = (await slack.until(lambda: slack.views(boss.id), lambda found: len(found) == 2))[-1]
    assert room.ben in str(view.view), "what is in force is shown"
    await slack.submit(boss.id, view.id, block=[])
    await asks(room, room.ben, room.channel, f"<@{slack.bot}> hello again")
