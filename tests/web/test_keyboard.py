"""Every action works with the keyboard alone, and the focused element is visible and outlined."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, expect

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.browser import ChatPage, open_chat
from tests.web.page_actions import expect_texts, rename_conversation

pytestmark = pytest.mark.browser

GATE = ScriptedResponse(kind="gate")
FOCUSED_NAME = "(document.activeElement.getAttribute('aria-label') || document.activeElement.innerText || '').trim()"
MAX_TAB_STOPS = 60
"""More than any page of these tests has."""


async def focus(chat: ChatPage, name: str) -> None:
    """Press Shift+Tab until the element with this name has the focus; it must be visible and outlined."""
    for _ in range(MAX_TAB_STOPS):
        if await chat.page.evaluate(FOCUSED_NAME) == name:
            focused = chat.page.locator(":focus")
            await expect(focused).to_be_in_viewport()
            await expect(focused).to_have_css("opacity", "1")
            await expect(focused).to_have_css("outline-style", "solid")
            return
        await chat.page.keyboard.press("Shift+Tab")
    raise AssertionError(f"no tab stop is named {name!r}")


async def press(chat: ChatPage, name: str) -> None:
    """Move the focus to a button or link and press Enter."""
    await focus(chat, name)
    await chat.page.keyboard.press("Enter")


async def test_messages_renaming_and_navigation_work_by_keyboard(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    keyboard, links = chat.page.keyboard, chat.links
    await keyboard.type("first line")
    await keyboard.press("Shift+Enter")
    await keyboard.type("second line")
    await keyboard.press("Enter")
    await chat.expect_reply("echo: first line\nsecond line")
    await expect(chat.page.locator("h1")).to_have_text("A fine title")
    await stack.model.script(ScriptedResponse(kind="stall", text="So far"))
    await keyboard.type("go on")
    await keyboard.press("Enter")
    await chat.expect_reply("So far")
    await keyboard.press("Escape")
    await chat.expect_status("stopped")
    await press(chat, "Try again")
    await chat.expect_reply("echo: go on")
    await press(chat, "Rename")
    await keyboard.type("By hand")
    await keyboard.press("Enter")
    await expect(chat.page.locator("h1")).to_have_text("By hand")
    await expect(links).to_have_text("By hand")
    await press(chat, "New conversation")
    await expect(chat.message_box).to_be_focused()
    await expect(chat.questions).to_have_count(0)
    await press(chat, "Draft a friendly note that moves a meeting to Friday")
    await expect(chat.message_box).to_be_focused()
    await expect(chat.message_box).to_have_value("Draft a friendly note that moves a meeting to Friday")
    await press(chat, "By hand")
    await chat.expect_reply("echo: go on")


async def test_deletion_and_undo_work_by_keyboard(context: BrowserContext) -> None:
    chat = await open_chat(context)
    keyboard, links = chat.page.keyboard, chat.links
    await keyboard.type("hello")
    await keyboard.press("Enter")
    await expect(links).to_have_text("A fine title")
    await press(chat, "Delete")
    await expect(links).to_have_count(0)
    await expect(chat.message_box).to_be_focused()
    await press(chat, "Undo")
    await chat.expect_reply("echo: hello")
    await expect(links).to_have_count(1)
    await expect(chat.message_box).to_be_focused()


async def test_editing_regenerating_and_continuing_work_by_keyboard(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    keyboard = chat.page.keyboard
    await keyboard.type("first")
    await keyboard.press("Enter")
    await chat.expect_reply("echo: first")
    await press(chat, "Edit")
    await keyboard.press("ControlOrMeta+A")
    await keyboard.type("never mind")
    await keyboard.press("Tab")
    await keyboard.press("Enter")  # on Cancel
    await expect(chat.page.get_by_role("button", name="Edit", exact=True)).to_be_focused()
    await expect_texts(chat, "first", "echo: first")
    await press(chat, "Edit")
    await keyboard.press("ControlOrMeta+A")
    await keyboard.type("better")
    await keyboard.press("Enter")
    await expect_texts(chat, "better", "echo: better")
    await chat.expect_status("answered")
    await press(chat, "Previous version")
    await expect_texts(chat, "first", "echo: first")
    await press(chat, "Next version")  # the tab stop after the current one: the focus goes around the whole page
    await expect_texts(chat, "better", "echo: better")

    number = await stack.model.count_requests()
    await stack.model.script(GATE)
    await press(chat, "Regenerate")
    request = await stack.model.wait_for_question("better", number)
    await stack.model.release(request, "Once upon")
    await chat.expect_reply("Once upon")
    await press(chat, "Stop")
    await chat.expect_status("stopped")
    number = await stack.model.count_requests()
    await stack.model.script(GATE)
    await press(chat, "Continue")
    request = await stack.model.wait_for_question("Go on exactly where", number)
    await stack.model.release(request, "a time.")
    await stack.model.finish(request)
    await chat.expect_reply("Once upon a time.")
    await chat.expect_status("answered")


async def test_a_queued_message_is_cancelled_by_keyboard(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    keyboard = chat.page.keyboard
    await stack.model.script(GATE)
    await keyboard.type("first")
    await keyboard.press("Enter")
    await chat.expect_status("running")
    await keyboard.type("second")
    await keyboard.press("Enter")
    await expect(chat.questions.last.locator(".note")).to_have_text("Queued, next")
    await press(chat, "Cancel")
    await expect(chat.message_box).to_be_focused()
    await expect(chat.message_box).to_have_value("second")
    await keyboard.press("Escape")
    await chat.expect_status("stopped")


async def test_export_settings_and_search_work_by_keyboard(context: BrowserContext, tmp_path: Path) -> None:
    chat = await open_chat(context)
    keyboard = chat.page.keyboard
    await keyboard.type("a walnut tree")
    await keyboard.press("Enter")
    await expect(chat.links).to_have_text("A fine title")
    await rename_conversation(chat, "Trees: a start")
    await expect(chat.links).to_have_text("Trees: a start")
    for presses, suffix in ((0, "md"), (1, "json"), (2, "md")):
        await press(chat, "Export")
        await expect(chat.page.get_by_role("menuitem", name="As Markdown")).to_be_focused()
        for _ in range(presses):
            await keyboard.press("ArrowDown")
        async with chat.page.expect_download() as download:
            await keyboard.press("Enter")
        file = await download.value
        assert file.suggested_filename == f"Trees a start.{suffix}"
        await file.save_as(tmp_path / suffix)
    markdown = (tmp_path / "md").read_text()
    assert markdown.startswith("# Trees: a start\n")
    assert markdown.index("\na walnut tree") < markdown.index("echo: a walnut tree")
    exported = json.loads((tmp_path / "json").read_text())
    assert [message["text"] for message in exported["messages"]] == ["a walnut tree", "echo: a walnut tree"]
    await press(chat, "Export")
    await keyboard.press("Escape")
    await expect(chat.page.get_by_role("menu")).to_be_hidden()
    await expect(chat.page.get_by_role("button", name="Export")).to_be_focused()

    await press(chat, "Settings")
    theme = chat.page.get_by_label("Theme")
    await focus(chat, "Close")
    await keyboard.press("Tab")
    await expect(theme).to_be_focused()
    await keyboard.type("Da")
    await expect(theme).to_have_value("dark")
    await keyboard.press("Tab")  # the persona is not shown, because none is configured
    await expect(chat.page.get_by_label("Model")).to_be_focused()
    await keyboard.type("scripted-large")
    await keyboard.press("Tab")
    await expect(chat.page.locator("#settings-note")).to_contain_text("Saved")
    await press(chat, "Create link")
    await expect(chat.page.get_by_label("Open this link on the other device")).to_be_focused()
    await keyboard.press("Escape")
    await expect(chat.page.get_by_role("button", name="Settings")).to_be_focused()
    await expect(chat.page.locator("#model")).to_have_text("scripted-large")

    await press(chat, "New conversation")
    await keyboard.press("ControlOrMeta+k")
    await keyboard.type("walnut")
    await expect(chat.page.locator("#search-results a.excerpt")).to_have_count(2)
    await keyboard.press("ArrowDown")
    await expect(chat.page.locator("#search-results a").first).to_be_focused()
    await keyboard.press("Tab")
    await expect(chat.page.locator("#search-results a.excerpt").first).to_be_focused()
    await keyboard.press("Enter")
    await expect(chat.page.locator(".message.linked")).to_contain_text("walnut")
    await expect(chat.page.locator("h1")).to_have_text("Trees: a start")


async def test_files_are_attached_and_removed_by_keyboard(
    context: BrowserContext, stack: Stack, tmp_path: Path
) -> None:
    (tmp_path / "notes.md").write_text("Ada is a cat.")
    (tmp_path / "wrong.md").write_text("Ada is a dog.")
    chat = await open_chat(context)
    keyboard = chat.page.keyboard
    async with chat.page.expect_file_chooser() as chooser:
        await press(chat, "Attach files")
    await (await chooser.value).set_files([tmp_path / "notes.md", tmp_path / "wrong.md"])
    await expect(chat.page.locator("#files .file")).to_have_count(2)
    await press(chat, "Remove wrong.md")
    await expect(chat.page.locator("#files .file")).to_have_text("notes.md")
    await expect(chat.message_box).to_be_focused()
    number = await stack.model.count_requests()
    await keyboard.type("who is Ada?")
    await keyboard.press("Enter")
    messages = str((await stack.model.wait_for_question("who is Ada?", number)).body["messages"])
    assert "Ada is a cat." in messages and "dog" not in messages
    await chat.expect_status("answered")
    await press(chat, "notes.md")
    await expect(chat.questions.locator("pre")).to_have_text("Ada is a cat.")


async def test_links_scrolling_and_copying_work_by_keyboard(context: BrowserContext, stack: Stack) -> None:
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    await stack.model.script(ScriptedResponse(text="a line\n\n" * 200 + "```python\nprint(1)\n```"))
    chat = await open_chat(context)
    keyboard = chat.page.keyboard
    await keyboard.type("a long one")
    await keyboard.press("Enter")
    await chat.expect_status("answered")
    await press(chat, "Link to this message")
    await expect(chat.toast).to_have_text("Link copied")
    for _ in range(3):
        await keyboard.press("PageUp")
    await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_visible()
    await chat.message_box.focus()
    await press(chat, "Jump to latest")
    await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_hidden()
    await expect(chat.message_box).to_be_focused()
    await press(chat, "Copy")
    await expect(chat.last_reply.get_by_role("button", name="Copied")).to_be_visible()
