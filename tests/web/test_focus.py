"""Keyboard focus, shortcuts and screen reader announcements."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, expect

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.browser import open_chat
from tests.web.page_actions import UNAVAILABLE, get_person_id, start_gated_reply
from tests.web.seeding import seed_directory

pytestmark = pytest.mark.browser


async def test_shortcuts_are_listed_and_work(context: BrowserContext) -> None:
    chat = await open_chat(context)
    keys, dialog = chat.page.keyboard, chat.page.get_by_role("dialog", name="Keyboard shortcuts")
    await keys.type("what?")
    await expect(chat.message_box).to_have_value("what?")
    await expect(dialog).to_be_hidden()
    await keys.press("Control+/")
    await expect(dialog).to_be_visible()
    await keys.press("Escape")
    await expect(dialog).to_be_hidden()
    await keys.press("Enter")
    await chat.expect_reply("echo: what?")
    await chat.page.locator("#scroll").focus()
    await keys.press("?")
    await expect(dialog).to_be_visible()
    await expect(dialog.locator("dt")).to_contain_text(["Send", "New line", "Stop the reply", "Search"])
    await keys.press("?")
    await expect(dialog).to_be_hidden()
    await keys.press("Control+k")
    await expect(chat.page.get_by_role("searchbox")).to_be_focused()
    await keys.press("Control+Shift+O")
    await expect(chat.questions).to_have_count(0)
    await expect(chat.message_box).to_be_focused()


async def test_search_shortcut_works_in_a_narrow_window(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await chat.page.emulate_media(reduced_motion="no-preference")
    await chat.page.set_viewport_size({"width": 600, "height": 700})
    await chat.page.keyboard.press("Control+k")
    await expect(chat.page.get_by_role("searchbox")).to_be_focused()
    await chat.page.keyboard.type("words")
    await expect(chat.page.get_by_role("searchbox")).to_have_value("words")


async def test_escape_closes_the_export_menu_without_stopping_the_reply(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    request = await start_gated_reply(stack, chat, "a story", "So far")
    await chat.expect_reply("So far")
    await chat.page.get_by_role("button", name="Export").click()
    menu = chat.page.get_by_role("menu", name="Export")
    await expect(menu).to_be_visible()
    await chat.page.keyboard.press("Escape")
    await expect(menu).to_be_hidden()
    await stack.model.release(request, " and on")
    await chat.expect_reply("So far and on")
    await stack.model.finish(request)
    await chat.expect_status("answered")


async def test_announcer_reports_the_end_and_the_start_of_replies(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await chat.page.evaluate(
        """() => {
            window.announcements = [];
            const region = document.getElementById('announcer');
            new MutationObserver(() => announcements.push(region.textContent.trim()))
                .observe(region, { childList: true, characterData: true, subtree: true });
        }"""
    )
    request = await start_gated_reply(stack, chat, "first", "one")
    await stack.model.script(ScriptedResponse(text="two"))
    await chat.send("second")
    await expect(chat.questions.last).to_have_attribute("data-status", "waiting")
    await stack.model.finish(request)
    await chat.expect_reply("two")
    await chat.expect_status("answered")
    await expect(chat.page.locator("#announcer")).to_have_text("The reply is complete.")
    # One announcement, or two if the page learned of the end of the turn before the start of the next one.
    announced = " ".join(await chat.page.evaluate("announcements")).replace("The next one begins.", "The reply begins.")
    assert announced == " ".join(["The reply begins. The reply is complete."] * 2)


async def test_focus_moves_to_the_message_box_when_its_button_disappears(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await stack.model.script(ScriptedResponse(kind="stall", text="So far"))
    await chat.send("a story")
    await chat.expect_reply("So far")
    stop = chat.page.get_by_role("button", name="Stop")
    await stop.focus()
    await chat.page.keyboard.press("Enter")
    await chat.expect_status("stopped")
    await expect(chat.message_box).to_be_focused()

    await chat.page.route("**/messages", lambda route: route.abort())
    await chat.send("once more")
    await expect(chat.page.get_by_text("Not sent yet.")).to_be_visible()
    await chat.page.unroute("**/messages")
    await chat.questions.last.get_by_role("button", name="Try again").focus()
    await chat.page.keyboard.press("Enter")
    await chat.expect_reply("echo: once more")
    await expect(chat.message_box).to_be_focused()


async def test_focus_follows_a_loaded_page_of_the_conversation_list(context: BrowserContext, stack: Stack) -> None:
    await seed_directory(stack, await get_person_id(context), 59)
    chat = await open_chat(context)
    await expect(chat.links).to_have_count(50)
    older = chat.page.get_by_role("button", name="Older conversations")
    await chat.page.route("**/api/conversations?*", lambda route: route.fulfill(status=503, json=UNAVAILABLE))
    await older.focus()
    await chat.page.keyboard.press("Enter")
    await expect(chat.toast).to_have_text(UNAVAILABLE["error"])
    await expect(older).to_be_focused()
    await chat.page.unroute("**/api/conversations?*")
    await chat.page.keyboard.press("Enter")
    await expect(chat.links).to_have_count(59)
    await expect(chat.links.nth(50)).to_be_focused()
