"""Replies as Discord shows them: streamed by edits, split when they are long, converted, and without notifications."""

from __future__ import annotations

import itertools

import pytest

from bots.discord import formatting
from tests.discord.stack import Server
from tests.discord.steps import ask, hold_turn, wait_for_reply, wait_for_reply_messages
from tests.fakes.model.protocol import ScriptedResponse


async def test_reply_streams_into_one_message_by_few_edits(server: Server) -> None:
    discord = server.discord
    turn = await hold_turn(server, server.ada, server.channel, "stream this")
    for word in ("One", " two", " three", " four"):
        await turn.write(word)
    preview = await discord.wait_reply(server.channel, turn.question, lambda m: m.content == "One two three four")
    assert [button.get("label") for button in preview.buttons()] == ["Stop"]
    await turn.finish(" five.")
    reply = await wait_for_reply(server, turn.question)
    assert reply.content == "One two three four five." and reply.id == preview.id
    edits = [revision for revision in reply.revisions if revision.route == "edit_message"]
    assert len(edits) <= 4
    assert all(later.at - earlier.at > 1 for earlier, later in itertools.pairwise(edits[:-1])), "Discord's pace"


async def test_long_reply_is_split_in_order_with_closed_code_blocks(server: Server) -> None:
    lines = [f"line {number:04d} = value" for number in range(500)]
    text = "\n".join(["Here is the code:", "", "```python", *lines, "```", "", "That was it."])
    assert len(text) > 9_000
    await server.model.script(ScriptedResponse(text=text, chunk=4000))
    question = await server.discord.mention(server.ada, server.channel, "write a lot")
    chunks = await wait_for_reply_messages(server, question, at_least=5)
    assert all(len(chunk.content) <= 2_000 and chunk.content.count("```") % 2 == 0 for chunk in chunks)
    whole = "\n".join(chunk.content for chunk in chunks)
    assert [line for line in whole.splitlines() if line.startswith("line ")] == lines
    assert whole.endswith("That was it.") and chunks[1].content.startswith("```python")
    assert all(chunk.reply_to == question.id for chunk in chunks)
    assert [len(chunk.buttons()) for chunk in chunks] == [*[1] * (len(chunks) - 1), 2]


async def test_very_long_reply_is_a_file_or_points_to_the_history(server: Server) -> None:
    discord = server.discord
    text = "\n".join(f"line {number:05d}" for number in range(4_000))
    response = ScriptedResponse(text=text, chunk=8000)
    await server.model.script(response)
    _, reply, _ = await ask(server, server.ada, server.channel, "write a book")
    assert reply.content.startswith("line 00000") and "attached" in reply.content
    assert (await discord.read_attachment(reply.attachments[0])).decode() == text
    await discord.set_overwrite(server.channel, discord.bot, deny=["attach_files"])
    await server.model.script(response)
    _, reply, _ = await ask(server, server.ada, server.channel, "and another")
    assert "/history" in reply.content and not reply.attachments


async def test_reply_notifies_nobody_and_shows_no_link_preview(server: Server) -> None:
    role = await server.discord.add_role(server.guild, "Crew", mentionable=True)
    text = f"@everyone @here <@{server.ben}> <@&{role.id}> see https://x.test " + "and more " * 300
    text += text[:60]  # a second message: a new message notifies where an edit would not
    await server.model.script(ScriptedResponse(text=text, chunk=400))
    question = await server.discord.mention(server.ada, server.channel, "shout")
    chunks = await wait_for_reply_messages(server, question, at_least=2)
    assert not any(chunk.notified or chunk.unfurls for chunk in chunks), chunks
    assert "@everyone" in chunks[0].content and server.ben in chunks[0].content


async def test_tables_small_headings_and_images_are_converted(server: Server) -> None:
    text = (
        "# Title\n#### Small\n| a | b |\n|---|:-:|\n| 1 | 2 |\n\n- **bold** ![pic](https://x.test/a.png)\n"
        "```\n| no | table |\n|---|---|\n```"
    )
    await server.model.script(ScriptedResponse(text=text))
    _, reply, _ = await ask(server, server.ada, server.channel, "format this")
    assert reply.content == (
        "# Title\n**Small**\n```\n| a | b |\n|---|:-:|\n| 1 | 2 |\n```\n\n- **bold** [pic](https://x.test/a.png)\n"
        "```\n| no | table |\n|---|---|\n```"
    )


@pytest.mark.parametrize(
    "text",
    [
        f"{'`' * 30}\n{'some code ' * 500}\n{'`' * 30}\nand so on",
        "```" + "z" * 1_995 + "\ncode\n" + "more code\n" * 300 + "```\nand so on",
        "a beginning" + "\n" * 5_000 + "and so on",
    ],
    ids=["wide fence", "long language name", "blank pages"],
)
def test_text_of_an_unusual_shape_is_kept_whole(text: str) -> None:
    content = "".join(assert_all_chunks_fit(text))
    assert content.endswith("and so on")
    assert all(content.count(word) >= text.count(word) for word in ("some", "code", "more", "beginning"))


def assert_all_chunks_fit(text: str) -> list[str]:
    """Check the chunks of a reply and its preview; return the chunks."""
    chunks = formatting.split_reply(text)
    if len(chunks) == 1 and len(text) > formatting.MAX_MESSAGE_LENGTH:
        chunks = [formatting.file_excerpt(text)]
    for content in (*chunks, formatting.preview(text)):
        assert content.strip() and len(content) <= formatting.MAX_MESSAGE_LENGTH, (len(content), text)
    return chunks
