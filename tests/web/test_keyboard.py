"""Everything by keyboard: no test here touches a mouse, and what has the focus can be seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, expect

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.browser import ChatPage, open_chat

pytestmark = pytest.mark.browser

GATE = ScriptedResponse(kind="gate")
STOPS = 60
"""Tab stops from anywhere to anywhere in these tests, and more."""


async def reach(chat: ChatPage, name: str) -> None:
    """Go from one tab stop to the one before it until this is reached; it can be seen then."""
    for _ in range(STOPS):
        focused = chat.page.locator(":focus")
        if await focused.count():
            label = await focused.get_attribute("aria-label") or await focused.inner_text()
            if label.strip() == name:
                await expect(focused).to_be_in_viewport()
                await expect(focused).to_have_css("opacity", "1")
                await expect(focused).to_have_css("outline-style", "solid")
                return
        await chat.page.keyboard.press("Shift+Tab")
    raise AssertionError(f"{name!r} cannot be reached")


async def press(chat: ChatPage, name: str) -> None:
    """Reach a button or a link and press it."""
    await reach(chat, name)
    await chat.page.keyboard.press("Enter")


async def test_a_conversation_is_led_by_keyboard(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    keys, listed = chat.page.keyboard, chat.page.locator("#conversation-list a")
    await keys.type("first line")
    await keys.press("Shift+Enter")
    await keys.type("second line")
    await keys.press("Enter")
    await chat.expect_reply("echo: first line\nsecond line")
    await expect(chat.page.locator("h1")).to_have_text("A fine title")
    await stack.model.script(ScriptedResponse(kind="stall", text="So far"))
    await keys.type("go on")
    await keys.press("Enter")
    await chat.expect_reply("So far")
    await keys.press("Escape")
    await chat.expect_status("stopped")
    await press(chat, "Try again")
    await chat.expect_reply("echo: go on")
    await press(chat, "Rename")
    await keys.type("By hand")
    await keys.press("Enter")
    await expect(chat.page.locator("h1")).to_have_text("By hand")
    await expect(listed).to_have_text("By hand")
    await press(chat, "New conversation")
    await expect(chat.message_box).to_be_focused()
    await expect(chat.questions).to_have_count(0)
    await press(chat, "Draft a friendly note that moves a meeting to Friday")
    await expect(chat.message_box).to_be_focused()
    await expect(chat.message_box).to_have_value("Draft a friendly note that moves a meeting to Friday")
    await press(chat, "By hand")
    await chat.expect_reply("echo: go on")


async def test_deleting_and_its_undo_work_by_keyboard(context: BrowserContext) -> None:
    chat = await open_chat(context)
    keys, listed = chat.page.keyboard, chat.page.locator("#conversation-list a")
    await keys.type("hello")
    await keys.press("Enter")
    await expect(listed).to_have_text("A fine title")
    await press(chat, "Delete")
    await expect(listed).to_have_count(0)
    await expect(chat.message_box).to_be_focused()
    await press(chat, "Undo")
    await chat.expect_reply("echo: hello")
    await expect(listed).to_have_count(1)
    await expect(chat.message_box).to_be_focused()


async def test_words_are_changed_and_replies_answered_anew_by_keyboard(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    keys, said = chat.page.keyboard, chat.page.locator(".message .text, .message .body")
    await keys.type("first")
    await keys.press("Enter")
    await chat.expect_reply("echo: first")
    await press(chat, "Edit")
    await keys.press("ControlOrMeta+A")
    await keys.type("never mind")
    await keys.press("Tab")
    await keys.press("Enter")  # cancelled
    await expect(chat.page.get_by_role("button", name="Edit", exact=True)).to_be_focused()
    await expect(said).to_have_text(["first", "echo: first"])
    await press(chat, "Edit")
    await keys.press("ControlOrMeta+A")
    await keys.type("better")
    await keys.press("Enter")
    await expect(said).to_have_text(["better", "echo: better"])
    await chat.expect_status("answered")
    await press(chat, "Previous version")
    await expect(said).to_have_text(["first", "echo: first"])
    await press(chat, "Next version")  # the tab stop after this one: round the whole page
    await expect(said).to_have_text(["better", "echo: better"])

    number = await stack.model.count_requests()
    await stack.model.script(GATE)
    await press(chat, "Regenerate")
    asked = await stack.model.wait_for_question("better", number)
    await stack.model.release(asked.number, "Once upon")
    await chat.expect_reply("Once upon")
    await press(chat, "Stop")
    await chat.expect_status("stopped")
    number = await stack.model.count_requests()
    await stack.model.script(GATE)
    await press(chat, "Continue")
    asked = await stack.model.wait_for_question("Go on exactly where", number)
    await stack.model.release(asked.number, "a time.")
    await stack.model.finish(asked.number)
    await chat.expect_reply("Once upon a time.")
    await chat.expect_status("answered")


async def test_what_waits_is_taken_back_by_keyboard(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    keys = chat.page.keyboard
    await stack.model.script(GATE)
    await keys.type("first")
    await keys.press("Enter")
    await chat.expect_status("running")
    await keys.type("second")
    await keys.press("Enter")
    await expect(chat.questions.last.locator(".note")).to_have_text("Queued, next")
    await press(chat, "Cancel")
    await expect(chat.message_box).to_be_focused()
    await expect(chat.message_box).to_have_value("second")
    await keys.press("Escape")
    await chat.expect_status("stopped")


async def test_export_settings_and_search_work_by_keyboard(context: BrowserContext, tmp_path: Path) -> None:
    chat = await open_chat(context)
    keys = chat.page.keyboard
    await keys.type("a walnut tree")
    await keys.press("Enter")
    await expect(chat.page.locator("#conversation-list a")).to_have_text("A fine title")
    for step, ending in ((0, "md"), (1, "json"), (2, "md")):
        await press(chat, "Export")
        await expect(chat.page.get_by_role("menuitem", name="As Markdown")).to_be_focused()
        for _ in range(step):
            await keys.press("ArrowDown")
        async with chat.page.expect_download() as saving:
            await keys.press("Enter")
        assert (await saving.value).suggested_filename == f"A fine title.{ending}"
    await press(chat, "Export")
    await keys.press("Escape")
    await expect(chat.page.get_by_role("menu")).to_be_hidden()
    await expect(chat.page.get_by_role("button", name="Export")).to_be_focused()

    await press(chat, "Settings")
    theme = chat.page.get_by_label("Theme")
    await reach(chat, "Close")
    await keys.press("Tab")
    await expect(theme).to_be_focused()
    await keys.type("Da")
    await expect(theme).to_have_value("dark")
    await keys.press("Tab")  # there is no persona to choose
    await expect(chat.page.get_by_label("Model")).to_be_focused()
    await keys.type("scripted-large")
    await keys.press("Tab")
    await expect(chat.page.locator("#settings-note")).to_contain_text("Saved")
    await press(chat, "Create link")
    await expect(chat.page.get_by_label("Open this link on the other device")).to_be_focused()
    await keys.press("Escape")
    await expect(chat.page.get_by_role("button", name="Settings")).to_be_focused()
    await expect(chat.page.locator("#model")).to_have_text("scripted-large")

    await press(chat, "New conversation")
    await keys.press("ControlOrMeta+k")
    await keys.type("walnut")
    await expect(chat.page.locator("#search-results a.excerpt")).to_have_count(2)
    await keys.press("ArrowDown")
    await expect(chat.page.locator("#search-results a").first).to_be_focused()
    await keys.press("Tab")
    await expect(chat.page.locator("#search-results a.excerpt").first).to_be_focused()
    await keys.press("Enter")
    await expect(chat.page.locator(".message.linked")).to_contain_text("walnut")
    await expect(chat.page.locator("h1")).to_have_text("A fine title")


async def test_files_are_attached_and_removed_by_keyboard(
    context: BrowserContext, stack: Stack, tmp_path: Path
) -> None:
    (tmp_path / "notes.md").write_text("Ada is a cat.")
    (tmp_path / "wrong.md").write_text("Ada is a dog.")
    chat = await open_chat(context)
    keys = chat.page.keyboard
    async with chat.page.expect_file_chooser() as choosing:
        await press(chat, "Attach files")
    await (await choosing.value).set_files([tmp_path / "notes.md", tmp_path / "wrong.md"])
    await expect(chat.page.locator("#files .file")).to_have_count(2)
    await press(chat, "Remove wrong.md")
    await expect(chat.page.locator("#files .file")).to_have_text("notes.md")
    await expect(chat.message_box).to_be_focused()
    number = await stack.model.count_requests()
    await keys.type("who is Ada?")
    await keys.press("Enter")
    asked = str((await stack.model.wait_for_question("who is Ada?", number)).body["messages"])
    assert "Ada is a cat." in asked and "dog" not in asked
    await chat.expect_status("answered")
    await press(chat, "notes.md")
    await expect(chat.questions.locator("pre")).to_have_text("Ada is a cat.")


async def test_reading_far_up_and_coming_back_works_by_keyboard(context: BrowserContext, stack: Stack) -> None:
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    await stack.model.script(ScriptedResponse(text="a line\n\n" * 200 + "```python\nprint(1)\n```"))
    chat = await open_chat(context)
    keys = chat.page.keyboard
    await keys.type("a long one")
    await keys.press("Enter")
    await chat.expect_status("answered")
    await press(chat, "Link to this message")
    await expect(chat.page.locator("#toast-text")).to_have_text("Link copied")
    for _ in range(3):
        await keys.press("PageUp")
    await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_visible()
    await chat.message_box.focus()
    await press(chat, "Jump to latest")
    await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_hidden()
    await expect(chat.message_box).to_be_focused()
    await press(chat, "Copy")
    await expect(chat.last_reply.get_by_role("button", name="Copied")).to_be_visible()
