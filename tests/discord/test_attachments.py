"""Attachments: text files and images are read, and the person learns which files could not be read."""

from __future__ import annotations

import base64

from tests.discord.stack import Server
from tests.discord.steps import ask, is_complete, prompt_text, set_rules
from tests.fakes.discord.control import make_file
from tests.fakes.discord.records import FaultKind

PNG = base64.b64decode("iVBORw0KGgo=")


async def test_text_files_are_read_whatever_type_discord_names(server: Server) -> None:
    files = [
        make_file("notes.md", b"my name is Ada", "text/markdown"),
        make_file("drawing.svg", b"<svg><text>my drawing</text></svg>", "image/svg+xml"),
        make_file("main.zig", b"const answer = 42;", None),
        make_file("a.bin", b"\x00\x01", "application/zip"),
        make_file("Makefile", b"\x00\x01", None),
    ]
    number = await server.model.count_requests()
    question = await server.discord.mention(server.ada, server.channel, "what is my name?", files=files)
    notice = await server.discord.wait_reply(server.channel, question, lambda m: "cannot read" in m.content)
    assert all(name in notice.content for name in ("a.bin", "Makefile"))
    assert not any(name in notice.content for name in ("notes.md", "drawing.svg", "main.zig"))
    reply = await server.discord.wait_reply(server.channel, question, is_complete)
    assert reply.content == "Your name is Ada."
    [request] = await server.model.requests(number)
    assert "my drawing" in prompt_text(request) and "const answer = 42;" in prompt_text(request)
    assert isinstance(request.body["messages"][-1]["content"], str), "no file was sent as an image"


async def test_images_reach_a_model_that_accepts_them(server: Server) -> None:
    files = [make_file("a.png", PNG, "image/png")]
    _, _, request = await ask(server, server.ada, server.channel, "what is this?", files=files)
    parts = request.body["messages"][-1]["content"]
    assert any(part["type"] == "image_url" and "iVBORw0KGgo=" in str(part) for part in parts)


async def test_files_that_cannot_be_downloaded_are_named_and_hold_up_nothing(server: Server) -> None:
    discord = server.discord
    kinds: dict[str, FaultKind] = {"failing.md": "fail", "cut.md": "cut"}
    for name, kind in kinds.items():
        await discord.add_fault("download", kind, times=20, contains=name)
    files = [make_file(name, b"the plan", "text/markdown") for name in kinds]
    question = await discord.mention(server.ada, server.channel, "what is the plan?", files=files)
    notice = await discord.wait_reply(server.channel, question, lambda m: m.content and not m.buttons())
    assert all(name in notice.content for name in kinds)
    await discord.wait_reply(server.channel, question, is_complete)
    await ask(server, server.ben, server.channel, "and mine?")


async def test_image_above_the_size_limit_is_named(server: Server) -> None:
    """In base64 it is two characters longer than there is room for."""
    picture = make_file("big.png", b"\x89" * (256 * 1024 * 3 // 4 - 1), "image/png")
    question = await server.discord.mention(server.ada, server.channel, "look", files=[picture])
    await server.discord.wait_reply(server.channel, question, lambda m: "big.png" in m.content)
    await ask(server, server.ben, server.channel, "and mine?")


async def test_bot_shows_typing_while_it_downloads_files(server: Server) -> None:
    discord = server.discord
    await discord.add_fault("download", "hold", contains="slow.md")
    files = [make_file("slow.md", b"my name is Ada", "text/markdown")]
    question = await discord.mention(server.ada, server.channel, "what is my name?", files=files)
    await discord.wait_until(
        lambda: discord.calls("trigger_typing"),
        lambda calls: any(server.channel in call.path for call in calls),
    )
    await discord.release_held_calls()
    reply = await discord.wait_reply(server.channel, question, is_complete)
    assert reply.content == "Your name is Ada."


async def test_files_of_the_message_replied_to_are_read(server: Server) -> None:
    discord = server.discord
    await ask(server, server.ada, server.channel, "hello")
    await set_rules(server, server.channel, answer_in="thread")  # a conversation that has read nothing yet
    files = [make_file("cat.png", PNG, "image/png"), make_file("n.txt", b"my name is Ada", "text/plain")]
    files.append(make_file("a.bin", b"\x00\x01", "application/zip"))
    source = await discord.post(server.ben, server.channel, "", files=files)
    number = await server.model.count_requests()
    question = await discord.mention(server.ada, server.channel, "what is in this?", reply_to=source.id)
    reply = await discord.wait_reply(question.id, None, is_complete)
    assert "what is in this?" in reply.content
    notice = await discord.wait_reply(server.channel, question, lambda m: "cannot read" in m.content)
    assert "a.bin" in notice.content and "cat.png" not in notice.content
    request = (await server.model.requests(number))[0]
    parts = [part for m in request.body["messages"] if isinstance(m["content"], list) for part in m["content"]]
    assert any(part["type"] == "image_url" for part in parts) and "my name is Ada" in str(parts)
    [thread] = await discord.threads(server.channel)
    assert thread.name == "what is in this?", "the title is the question, not the message replied to"
