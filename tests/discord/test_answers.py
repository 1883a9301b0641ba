"""How the bot answers: streamed by edits, split where it is long, and without power over anybody's attention."""

from __future__ import annotations

import itertools
import random

import pytest

from bots.discord import formatting
from tests.discord.rooms import GATE, Room, answered, asks, history, is_done
from tests.fakes.model.protocol import Behaviour


async def test_a_reply_streams_by_edits_at_discords_pace_into_one_message(room: Room) -> None:
    discord, model = room.discord, room.model
    number = await model.count()
    await model.script(GATE)
    said = await discord.mention(room.ada, room.channel, "stream this")
    running = await model.wait(number)
    for word in ("One", " two", " three", " four"):
        await model.release(running.number, word)
    shown = await discord.wait_reply(room.channel, said, lambda m: m.content == "One two three four")
    assert [one.get("label") for one in shown.buttons()] == ["Stop"]
    await model.release(running.number, " five.")
    await model.finish(running.number)
    [reply] = await answered(room, said)
    assert reply.content == "One two three four five." and reply.id == shown.id
    edits = [one for one in reply.revisions if one.via == "edit_message"]
    assert len(edits) <= 4
    assert all(later.at - one.at > 1 for one, later in itertools.pairwise(edits[:-1]))


async def test_a_long_reply_arrives_whole_in_order_with_its_fences_intact(room: Room) -> None:
    lines = "\n".join(f"line {n:04d} = value" for n in range(500))
    text = f"Here is the code:\n\n```python\n{lines}\n```\n\nThat was it."
    assert len(text) > 9_000
    await room.model.script(Behaviour(text=text, chunk=4000))
    said = await room.discord.mention(room.ada, room.channel, "write a lot")
    parts = await answered(room, said, parts=5)
    assert all(len(one.content) <= 2_000 and one.content.count("```") % 2 == 0 for one in parts)
    whole = "\n".join(one.content for one in parts)
    assert [line for line in whole.splitlines() if line.startswith("line ")] == lines.splitlines()
    assert whole.endswith("That was it.") and parts[1].content.startswith("```python")
    assert all(one.reply_to == said.id for one in parts)
    assert [len(one.buttons()) for one in parts] == [*[1] * (len(parts) - 1), 2]


@pytest.mark.parametrize(
    "text",
    [
        f"{'`' * 30}\n{'some code ' * 500}\n{'`' * 30}\nand so on",
        "```" + "z" * 1_995 + "\ncode\n" + "more code\n" * 300 + "```\nand so on",
        "a beginning" + "\n" * 5_000 + "and so on",
    ],
    ids=["a wide fence", "a long language", "blank pages"],
)
async def test_text_of_an_odd_shape_arrives_whole(room: Room, text: str) -> None:
    """Discord refuses a message that is blank, or one character too long."""
    await room.model.script(Behaviour(text=text, chunk=4000))
    said = await room.discord.mention(room.ada, room.channel, "write something odd")
    parts = await room.discord.until(
        lambda: room.discord.replies(room.channel, said),
        lambda found: len(found) > 1 and found[-1].content.endswith("and so on"),
    )
    words = "".join(one.content for one in parts)
    assert all(words.count(word) >= text.count(word) for word in ("some", "code", "more", "beginning"))


def test_parts_fit_and_are_never_blank() -> None:
    chance = random.Random(7)
    pieces = ["\n", " ", "```", "````py\n", "words ", "\n\n", "| a | b |\n|---|---|\n", "~~~", "\n" * 900]
    for _ in range(500):
        more = ["x" * chance.randint(1, 900), "`" * chance.randint(1, 80), "~" * chance.randint(1, 80)]
        text = "an answer" + "".join(chance.choice([*pieces, *more]) for _ in range(chance.randint(1, 60)))
        parts = formatting.split_reply(text)
        if len(parts) == 1 and len(text) > formatting.MAX_MESSAGE_LENGTH:
            parts = [formatting.file_excerpt(text)]
        for part in (*parts, formatting.preview(text)):
            assert part.strip() and len(part) <= formatting.MAX_MESSAGE_LENGTH, (len(part), text)


async def test_a_very_long_reply_comes_as_a_file(room: Room) -> None:
    text = "\n".join(f"line {n:05d}" for n in range(4_000))
    await room.model.script(Behaviour(text=text, chunk=8000))
    said = await room.discord.mention(room.ada, room.channel, "write a book")
    [reply] = await answered(room, said)
    assert reply.content.startswith("line 00000") and "attached" in reply.content
    assert (await room.discord.download(reply.attachments[0])).decode() == text


async def test_where_no_file_may_be_attached_the_person_is_told(room: Room) -> None:
    await room.discord.overwrite(room.channel, room.discord.bot, deny=["attach_files"])
    text = "\n".join(f"line {n:05d}" for n in range(4_000))
    await room.model.script(Behaviour(text=text, chunk=8000))
    said = await room.discord.mention(room.ada, room.channel, "write a book")
    [reply] = await answered(room, said)
    assert "/history" in reply.content and not reply.attachments


async def test_model_output_pings_nobody_and_unfurls_nothing(room: Room) -> None:
    role = await room.discord.add_role(room.guild, "Crew", mentionable=True)
    text = f"@everyone @here <@{room.ben}> <@&{role.id}> see https://x.test " + "and more " * 300
    text += text[:60]  # a part that is posted pings where an edit would not
    await room.model.script(Behaviour(text=text, chunk=400, delay=0.02))
    said = await room.discord.mention(room.ada, room.channel, "shout")
    parts = await answered(room, said, parts=2)
    assert not any(one.pings or one.unfurls for one in parts), parts
    assert "@everyone" in parts[0].content and room.ben in parts[0].content


async def test_what_the_stop_button_stops_can_be_tried_again_in_the_same_message(room: Room) -> None:
    discord, model = room.discord, room.model
    number = await model.count()
    await model.script(GATE)
    said = await discord.mention(room.ada, room.channel, "a long story")
    running = await model.wait(number)
    await model.release(running.number, "Once upon")
    shown = await discord.wait_reply(room.channel, said, lambda m: "Once upon" in m.content)
    pressed = await discord.press(room.ben, room.channel, shown.id, "Stop")
    assert pressed.state == "answered"
    [stopped] = await answered(room, said)
    assert "Once upon" in stopped.content and "stopped" in stopped.content
    assert (await history(room, room.channel)).messages[-1].status == "stopped"
    for person in (room.ada, room.ben):
        await discord.press(person, room.channel, shown.id, "Try again")
    await discord.until(lambda: discord.replies(room.channel, said), lambda found: "a long story" in found[0].content)
    await asks(room, room.ada, room.channel, f"<@{discord.bot}> something else")
    assert [one.id for one in await discord.replies(room.channel, said)] == [shown.id]
    assert len([m for m in (await history(room, room.channel)).messages if m.role == "assistant"]) == 3


async def test_a_long_reply_that_is_answered_anew_leaves_nothing_of_the_old_one(room: Room) -> None:
    """Its second part is posted again, which the nonce of the deleted one would forbid."""
    discord, model = room.discord, room.model
    long = "\n".join(f"first {n:05d}" for n in range(300))
    number = await model.count()
    await model.script(GATE)
    said = await discord.mention(room.ada, room.channel, "twice")
    running = await model.wait(number)
    await model.release(running.number, long)
    shown = await discord.wait_reply(room.channel, said, lambda m: "first 00299" in m.content)
    await discord.press(room.ada, room.channel, shown.id, "Stop")
    parts = await answered(room, said, parts=2)
    await model.script(Behaviour(text=long.replace("first", "later"), chunk=3000))
    await discord.press(room.ada, room.channel, parts[-1].id, "Try again")
    later = await discord.until(
        lambda: discord.replies(room.channel, said),
        lambda found: len(found) == 2 and all(is_done(one) and "later" in one.content for one in found),
    )
    assert later[0].id == parts[0].id and later[1].id != parts[1].id
    assert not any("first" in one.content for one in later)


async def test_a_failed_turn_says_so_and_offers_to_try_again(room: Room) -> None:
    discord = room.discord
    await room.model.script(Behaviour(kind="fail", status=401, body={"error": {"message": "no"}}))
    said = await discord.mention(room.ada, room.channel, "will fail")
    [failed] = await answered(room, said)
    assert [one["label"] for one in failed.buttons()] == ["Try again"] and "Traceback" not in failed.content
    await discord.press(room.ada, room.channel, failed.id, "Try again")
    await discord.wait_reply(room.channel, said, lambda m: "will fail" in m.content and is_done(m))


async def test_feedback_is_kept_with_the_turn(room: Room) -> None:
    discord = room.discord
    _, reply, _ = await asks(room, room.ada, room.channel, f"<@{discord.bot}> how was I?")
    up, down = (one["custom_id"] for one in reply.buttons())
    await discord.press(room.ada, room.channel, reply.id, up)
    await discord.press(room.ben, room.channel, reply.id, down)
    kept = await discord.until(lambda: history(room, room.channel), lambda h: len(h.messages[-1].feedback) == 2)
    assert kept.messages[-1].feedback == {room.ada: "up", room.ben: "down"}


async def test_help_says_what_this_is_and_what_is_kept(room: Room) -> None:
    said = await room.discord.mention(room.ada, room.channel, "help")
    told = await room.discord.wait_reply(room.channel, said, lambda m: "AI" in m.content)
    assert all(word in told.content for word in ("AI", "kept", "read it", "forget"))


async def test_stop_all_by_name_takes_back_what_waits(room: Room) -> None:
    discord, model = room.discord, room.model
    number = await model.count()
    await model.script(GATE)
    await discord.mention(room.ada, room.channel, "first")
    await model.wait(number)
    await discord.mention(room.ada, room.channel, "second")
    await discord.until(lambda: history(room, room.channel), lambda h: len(h.waiting) == 1)
    await discord.mention(room.ben, room.channel, "stop all")
    whole = await discord.until(
        lambda: history(room, room.channel), lambda h: not h.waiting and not h.running and h.messages
    )
    assert [m.status for m in whole.messages if m.role == "assistant"] == ["stopped"]
    await asks(room, room.ada, room.channel, f"<@{discord.bot}> third")


async def test_markdown_is_shown_as_discord_shows_it(room: Room) -> None:
    text = (
        "# Title\n#### Small\n| a | b |\n|---|:-:|\n| 1 | 2 |\n\n- **bold** ![pic](https://x.test/a.png)\n"
        "```\n| no | table |\n|---|---|\n```"
    )
    await room.model.script(Behaviour(text=text))
    said = await room.discord.mention(room.ada, room.channel, "format this")
    [reply] = await answered(room, said)
    assert reply.content == (
        "# Title\n**Small**\n```\n| a | b |\n|---|:-:|\n| 1 | 2 |\n```\n\n- **bold** [pic](https://x.test/a.png)\n"
        "```\n| no | table |\n|---|---|\n```"
    )
