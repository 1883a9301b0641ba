"""Everything by keyboard: no test here touches a mouse, and what has the focus can be seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, expect

from tests.fakes.model.protocol import Behaviour
from tests.processes import Stack
from tests.web.browser import Window, window

pytestmark = pytest.mark.browser

GATE = Behaviour(kind="gate")
STOPS = 60
"""Tab stops from anywhere to anywhere in these tests, and more."""


async def reach(one: Window, name: str) -> None:
    """Go from one tab stop to the one before it until this is reached; it can be seen then."""
    for _ in range(STOPS):
        focused = one.page.locator(":focus")
        if await focused.count():
            label = await focused.get_attribute("aria-label") or await focused.inner_text()
            if label.strip() == name:
                await expect(focused).to_be_in_viewport()
                await expect(focused).to_have_css("opacity", "1")
                await expect(focused).to_have_css("outline-style", "solid")
                return
        await one.page.keyboard.press("Shift+Tab")
    raise AssertionError(f"{name!r} cannot be reached")


async def press(one: Window, name: str) -> None:
    """Reach a button or a link and press it."""
    await reach(one, name)
    await one.page.keyboard.press("Enter")


async def test_a_conversation_is_led_by_keyboard(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    keys, listed = one.page.keyboard, one.page.locator("#conversation-list a")
    await keys.type("first line")
    await keys.press("Shift+Enter")
    await keys.type("second line")
    await keys.press("Enter")
    await one.says("echo: first line\nsecond line")
    await expect(one.page.locator("h1")).to_have_text("A fine title")
    await stack.model.script(Behaviour(kind="stall", text="So far"))
    await keys.type("go on")
    await keys.press("Enter")
    await one.says("So far")
    await keys.press("Escape")
    await one.stands("stopped")
    await press(one, "Try again")
    await one.says("echo: go on")
    await press(one, "Rename")
    await keys.type("By hand")
    await keys.press("Enter")
    await expect(one.page.locator("h1")).to_have_text("By hand")
    await expect(listed).to_have_text("By hand")
    await press(one, "New conversation")
    await expect(one.box).to_be_focused()
    await expect(one.questions).to_have_count(0)
    await press(one, "Draft a friendly note that moves a meeting to Friday")
    await expect(one.box).to_be_focused()
    await expect(one.box).to_have_value("Draft a friendly note that moves a meeting to Friday")
    await press(one, "By hand")
    await one.says("echo: go on")


async def test_deleting_and_its_undo_work_by_keyboard(person: BrowserContext) -> None:
    one = await window(person)
    keys, listed = one.page.keyboard, one.page.locator("#conversation-list a")
    await keys.type("hello")
    await keys.press("Enter")
    await expect(listed).to_have_text("A fine title")
    await press(one, "Delete")
    await expect(listed).to_have_count(0)
    await expect(one.box).to_be_focused()
    await press(one, "Undo")
    await one.says("echo: hello")
    await expect(listed).to_have_count(1)
    await expect(one.box).to_be_focused()


async def test_words_are_changed_and_replies_answered_anew_by_keyboard(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    keys, said = one.page.keyboard, one.page.locator(".message .text, .message .body")
    await keys.type("first")
    await keys.press("Enter")
    await one.says("echo: first")
    await press(one, "Edit")
    await keys.press("ControlOrMeta+A")
    await keys.type("never mind")
    await keys.press("Tab")
    await keys.press("Enter")  # cancelled
    await expect(one.page.get_by_role("button", name="Edit", exact=True)).to_be_focused()
    await expect(said).to_have_text(["first", "echo: first"])
    await press(one, "Edit")
    await keys.press("ControlOrMeta+A")
    await keys.type("better")
    await keys.press("Enter")
    await expect(said).to_have_text(["better", "echo: better"])
    await one.stands("answered")
    await press(one, "Previous version")
    await expect(said).to_have_text(["first", "echo: first"])
    await press(one, "Next version")  # the tab stop after this one: round the whole page
    await expect(said).to_have_text(["better", "echo: better"])

    number = await stack.model.count()
    await stack.model.script(GATE)
    await press(one, "Regenerate")
    asked = await stack.model.wait_for_question("better", number)
    await stack.model.release(asked.number, "Once upon")
    await one.says("Once upon")
    await press(one, "Stop")
    await one.stands("stopped")
    number = await stack.model.count()
    await stack.model.script(GATE)
    await press(one, "Continue")
    asked = await stack.model.wait_for_question("Go on exactly where", number)
    await stack.model.release(asked.number, "a time.")
    await stack.model.finish(asked.number)
    await one.says("Once upon a time.")
    await one.stands("answered")


async def test_what_waits_is_taken_back_by_keyboard(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    keys = one.page.keyboard
    await stack.model.script(GATE)
    await keys.type("first")
    await keys.press("Enter")
    await one.stands("running")
    await keys.type("second")
    await keys.press("Enter")
    await expect(one.questions.last.locator(".note")).to_have_text("Queued, next")
    await press(one, "Cancel")
    await expect(one.box).to_be_focused()
    await expect(one.box).to_have_value("second")
    await keys.press("Escape")
    await one.stands("stopped")


async def test_export_settings_and_search_work_by_keyboard(person: BrowserContext, tmp_path: Path) -> None:
    one = await window(person)
    keys = one.page.keyboard
    await keys.type("a walnut tree")
    await keys.press("Enter")
    await expect(one.page.locator("#conversation-list a")).to_have_text("A fine title")
    for step, ending in ((0, "md"), (1, "json"), (2, "md")):
        await press(one, "Export")
        await expect(one.page.get_by_role("menuitem", name="As Markdown")).to_be_focused()
        for _ in range(step):
            await keys.press("ArrowDown")
        async with one.page.expect_download() as saving:
            await keys.press("Enter")
        assert (await saving.value).suggested_filename == f"A fine title.{ending}"
    await press(one, "Export")
    await keys.press("Escape")
    await expect(one.page.get_by_role("menu")).to_be_hidden()
    await expect(one.page.get_by_role("button", name="Export")).to_be_focused()

    await press(one, "Settings")
    theme = one.page.get_by_label("Theme")
    await reach(one, "Close")
    await keys.press("Tab")
    await expect(theme).to_be_focused()
    await keys.type("Da")
    await expect(theme).to_have_value("dark")
    await keys.press("Tab")  # there is no persona to choose
    await expect(one.page.get_by_label("Model")).to_be_focused()
    await keys.type("scripted-large")
    await keys.press("Tab")
    await expect(one.page.locator("#settings-note")).to_contain_text("Saved")
    await press(one, "Create link")
    await expect(one.page.get_by_label("Open this link on the other device")).to_be_focused()
    await keys.press("Escape")
    await expect(one.page.get_by_role("button", name="Settings")).to_be_focused()
    await expect(one.page.locator("#model")).to_have_text("scripted-large")

    await press(one, "New conversation")
    await keys.press("ControlOrMeta+k")
    await keys.type("walnut")
    await expect(one.page.locator("#search-results a.excerpt")).to_have_count(2)
    await keys.press("ArrowDown")
    await expect(one.page.locator("#search-results a").first).to_be_focused()
    await keys.press("Tab")
    await expect(one.page.locator("#search-results a.excerpt").first).to_be_focused()
    await keys.press("Enter")
    await expect(one.page.locator(".message.linked")).to_contain_text("walnut")
    await expect(one.page.locator("h1")).to_have_text("A fine title")


async def test_files_are_attached_and_removed_by_keyboard(person: BrowserContext, stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("Ada is a cat.")
    (tmp_path / "wrong.md").write_text("Ada is a dog.")
    one = await window(person)
    keys = one.page.keyboard
    async with one.page.expect_file_chooser() as choosing:
        await press(one, "Attach files")
    await (await choosing.value).set_files([tmp_path / "notes.md", tmp_path / "wrong.md"])
    await expect(one.page.locator("#files .file")).to_have_count(2)
    await press(one, "Remove wrong.md")
    await expect(one.page.locator("#files .file")).to_have_text("notes.md")
    await expect(one.box).to_be_focused()
    number = await stack.model.count()
    await keys.type("who is Ada?")
    await keys.press("Enter")
    asked = str((await stack.model.wait_for_question("who is Ada?", number)).body["messages"])
    assert "Ada is a cat." in asked and "dog" not in asked
    await one.stands("answered")
    await press(one, "notes.md")
    await expect(one.questions.locator("pre")).to_have_text("Ada is a cat.")


async def test_reading_far_up_and_coming_back_works_by_keyboard(person: BrowserContext, stack: Stack) -> None:
    await person.grant_permissions(["clipboard-read", "clipboard-write"])
    await stack.model.script(Behaviour(text="a line\n\n" * 200 + "```python\nprint(1)\n```"))
    one = await window(person)
    keys = one.page.keyboard
    await keys.type("a long one")
    await keys.press("Enter")
    await one.stands("answered")
    await press(one, "Link to this message")
    await expect(one.page.locator("#toast-text")).to_have_text("Link copied")
    for _ in range(3):
        await keys.press("PageUp")
    await expect(one.page.get_by_role("button", name="Jump to latest")).to_be_visible()
    await one.box.focus()
    await press(one, "Jump to latest")
    await expect(one.page.get_by_role("button", name="Jump to latest")).to_be_hidden()
    await expect(one.box).to_be_focused()
    await press(one, "Copy")
    await expect(one.last.get_by_role("button", name="Copied")).to_be_visible()
