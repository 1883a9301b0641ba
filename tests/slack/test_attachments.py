"""Attached files: read if the model can read them, otherwise named to the person; no file blocks the thread."""

from __future__ import annotations

import base64

from tests.fakes.slack.models import make_file
from tests.slack.stack import Workspace
from tests.slack.steps import ask, prompt_text, read_history, wait_for_ephemerals, wait_for_history


async def test_text_file_is_read_and_binary_file_is_named(workspace: Workspace) -> None:
    slack = workspace.slack
    files = [
        make_file("notes.md", b"my name is Ada", "text/markdown"),
        make_file("a.bin", b"\x00\x01", "application/zip"),
    ]
    _, request = await ask(
        workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> what is in there?", files=files
    )
    assert "my name is Ada" in prompt_text(request) and "a.bin" in prompt_text(request)
    [ephemeral] = await wait_for_ephemerals(workspace, workspace.ada, workspace.channel)
    assert "a.bin" in ephemeral.text and "notes.md" not in ephemeral.text


async def test_picture_reaches_a_model_with_image_input(workspace: Workspace) -> None:
    picture = make_file("a.png", base64.b64decode("iVBORw0KGgo="), "image/png")
    text = f"<@{workspace.slack.bot}> what is this?"
    _, request = await ask(workspace, workspace.ada, workspace.channel, text, files=[picture])
    parts = request.body["messages"][-1]["content"]
    assert any(part["type"] == "image_url" and "iVBORw0KGgo=" in str(part) for part in parts)


async def test_blank_messages_and_empty_files_are_not_sent_to_the_model(workspace: Workspace) -> None:
    slack, before = workspace.slack, len(await workspace.model.requests())
    binary, empty = make_file("b.bin", b"\x00", "application/zip"), make_file("empty.txt", b"")
    await slack.mention(workspace.ada, workspace.channel, "")
    await slack.mention(workspace.ada, workspace.channel, "\u200b\u2060 \ufeff")
    await slack.mention(workspace.ada, workspace.channel, " ", files=[binary])
    await slack.mention(workspace.ada, workspace.channel, "\u3164", files=[empty])
    ephemerals = await wait_for_ephemerals(workspace, workspace.ada, workspace.channel, 4)
    for text in ("Write your question", "b.bin", "empty.txt"):
        assert any(text in ephemeral.text for ephemeral in ephemerals)
    assert len(await workspace.model.requests()) == before and await slack.replies(workspace.channel) == []


async def test_file_with_a_broken_download_is_named(workspace: Workspace) -> None:
    slack = workspace.slack
    await slack.add_fault("files.download", "cut", contains="torn.txt")
    torn = make_file("torn.txt", b"half of it " * 5_000)
    question, request = await ask(
        workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> what does it say?", files=[torn]
    )
    [ephemeral] = await wait_for_ephemerals(workspace, workspace.ada, workspace.channel)
    assert "torn.txt" in ephemeral.text and "half of it" not in prompt_text(request)
    await ask(workspace, workspace.ada, workspace.channel, "and without it?", thread_ts=question.ts)


async def test_picture_just_over_the_size_limit_is_named(workspace: Workspace) -> None:
    """With the two characters of the file before it, its base64 form is two characters too long; alone it would fit."""
    slack = workspace.slack
    files = [make_file("two.txt", b"ab"), make_file("large.png", b"\x89" * 196_606, "image/png")]
    question, request = await ask(
        workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> what is this?", files=files
    )
    [ephemeral] = await wait_for_ephemerals(workspace, workspace.ada, workspace.channel)
    assert "large.png" in ephemeral.text and "two.txt" not in ephemeral.text and "two.txt" in prompt_text(request)
    await ask(workspace, workspace.ada, workspace.channel, "and without it?", thread_ts=question.ts)


async def test_text_file_in_another_encoding_is_decoded(workspace: Workspace) -> None:
    slack = workspace.slack
    file = make_file("masse.csv", "Raum;Größe\nCafé;fünf Meter\n".encode("utf-16"), "text/csv")
    _, request = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> how large?", files=[file])
    assert "\nRaum;Größe\nCafé;fünf Meter" in prompt_text(request)
    assert not await slack.ephemerals(workspace.channel, workspace.ada)


async def test_html_file_is_read_and_slacks_sign_in_page_is_not(workspace: Workspace) -> None:
    slack = workspace.slack
    page = make_file("page.html", b"<p>my name is Ada</p>", "text/html")
    _, request = await ask(
        workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> what is in there?", files=[page]
    )
    assert "<p>my name is Ada</p>" in prompt_text(request)
    assert not await slack.ephemerals(workspace.channel, workspace.ada)
    scopes = slack.app.scopes
    await slack.configure_app(scopes=[scope for scope in scopes if scope != "files:read"])
    try:
        _, request = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> and now?", files=[page])
    finally:
        await slack.configure_app(scopes=scopes)
    [ephemeral] = await wait_for_ephemerals(workspace, workspace.ada, workspace.channel)
    assert "page.html" in ephemeral.text and "Sign in" not in prompt_text(request)


async def test_files_in_the_thread_are_read_at_the_mention(workspace: Workspace) -> None:
    slack = workspace.slack
    files = [make_file("plan.md", b"the launch is on Friday", "text/markdown"), make_file("a.bin", b"\x00", "x/bin")]
    root = await slack.post(workspace.ada, workspace.channel, "see the plan", files=files)
    await slack.post(
        workspace.ada, workspace.channel, "", thread_ts=root.ts, files=[make_file("only.zip", b"\x00", "x/zip")]
    )
    text = f"<@{slack.bot}> when is the launch?"
    _, request = await ask(workspace, workspace.ben, workspace.channel, text, thread_ts=root.ts)
    assert "the launch is on Friday" in prompt_text(request) and "only.zip" in prompt_text(request)
    [ephemeral] = await wait_for_ephemerals(workspace, workspace.ben, workspace.channel)
    assert "a.bin" in ephemeral.text and "only.zip" in ephemeral.text and "plan.md" not in ephemeral.text


async def test_files_of_a_forwarded_message_are_read(workspace: Workspace) -> None:
    slack = workspace.slack
    plan = make_file("plan.md", b"the launch is on Friday", "text/markdown")
    source = await slack.post(workspace.ben, workspace.channel, "see the plan", files=[plan])
    number = await workspace.model.count_requests()
    await slack.share_message(workspace.ada, workspace.dm_channel, workspace.channel, source.ts, "when is it?")
    request = await workspace.model.wait_for_request(number)
    assert "the launch is on Friday" in prompt_text(request) and "> see the plan" in prompt_text(request)


async def test_removed_file_leaves_the_conversation(workspace: Workspace) -> None:
    slack = workspace.slack
    files = [make_file("keep.txt", b"the launch is on Friday"), make_file("oops.txt", b"the password is 1234")]
    root, request = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> read these", files=files)
    assert "the password is 1234" in prompt_text(request)
    await slack.edit(workspace.ada, workspace.channel, root.ts, f"<@{slack.bot}> read them well")
    await wait_for_history(workspace, root, lambda h: h.messages and h.messages[0].text == "read them well")
    assert len((await read_history(workspace, root)).messages[0].attachments) == 2
    await slack.remove_file(workspace.ada, workspace.channel, root.ts, "oops.txt")
    await wait_for_history(
        workspace,
        root,
        lambda h: [file.name for file in h.messages[0].attachments] == ["keep.txt"],
    )
    _, request = await ask(workspace, workspace.ada, workspace.channel, "and now?", thread_ts=root.ts)
    assert "the launch is on Friday" in prompt_text(request) and "1234" not in str(request.body["messages"][1])
