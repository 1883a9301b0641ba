"""One conversation in several windows: all show the same, live."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, BrowserContext, expect

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.browser import open_chat, open_context
from tests.web.page_actions import hold_requests, start_gated_reply
from tests.web.relay import running_relay
from tests.web.web_server import WebServer

pytestmark = pytest.mark.browser


async def test_two_windows_show_the_same_preview_stop_and_continuation(context: BrowserContext, stack: Stack) -> None:
    first = await open_chat(context)
    request = await start_gated_reply(stack, first, "a story", "Once")
    await first.expect_reply("Once")
    second = await open_chat(context, f"/c/{first.conversation}")
    await expect(second.questions.last).to_contain_text("a story")
    await second.expect_reply("Once")
    await stack.model.release(request, " upon a time")
    for chat in (first, second):
        await chat.expect_status("running")
        await chat.expect_reply("Once upon a time")
    await stack.model.finish(request)
    for chat in (first, second):
        await chat.expect_status("answered")
        await chat.expect_reply("Once upon a time")
        await expect(chat.replies).to_have_count(1)

    await stack.model.script(ScriptedResponse(kind="stall", text="So far"))
    await first.send("tell me more")
    for chat in (first, second):
        await chat.expect_reply("So far")
    await second.page.keyboard.press("Escape")
    for chat in (first, second):
        await chat.expect_status("stopped")
        await chat.expect_reply("So far")
        await expect(chat.last_reply.locator(".note")).to_have_text("Stopped here")
        await expect(chat.page.get_by_role("button", name="Stop")).to_be_hidden()
    assert await first.read_texts() == await second.read_texts()

    number = await stack.model.count_requests()
    await stack.model.script(ScriptedResponse(kind="gate"))
    await first.last_reply.get_by_role("button", name="Continue").click()
    request = (await stack.model.wait_for_question("Go on exactly where", number)).number
    await stack.model.release(request, ", so")
    for chat in (first, second):
        await chat.expect_reply("So far, so")
    await second.page.reload()
    await second.expect_reply("So far, so")
    await stack.model.release(request, " good")
    await stack.model.finish(request)
    for chat in (first, second):
        await chat.expect_status("answered")
        await chat.expect_reply("So far, so good")
        await expect(chat.replies).to_have_count(2)
        await expect(chat.last_reply.get_by_role("button", name="Continue")).to_be_hidden()
        await expect(chat.last_reply.get_by_role("group")).to_have_count(0)


async def test_queue_is_the_same_in_all_windows_and_can_be_cancelled(context: BrowserContext, stack: Stack) -> None:
    first = await open_chat(context)
    request = await start_gated_reply(stack, first, "first")
    second = await open_chat(context, f"/c/{first.conversation}")
    for text, note in (("second", "Queued, next"), ("third", "Queued, position 2")):
        await first.send(text)
        for chat in (first, second):
            await expect(chat.questions.last).to_contain_text(text)
            await expect(chat.questions.last.locator(".note")).to_have_text(note)
    await second.page.reload()
    await expect(second.questions).to_have_count(3)
    await second.questions.nth(1).get_by_role("button", name="Cancel").click()
    await expect(second.message_box).to_have_value("second")
    for chat in (first, second):
        await expect(chat.questions).to_have_count(2)
    await stack.model.finish(request)
    for chat in (first, second):
        await chat.expect_reply("echo: third")


async def test_windows_of_one_browser_share_one_event_stream(chromium: Browser, web_server: WebServer) -> None:
    """A browser opens at most six connections to a host over HTTP/1.1, and each event stream holds one."""
    async with running_relay(web_server.port) as relay, open_context(chromium, relay.url) as context:
        first = await open_chat(context)
        await first.ask("hello")
        second, third = [await open_chat(context, f"/c/{first.conversation}") for _ in range(2)]
        await first.page.close()  # it had opened the stream
        await third.send("still?")
        for chat in (second, third):
            await chat.expect_reply("echo: still?")
        assert relay.count_streams() == 1


async def test_reload_during_a_reply_keeps_everything(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    request = await start_gated_reply(stack, chat, "a story", "Once upon")
    await chat.expect_reply("Once upon")
    await chat.send("and then?")
    await expect(chat.questions.last).to_contain_text("Queued, next")
    await chat.message_box.fill("a draft")
    await chat.page.reload()
    await chat.expect_reply("Once upon")
    await chat.expect_status("running")
    await expect(chat.questions.last).to_contain_text("and then?")
    await expect(chat.message_box).to_have_value("a draft")
    await stack.model.release(request, " a time")
    await chat.expect_reply("Once upon a time")
    await stack.model.finish(request)
    await chat.expect_reply("echo: and then?")
    assert await chat.read_texts() == ["a story", "Once upon a time", "and then?", "echo: and then?"]


async def test_previous_reply_stays_when_the_next_turn_starts(context: BrowserContext, stack: Stack) -> None:
    """The page receives the start of the next turn before it has loaded the end of the previous one."""
    chat = await open_chat(context)
    request = await start_gated_reply(stack, chat, "first", "The first reply")
    await chat.expect_reply("The first reply")
    await chat.send("second")
    await expect(chat.questions.last).to_contain_text("Queued, next")
    async with hold_requests(chat.page, f"**/api/conversations/{chat.conversation}?*"):
        await stack.model.finish(request)
        await chat.expect_reply("echo: second")
        assert await chat.read_texts() == ["first", "The first reply", "second", "echo: second"]
    await chat.expect_status("answered")
    await expect(chat.replies.first).to_have_attribute("data-status", "answered")
    assert await chat.read_texts() == ["first", "The first reply", "second", "echo: second"]
