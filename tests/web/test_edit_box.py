"""The box in which a sent message is edited keeps its text, its caret and its place."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, Locator, expect

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.browser import ChatPage, open_chat
from tests.web.page_actions import (
    edit_box,
    expect_texts,
    open_edit_box,
    open_seeded_chat,
    start_gated_reply,
    version_switch,
)

pytestmark = pytest.mark.browser


async def start_editing(chat: ChatPage, index: int) -> Locator:
    """Open an edit box, type a text, and put the caret in its middle."""
    box = await open_edit_box(chat, index)
    await box.fill("half thought")
    await box.evaluate("box => box.setSelectionRange(5, 5)")
    return box


async def expect_typing_at_the_caret(chat: ChatPage) -> None:
    """Check that typed text is inserted at the caret, without a click; then remove it."""
    box = edit_box(chat)
    await expect(box).to_have_value("half thought")
    await expect(box).to_be_focused()
    await chat.page.keyboard.type("a ")
    await expect(box).to_have_value("half a thought")
    for _ in range(2):
        await chat.page.keyboard.press("Backspace")


async def test_escape_cancels_the_edit_without_stopping_the_reply(context: BrowserContext, stack: Stack) -> None:
    chat = await open_seeded_chat(stack, context, 1)
    request = await start_gated_reply(stack, chat, "second", "So far")
    await chat.expect_reply("So far")
    box = await open_edit_box(chat, 0)
    await box.fill("other words")
    await box.press("Escape")
    await expect(edit_box(chat)).to_have_count(0)
    await expect(chat.questions.first.get_by_role("button", name="Edit")).to_be_focused()
    await expect_texts(chat, "question 1", "reply 1", "second", "So far")
    box = await open_edit_box(chat, 0)
    await expect(box).to_have_value("question 1")
    await stack.model.release(request, ", and on")
    await chat.expect_reply("So far, and on")
    await stack.model.finish(request)
    await chat.expect_status("answered")


async def test_edit_box_stays_when_its_message_disappears(context: BrowserContext, stack: Stack) -> None:
    first = await open_seeded_chat(stack, context, 2)
    second = await open_chat(context, f"/c/{first.conversation}")
    await second.expect_reply("reply 2")
    await start_editing(first, 1)
    number = await stack.model.count_requests()
    await stack.model.script(ScriptedResponse(kind="gate"))
    await (await open_edit_box(second, 0)).fill("better")
    await edit_box(second).press("Enter")
    request = await stack.model.wait_for_question("better", number)
    await stack.model.release(request, "So far")
    await expect(first.page.locator(".message .text:visible, .message .body")).to_have_text(["better", "So far"])
    await expect_typing_at_the_caret(first)
    await stack.model.finish(request)
    await first.expect_status("answered")
    await expect_typing_at_the_caret(first)
    await edit_box(first).press("Escape")
    await expect_texts(first, "better", "So far")


async def test_edit_box_stays_when_another_window_edits_the_message(context: BrowserContext, stack: Stack) -> None:
    first = await open_seeded_chat(stack, context, 1)
    second = await open_chat(context, f"/c/{first.conversation}")
    await second.expect_reply("reply 1")
    await start_editing(first, 0)
    await (await open_edit_box(second, 0)).fill("better")
    await edit_box(second).press("Enter")
    await first.expect_reply("echo: better")
    await first.expect_status("answered")
    await expect_typing_at_the_caret(first)
    await expect(first.questions).to_have_count(1)
    await edit_box(first).press("Escape")
    await expect_texts(first, "better", "echo: better")
    await expect(version_switch(first.questions.last, "Version 2 of 2")).to_be_visible()


async def test_edit_box_stays_while_older_messages_are_loaded(context: BrowserContext, stack: Stack) -> None:
    chat = await open_seeded_chat(stack, context, 160)
    await chat.expect_reply("reply 160\n\nA longer paragraph that fills more than one line of the page.")
    await start_editing(chat, -1)
    scroll = chat.page.locator("#scroll")
    newest = chat.page.locator(".reply", has_text="reply 160")
    while await newest.count():
        oldest = await chat.questions.first.get_attribute("id")
        await scroll.evaluate("node => { node.scrollTop = 0; }")
        await expect(chat.questions.first).not_to_have_attribute("id", oldest or "")
    await expect_typing_at_the_caret(chat)
    await chat.page.get_by_role("button", name="Jump to latest").click()
    await expect(newest).to_have_count(1)
    await expect(edit_box(chat)).to_have_value("half thought")
    await edit_box(chat).press("Escape")
    await expect(chat.questions.last.locator(".text")).to_have_text("question 160")


async def test_cancelled_queued_edit_returns_to_its_box(context: BrowserContext, stack: Stack) -> None:
    chat = await open_seeded_chat(stack, context, 1)
    texts = ("question 1", "reply 1", "second", "So far")
    request = await start_gated_reply(stack, chat, "second", "So far")
    await (await open_edit_box(chat, 0)).fill("better")
    await edit_box(chat).press("Enter")
    await chat.questions.last.get_by_role("button", name="Cancel").click()
    await expect(edit_box(chat)).to_have_value("better")
    await expect(chat.questions.first.get_by_role("textbox")).to_be_focused()
    await expect(chat.message_box).to_have_value("")
    await edit_box(chat).press("Escape")
    await expect_texts(chat, *texts)
    await (await open_edit_box(chat, 0)).fill("best")
    await edit_box(chat).press("Enter")
    await expect(chat.questions.last.locator(".note")).to_have_text("Queued, next")
    await expect(chat.questions).to_have_count(3)
    await stack.model.finish(request)
    await expect_texts(chat, "best", "echo: best")


async def test_edit_survives_a_reload_and_a_failed_request(context: BrowserContext, stack: Stack) -> None:
    chat = await open_seeded_chat(stack, context, 2)
    await (await open_edit_box(chat, 1)).fill("half a thought")
    await chat.page.reload()
    await chat.expect_reply("reply 2")
    await expect(await open_edit_box(chat, 1)).to_have_value("half a thought")
    await context.route("**/messages", lambda route: route.abort())
    await edit_box(chat).fill("better")
    await edit_box(chat).press("Enter")
    await expect(chat.questions.last.locator(".note")).to_contain_text("Not sent yet")
    await chat.questions.last.get_by_role("button", name="Edit").last.click()
    await expect(edit_box(chat)).to_have_value("better")
    await expect(chat.message_box).to_have_value("")
    await context.unroute("**/messages")
    await edit_box(chat).press("Enter")
    await expect(chat.questions.locator(".text")).to_have_text(["question 1", "better"])
    await expect(chat.last_reply.locator(".body")).to_contain_text("better")
