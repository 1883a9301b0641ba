"""Requests whose response is lost: each takes effect once."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import BrowserContext, FilePayload, Route, expect

from tests.processes import Stack
from tests.web.browser import ChatPage, open_chat
from tests.web.page_actions import hold_requests, start_gated_reply

pytestmark = pytest.mark.browser


async def lose_response(route: Route) -> None:
    """Pass the request on and drop its response."""
    await route.fetch()
    await route.abort()


async def test_message_with_a_lost_response_is_answered_once(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await context.route("**/messages", lose_response, times=1)
    await chat.ask("hello")
    await chat.send("and on")  # sent after everything before it was confirmed
    await chat.expect_reply("echo: and on")
    assert await chat.read_texts() == ["hello", "echo: hello", "and on", "echo: and on"]


async def test_cancellation_with_a_lost_response_returns_the_text(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    request = await start_gated_reply(stack, chat, "a story", "Once upon")
    await chat.send("and then?")
    await expect(chat.questions.last).to_contain_text("Queued, next")
    await chat.page.route("**/withdraw", lose_response, times=1)
    await chat.questions.last.get_by_role("button", name="Cancel").click()
    await expect(chat.message_box).to_have_value("and then?")
    await expect(chat.questions).to_have_count(1)
    await stack.model.finish(request)
    await chat.expect_status("answered")
    await expect(chat.questions).to_have_count(1)


async def test_message_for_a_full_queue_is_sent_later(context: BrowserContext) -> None:
    chat = await open_chat(context)
    full = {"error": "100 messages wait here already: let some be answered first"}
    await context.route("**/messages", lambda route: route.fulfill(status=429, json=full))
    await chat.send("one too many")
    await expect(chat.questions.last).to_contain_text("100 messages wait here already")
    await context.unroute("**/messages")
    await chat.expect_reply("echo: one too many")
    await expect(chat.questions.last.locator(".text")).to_have_text("one too many")


async def test_unconfirmed_message_can_be_edited_and_is_answered_once(context: BrowserContext, stack: Stack) -> None:
    first = await open_chat(context)
    request = await start_gated_reply(stack, first, "a story", "Once upon")
    # A window without the event stream does not learn that the server has its message.
    page = await context.new_page()
    await page.add_init_script("delete window.SharedWorker")
    await page.route("**/api/events*", lambda route: route.abort())
    await page.goto(f"/c/{first.conversation}")
    second = ChatPage(page)
    await second.expect_reply("Once upon")
    await page.route("**/messages", lose_response)
    await second.send("the old words")
    await expect(first.questions).to_have_text([re.compile("a story"), re.compile("the old words")])
    await second.questions.last.get_by_role("button", name="Edit").click()
    await expect(second.message_box).to_have_value("the old words")
    await expect(first.questions).to_have_text([re.compile("a story")])
    await page.unroute("**/messages")
    await second.send("the new words")
    await expect(first.questions.last).to_contain_text("the new words")
    await stack.model.finish(request)
    await first.expect_reply("echo: the new words")
    assert await first.read_texts() == ["a story", "Once upon", "the new words", "echo: the new words"]


async def test_cancelled_message_returns_to_the_draft_of_its_conversation(
    context: BrowserContext, stack: Stack
) -> None:
    """The user may have opened another conversation before the server confirms the cancellation."""
    chat = await open_chat(context)
    await chat.ask("another topic")
    other_address = f"/c/{chat.conversation}"
    await chat.page.get_by_role("button", name="New conversation").click()
    request = await start_gated_reply(stack, chat, "first", "So far")
    await chat.message_box.fill("then a file")
    notes = FilePayload(name="notes.md", mimeType="text/markdown", buffer=b"Ada is a cat.")
    await chat.page.locator("#picker").set_input_files([notes])
    await chat.message_box.press("Enter")
    await expect(chat.questions.last).to_have_attribute("data-status", "waiting")
    address = f"/c/{chat.conversation}"
    async with hold_requests(chat.page, "**/withdraw", "POST") as requested:
        await chat.questions.last.get_by_role("button", name="Cancel").click()
        await asyncio.wait_for(requested.wait(), 20)
        await chat.page.locator(f'#conversation-list a[href="{other_address}"]').click()
        await chat.expect_reply("echo: another topic")
    await expect(chat.toast).to_have_text("Cancelled. The text is in the message box of its conversation.")
    await expect(chat.message_box).to_have_value("")
    await expect(chat.page.locator("#files .file")).to_have_count(0)
    await chat.page.locator(f'#conversation-list a[href="{address}"]').click()
    await expect(chat.message_box).to_have_value("then a file")
    await expect(chat.page.locator("#files .file")).to_have_text("notes.md")
    await stack.model.finish(request)
