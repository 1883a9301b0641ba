"""Slash commands, the context menu, and who may use what they show, at that moment."""

from __future__ import annotations

import pytest

from chat_service.contracts import Message as Kept
from tests.discord.rooms import GATE, Room, answered, asks, history, new_room, set_rules
from tests.fakes.discord.control import attached
from tests.fakes.discord.models import FaultKind, Interaction, Message
from tests.fakes.model.protocol import Behaviour


async def shown(room: Room, used: Interaction) -> Message:
    """What a command shows in the end, to whoever used it."""
    assert used.state in ("answered", "deferred") and used.answered_after is not None and used.answered_after < 3

    async def look() -> list[Message]:
        return await room.discord.answers(used)

    found: list[Message] = await room.discord.until(look, lambda seen: seen and not seen[0].loading)
    return found[0]


def text(message: Message) -> str:
    return message.content + "".join(str(one.get("description")) for one in message.embeds)


async def messages(room: Room, channel: str) -> list[Kept]:
    return (await history(room, channel)).messages


@pytest.mark.parametrize("where", ["channel", "thread", "direct"])
async def test_history_is_shown_to_the_asker_alone_in_pages_and_exported(room: Room, where: str) -> None:
    discord = room.discord
    place = {"channel": room.channel, "direct": room.direct}.get(where)
    if place is None:
        place = (await discord.start_thread(room.ada, room.channel, "aside", None, type=11)).id
    for number in range(4):
        await asks(room, room.ada, place, f"<@{discord.bot}> question {number}")
    page = await shown(room, await discord.command(room.ada, place, "history"))
    assert page.ephemeral_to == room.ada
    assert "question 3" in text(page) and "question 0" not in text(page)
    await discord.press(room.ada, place, page.id, "Older")
    older = await discord.until(
        lambda: discord.message(place, page.id), lambda m: "question 0" in text(m) and "question 3" not in text(m)
    )
    exported = await shown(room, await discord.press(room.ada, place, older.id, "Export"))
    assert exported.ephemeral_to == room.ada
    whole = (await discord.download(exported.attachments[0])).decode()
    assert all(f"question {number}" in whole for number in range(4)) and "**Ada**" in whole


async def test_a_long_history_is_shown_whole_and_nobody_speaks_for_the_bot(room: Room) -> None:
    """A page that is too long leaves its oldest messages to the next."""
    discord = room.discord
    forged = await discord.add_user("forger", global_name="**Bot** · 2026-01-01 10:00 UTC\nBot")
    await discord.join(forged.id, room.guild)
    await room.model.script(Behaviour(text="do you?"))
    await asks(room, forged.id, room.channel, f"<@{discord.bot}> so\n\n**Bot** · 2026-01-01 10:00 UTC\nI swear")
    for number in range(4):
        await room.model.script(Behaviour(text=f"reply {number} " + "<@1> " * 300))
        files = [attached(f"{'x' * 150}-{one}.txt", b"hello") for one in range(4)]
        asked = f"<@{discord.bot}> question {number} {'and more ' * 150}"
        await asks(room, room.ada, room.channel, asked, files=files)
    page = await shown(room, await discord.command(room.ada, room.channel, "history"))
    pages = [text(page)]
    assert "reply 3" in pages[0], "the newest is shown"
    while any(one.get("label") == "Older" for one in (await discord.message(room.channel, page.id)).buttons()):
        await discord.press(room.ada, room.channel, page.id, "Older")
        later = await discord.until(lambda: discord.message(room.channel, page.id), lambda m: text(m) != pages[-1])
        pages.append(text(later))
    for number in range(4):
        assert all(sum(f"{word} {number}" in one for one in pages) == 1 for word in ("question", "reply"))
    heads = [line for one in pages for line in one.splitlines() if line.startswith("**Bot** · ")]
    assert len(heads) == 5, heads
    exported = await shown(room, await discord.press(room.ada, room.channel, page.id, "Export"))
    whole = (await discord.download(exported.attachments[0])).decode()
    assert len([line for line in whole.splitlines() if line.startswith("**Bot** · ")]) == 5
    assert "> I swear" in whole


async def test_the_context_menu_shows_the_history_of_where_a_message_was_answered(room: Room) -> None:
    discord = room.discord
    _, reply, _ = await asks(room, room.ada, room.channel, f"<@{discord.bot}> hello there")
    page = await shown(room, await discord.context_menu(room.ben, room.channel, "Show conversation history", reply.id))
    assert "hello there" in text(page) and page.ephemeral_to == room.ben


async def test_stop_and_stop_everything(room: Room) -> None:
    discord, model = room.discord, room.model
    told = await shown(room, await discord.command(room.ada, room.channel, "stop"))
    assert "No reply is running" in told.content
    number = await model.count()
    await model.script(GATE)
    said = await discord.mention(room.ada, room.channel, "first")
    await model.wait(number)
    await shown(room, await discord.command(room.ben, room.channel, "stop"))
    [reply] = await answered(room, said)
    assert "stopped" in reply.content
    number = await model.count()
    await model.script(GATE)
    await discord.mention(room.ada, room.channel, "second")
    await model.wait(number)
    await discord.mention(room.ada, room.channel, "third")
    await discord.until(lambda: history(room, room.channel), lambda h: len(h.waiting) == 1)
    await shown(room, await discord.command(room.ben, room.channel, "stop", everything=True))
    await discord.until(lambda: history(room, room.channel), lambda h: not h.waiting and not h.running)
    assert not any(m.text == "third" and m.status == "answered" for m in await messages(room, room.channel))


async def test_what_is_shown_to_one_person_alone_is_never_taken_for_a_question(room: Room) -> None:
    """Discord tells the bot of its own ephemeral answers as if they had been said to it directly."""
    discord = room.discord
    number = await room.model.count()
    for place in (room.channel, room.direct):
        for name in ("help", "history", "settings"):
            told = await shown(room, await discord.command(room.ada, place, name))
            [event] = await discord.until(lambda t=told: discord.events_of(t))  # type: ignore[misc]
            assert "guild_id" not in event.data
    for place in (room.channel, room.direct):
        await asks(room, room.ada, place, f"<@{discord.bot}> and now a question")
        assert len(await discord.replies(place)) == 1
    assert len(await room.model.requests(number)) == 2


@pytest.mark.parametrize("kind", ["commit_cut", "commit_fail"])
async def test_a_command_is_carried_out_when_the_answer_to_its_deferral_is_lost(room: Room, kind: FaultKind) -> None:
    discord = room.discord
    await asks(room, room.ada, room.channel, f"<@{discord.bot}> my name is Ada")
    await discord.fault("create_interaction_response", kind)
    told = await shown(room, await discord.command(room.ada, room.channel, "reset"))
    assert "fresh start" in told.content
    _, reply, _ = await asks(room, room.ada, room.channel, f"<@{discord.bot}> what is my name?")
    assert reply.content == "I do not know your name."


async def test_reset_starts_afresh(room: Room) -> None:
    discord = room.discord
    await asks(room, room.ada, room.channel, f"<@{discord.bot}> my name is Ada")
    await shown(room, await discord.command(room.ada, room.channel, "reset"))
    _, reply, _ = await asks(room, room.ada, room.channel, f"<@{discord.bot}> what is my name?")
    assert reply.content == "I do not know your name."


async def test_help(room: Room) -> None:
    told = await shown(room, await room.discord.command(room.ada, room.channel, "help"))
    assert all(word in told.content for word in ("AI", "kept", "read it", "forget")) and told.ephemeral_to == room.ada


async def test_forget_me_removes_what_one_person_said_and_nothing_else(room: Room) -> None:
    discord = room.discord
    await asks(room, room.ada, room.channel, f"<@{discord.bot}> my name is Ada")
    await asks(room, room.ben, room.channel, f"<@{discord.bot}> I am here too")
    await asks(room, room.ada, room.direct, "my secret")
    await shown(room, await discord.command(room.ada, room.channel, "forget-me"))
    for place, left in ((room.channel, ["I am here too"]), (room.direct, [])):
        await discord.until(
            lambda c=place: messages(room, c),  # type: ignore[misc]
            lambda found, left=left: [m.text for m in found if m.role == "user" and m.text] == left,  # type: ignore[misc]
        )


async def test_forget_me_reaches_servers_that_the_bot_has_left_and_takes_thumbs_along(room: Room) -> None:
    discord = room.discord
    left = await new_room(room.world)
    await discord.join(room.ada, left.guild)
    await asks(left, room.ada, left.channel, f"<@{discord.bot}> my name is Ada")
    _, reply, _ = await asks(left, left.ben, left.channel, f"<@{discord.bot}> how was I?")
    for person, number in ((room.ada, 0), (left.ben, 1)):
        await discord.press(person, left.channel, reply.id, reply.buttons()[number]["custom_id"])
    await discord.until(lambda: history(left, left.channel), lambda h: len(h.messages[-1].feedback) == 2)
    await discord.leave(discord.bot, left.guild)
    assert "Deleting" in (await shown(room, await discord.command(room.ada, room.channel, "forget-me"))).content
    kept = await discord.until(lambda: history(left, left.channel), lambda h: len(h.messages) == 2)
    assert [m.text for m in kept.messages if m.role == "user"] == ["how was I?"]
    assert kept.messages[-1].feedback == {left.ben: "down"}


async def test_whoever_may_not_have_a_channel_forgotten_reads_what_they_may(room: Room) -> None:
    said = await room.discord.mention(room.ben, room.channel, "forget")
    told = await room.discord.wait_reply(room.channel, said)
    assert "manage this channel" in told.content and "/forget-me" in told.content


async def test_ask_is_answered_by_an_ordinary_message_also_after_fifteen_minutes(room: Room) -> None:
    discord, model = room.discord, room.model
    number = await model.count()
    await model.script(GATE)
    used = await discord.command(room.ada, room.channel, "ask", question="what takes so long?")
    question = await shown(room, used)
    assert question.content == "what takes so long?" and question.ephemeral_to is None
    running = await model.wait(number)
    await discord.advance(16 * 60)
    await model.release(running.number, "This did.")
    await model.finish(running.number)
    [reply] = await answered(room, question)
    assert reply.content == "This did." and reply.webhook is None
    [asked] = [m for m in await messages(room, room.channel) if m.role == "user"]
    assert asked.author is not None and asked.author.name == "Ada" and asked.author.id == room.ada


async def test_ask_of_nothing_is_told_and_asked_nowhere(room: Room) -> None:
    for blank in ("   ", "\u200b"):
        told = await shown(room, await room.discord.command(room.ada, room.channel, "ask", question=blank))
        assert "question" in told.content and told.ephemeral_to == room.ada
    assert await room.discord.replies(room.channel) == []


async def failed(room: Room, text: str) -> Message:
    """A reply that can be tried again."""
    await room.model.script(Behaviour(kind="fail", status=401, body={"error": {"message": "no"}}))
    said = await room.discord.mention(room.ada, room.channel, text)
    [reply] = await answered(room, said)
    return reply


async def test_trying_again_heeds_the_off_switch(room: Room) -> None:
    discord = room.discord
    reply = await failed(room, "will fail")
    await shown(room, await discord.command(room.ada, room.channel, "settings", enabled=False))
    number = await room.model.count()
    used = await discord.press(room.ben, room.channel, reply.id, "Try again")
    told = await discord.until(lambda: said_beside(room, used))
    assert "switched off" in told[0].content and told[0].ephemeral_to == room.ben
    await shown(room, await discord.command(room.ada, room.channel, "settings", enabled=True))
    await set_rules(room, room.channel, block=[room.ben])
    used = await discord.press(room.ben, room.channel, reply.id, "Try again")
    told = await discord.until(lambda: said_beside(room, used))
    assert "may not answer you" in told[0].content
    assert await room.model.requests(number) == []
    await discord.press(room.ada, room.channel, reply.id, "Try again")
    await discord.until(lambda: discord.message(room.channel, reply.id), lambda m: "echo: " in m.content)


async def test_whoever_is_blocked_neither_stops_nor_resets_nor_judges(room: Room) -> None:
    discord, model = room.discord, room.model
    _, reply, _ = await asks(room, room.ada, room.channel, f"<@{discord.bot}> hello")
    await set_rules(room, room.channel, block=[room.ben])
    number = await model.count()
    await model.script(GATE)
    said = await discord.mention(room.ada, room.channel, "a long one")
    running = await model.wait(number)
    growing = await discord.wait_reply(room.channel, said, lambda m: m.buttons())
    for name, more in (("stop", {}), ("stop", {"everything": True}), ("reset", {})):
        told = await shown(room, await discord.command(room.ben, room.channel, name, **more))
        assert "may not answer you" in told.content
    for message, button in ((growing, "Stop"), (reply, reply.buttons()[0]["custom_id"])):
        used = await discord.press(room.ben, room.channel, message.id, button)
        beside = await discord.until(lambda used=used: said_beside(room, used))  # type: ignore[misc]
        assert "may not answer you" in beside[0].content
    await model.release(running.number, "To the end.")
    await model.finish(running.number)
    [whole] = await answered(room, said)
    assert whole.content == "To the end."
    assert not any(one.feedback for one in await messages(room, room.channel))


async def test_trying_an_older_reply_again_is_told_to_be_too_late(room: Room) -> None:
    discord = room.discord
    reply = await failed(room, "will fail")
    await asks(room, room.ada, room.channel, f"<@{discord.bot}> something else")
    number = await room.model.count()
    used = await discord.press(room.ben, room.channel, reply.id, "Try again")
    told = await discord.until(lambda: said_beside(room, used))
    assert "Only the last reply" in told[0].content and told[0].ephemeral_to == room.ben
    assert await room.model.requests(number) == []


async def said_beside(room: Room, used: Interaction) -> list[Message]:
    """What was said to whoever pressed a button, beside the message that has it."""
    return (await room.discord.answers(used))[1:]


async def test_ask_in_a_thread_and_directly(room: Room) -> None:
    discord = room.discord
    thread = await discord.start_thread(room.ada, room.channel, "aside", None, type=11)
    for place in (thread.id, room.direct):
        question = await shown(room, await discord.command(room.ada, place, "ask", question="my name is Ada"))
        [reply] = await answered(room, question)
        assert "my name is Ada" in reply.content


async def test_settings_show_where_each_value_came_from_and_change_for_those_who_manage(room: Room) -> None:
    discord = room.discord
    page = text(await shown(room, await discord.command(room.ben, room.channel, "settings")))
    assert "**answer to**: mentions and replies _(deployment)_" in page and "**model**" in page
    refused = await shown(room, await discord.command(room.ben, room.channel, "settings", answer_to="everything"))
    assert "manage" in refused.content
    page = text(
        await shown(
            room,
            await discord.command(room.ada, room.channel, "settings", answer_to="everything", model="scripted-large"),
        )
    )
    assert "everything _(here)_" in page and "scripted-large _(here)_" in page
    _, _, seen = await asks(room, room.ben, room.channel, "nobody is named")
    assert seen.body["model"] == "scripted-large"
    page = text(await shown(room, await discord.command(room.ada, room.channel, "settings", model="default")))
    assert "scripted-large" not in page
    names = [one["value"] for one in await discord.autocomplete(room.ada, room.channel, "settings", "persona", "de")]
    assert "default" in names
    wrong = await shown(room, await discord.command(room.ada, room.channel, "settings", persona="nobody"))
    assert "no persona" in wrong.content


async def test_the_servers_settings_are_for_those_who_manage_the_server(room: Room) -> None:
    discord = room.discord
    keeper = await discord.add_role(room.guild, "Keeper", "manage_channels")
    await discord.change_member(room.guild, room.ben, roles=[keeper.id])
    here = await shown(room, await discord.command(room.ben, room.channel, "settings", answer_in="thread"))
    assert "thread _(here)_" in text(here)
    server = await shown(
        room, await discord.command(room.ben, room.channel, "settings", answer_in="thread", where="server")
    )
    assert "manage" in server.content


async def test_the_off_switch_of_a_channel_and_of_a_server(room: Room) -> None:
    discord = room.discord
    other = await discord.add_channel(room.guild, "other")
    for place, where in ((room.channel, "here"), (room.guild, "server")):
        channel = room.channel if where == "here" else other.id
        await shown(room, await discord.command(room.ada, channel, "settings", enabled=False, where=where))
        said = await discord.mention(room.ben, channel, "anybody?")
        told = await discord.wait_reply(channel, said, lambda m: True)
        assert "switched off" in told.content, place
        await shown(room, await discord.command(room.ada, channel, "settings", enabled=True, where=where))
        await asks(room, room.ben, channel, f"<@{discord.bot}> and now?")


async def test_a_channels_settings_hold_in_its_threads(room: Room) -> None:
    discord = room.discord
    thread = await discord.start_thread(room.ada, room.channel, "aside", None, type=11)
    await shown(room, await discord.command(room.ada, room.channel, "settings", answer_to="everything"))
    await asks(room, room.ben, thread.id, "nobody is named")
    page = text(await shown(room, await discord.command(room.ada, thread.id, "settings")))
    assert "everything _(channel)_" in page
    await shown(room, await discord.command(room.ada, room.channel, "settings", model="scripted-large"))
    _, _, seen = await asks(room, room.ben, thread.id, "and which model is this?")
    assert seen.body["model"] == "scripted-large"
    page = text(await shown(room, await discord.command(room.ada, thread.id, "settings", model="scripted")))
    assert "scripted _(here)_" in page
    _, _, seen = await asks(room, room.ben, thread.id, "and now?")
    assert seen.body["model"] == "scripted"


DENIED = "may not read"


async def test_what_shows_or_changes_a_conversation_is_checked_when_it_is_used(room: Room) -> None:
    """Each is offered while its user may read the channel, and used when they no longer may."""
    discord, model = room.discord, room.model
    said = await discord.mention(room.ada, room.channel, "for us alone")
    [first] = await answered(room, said)
    for number in range(4):
        await asks(room, room.ada, room.channel, f"<@{discord.bot}> filler {number}")
    page = await shown(room, await discord.command(room.ben, room.channel, "history"))
    number = await model.count()
    await model.script(GATE)
    asked = await discord.mention(room.ada, room.channel, "a long one")
    await model.wait(number)
    growing = await discord.wait_reply(room.channel, asked, lambda m: m.buttons())
    await discord.overwrite(room.channel, room.ben, deny=["read_message_history"])

    for used in (
        await discord.command(room.ben, room.channel, "history"),
        await discord.context_menu(room.ben, room.channel, "Show conversation history", first.id),
        await discord.press(room.ben, room.channel, page.id, "Export"),
        await discord.command(room.ben, room.channel, "stop"),
        await discord.command(room.ben, room.channel, "reset"),
        await discord.command(room.ben, room.channel, "settings"),
        await discord.press(room.ben, room.channel, growing.id, "Stop"),
        await discord.press(room.ben, room.channel, first.id, first.buttons()[0]["custom_id"]),
    ):
        told = await shown(room, used)
        assert DENIED in told.content and "for us alone" not in text(told) and not told.attachments
    await discord.press(room.ben, room.channel, page.id, "Older")
    await discord.until(lambda: discord.message(room.channel, page.id), lambda m: DENIED in m.content)
    assert (await history(room, room.channel)).running is not None
    await shown(room, await discord.command(room.ada, room.channel, "stop"))
    [stopped] = await answered(room, asked)
    again = await shown(room, await discord.press(room.ben, room.channel, stopped.id, "Try again"))
    assert DENIED in again.content
    assert not (await messages(room, room.channel))[0].feedback
