"""The message box: sending, composition, touch keyboards, and messages that are refused."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, BrowserContext, expect

from tests.processes import Stack
from tests.web.browser import ChatPage, open_chat, open_context
from tests.web.page_actions import expect_texts, hold_requests, open_edit_box
from tests.web.web_server import WebServer

pytestmark = pytest.mark.browser


async def test_message_is_shown_while_it_is_sent(context: BrowserContext) -> None:
    chat = await open_chat(context)
    async with hold_requests(chat.page, "**/messages", "POST"):
        await chat.send("hello")
        await expect(chat.questions.locator(".text")).to_have_text("hello")
        await expect(chat.questions.locator(".note")).to_have_text("Sending…")
        await expect(chat.message_box).to_have_value("")
    await chat.expect_reply("echo: hello")
    await expect(chat.questions.locator(".note")).to_be_hidden()


async def test_refused_message_can_be_edited_and_sent_again(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await context.route(
        "**/messages", lambda route: route.fulfill(status=400, json={"error": "that is too much"}), times=1
    )
    await chat.send("hello")
    await expect(chat.questions.last.locator(".note")).to_have_text("Not sent. That is too much.")
    await chat.questions.last.get_by_role("button", name="Edit").click()
    await expect(chat.message_box).to_have_value("hello")
    await expect(chat.questions).to_have_count(0)
    await chat.message_box.press("Enter")
    await chat.expect_reply("echo: hello")


async def test_enter_confirms_a_composition_of_an_input_method(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await chat.message_box.focus()
    await compose_japanese(chat)
    await expect(chat.message_box).to_have_value("日本")
    await expect(chat.questions).to_have_count(0)
    await chat.page.keyboard.press("Enter")
    await chat.expect_reply("echo: 日本")
    box = await open_edit_box(chat, 0)
    await box.fill("")
    await compose_japanese(chat)
    await expect(box).to_have_value("日本")
    await box.press("End")
    await box.press_sequentially("!")
    await box.press("Enter")
    await expect_texts(chat, "日本!", "echo: 日本!")


async def compose_japanese(chat: ChatPage) -> None:
    """Compose a word in the focused box: Enter confirms it and must not send the message."""
    session = await chat.page.context.new_cdp_session(chat.page)
    await session.send("Input.imeSetComposition", {"text": "にほん", "selectionStart": 3, "selectionEnd": 3})
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
    await session.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
    await session.send("Input.dispatchKeyEvent", {"type": "keyUp", **enter})
    await session.send("Input.insertText", {"text": "日本"})
    await session.detach()


async def test_enter_inserts_a_newline_on_touch_devices(chromium: Browser, web_server: WebServer, stack: Stack) -> None:
    async with open_context(
        chromium, web_server.url, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844}
    ) as phone:
        chat = await open_chat(phone)
        model = chat.page.locator("#empty").get_by_text("Answered by scripted")
        await expect(model, "the sidebar, which also names it, is hidden").to_be_visible()
        await chat.message_box.tap()
        await chat.page.keyboard.type("one")
        await chat.page.keyboard.press("Enter")
        await chat.page.keyboard.type("two")
        await expect(chat.message_box).to_have_value("one\ntwo")
        await chat.page.get_by_role("button", name="Send").tap()
        await chat.expect_reply("echo: one\ntwo")
        await expect(chat.page.locator("#sidebar")).to_be_hidden()
        await chat.page.get_by_role("button", name="Show conversations").tap()
        await expect(chat.page.locator("#sidebar")).to_be_visible()
        await chat.links.tap()
        await expect(chat.page.locator("#sidebar")).to_be_hidden()
        width = await chat.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, "nothing is wider than the screen"
