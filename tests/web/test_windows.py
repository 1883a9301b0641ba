"""One conversation in several windows: the same thing, live, in all of them, whatever goes away meanwhile."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Browser, BrowserContext, Route, expect

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.browser import copy_identity, open_chat, open_context
from tests.web.page_actions import start_gated_reply
from tests.web.relay import running_relay
from tests.web.web_server import WebServer

pytestmark = pytest.mark.browser


async def test_two_windows_show_the_same_live_text(context: BrowserContext, stack: Stack) -> None:
    first = await open_chat(context)
    await first.send("first")
    await first.expect_reply("echo: first")
    second = await open_chat(context, f"/c/{first.conversation}")
    await second.expect_reply("echo: first")
    asked = await start_gated_reply(stack, first, "tell me more")
    await expect(second.questions.last).to_contain_text("tell me more")
    for piece, whole in (("Once", "Once"), (" upon a time", "Once upon a time")):
        await stack.model.release(asked, piece)
        for chat in (first, second):
            await chat.expect_status("running")
            await chat.expect_reply(whole)
    await stack.model.finish(asked)
    for chat in (first, second):
        await chat.expect_status("answered")
        await chat.expect_reply("Once upon a time")
    assert await first.read_texts() == await second.read_texts()


async def test_a_window_that_opens_in_mid_reply_sees_what_was_said(context: BrowserContext, stack: Stack) -> None:
    first = await open_chat(context)
    asked = await start_gated_reply(stack, first, "a story", "Once upon")
    await first.expect_reply("Once upon")
    second = await open_chat(context, f"/c/{first.conversation}")
    await expect(second.questions.last).to_contain_text("a story")
    await second.expect_reply("Once upon")
    await stack.model.release(asked, " a time")
    await second.expect_reply("Once upon a time")
    await stack.model.finish(asked)
    await second.expect_status("answered")
    await expect(second.replies).to_have_count(1)


async def test_a_stop_in_one_stops_both(context: BrowserContext, stack: Stack) -> None:
    first = await open_chat(context)
    await stack.model.script(ScriptedResponse(kind="stall", text="So far"))
    await first.send("go on and on")
    await first.expect_reply("So far")
    second = await open_chat(context, f"/c/{first.conversation}")
    await second.expect_reply("So far")
    await second.page.keyboard.press("Escape")
    for chat in (first, second):
        await chat.expect_status("stopped")
        await chat.expect_reply("So far")
        await expect(chat.last_reply.locator(".note")).to_have_text("Stopped here")
        await expect(chat.page.get_by_role("button", name="Stop")).to_be_hidden()


async def test_what_waits_is_the_same_in_all_and_can_be_taken_back(context: BrowserContext, stack: Stack) -> None:
    first = await open_chat(context)
    asked = await start_gated_reply(stack, first, "first")
    second = await open_chat(context, f"/c/{first.conversation}")
    for text, words in (("second", "Queued, next"), ("third", "Queued, position 2")):
        await first.send(text)
        for chat in (first, second):
            await expect(chat.questions.last).to_contain_text(text)
            await expect(chat.questions.last.locator(".note")).to_have_text(words)
    await second.page.reload()
    await expect(second.questions).to_have_count(3)
    await second.questions.nth(1).get_by_role("button", name="Cancel").click()
    await expect(second.message_box).to_have_value("second")
    for chat in (first, second):
        await expect(chat.questions).to_have_count(2)
    await stack.model.finish(asked)
    for chat in (first, second):
        await chat.expect_reply("echo: third")


async def test_eight_windows_of_one_browser_work_at_once(
    context: BrowserContext, stack: Stack, web_server: WebServer
) -> None:
    """A browser opens six connections to a host over HTTP/1.1, and a stream holds one of them for ever."""
    chat = await open_chat(context)
    await chat.send("hello")
    await chat.expect_reply("echo: hello")
    others = [await open_chat(context, f"/c/{chat.conversation}") for _ in range(7)]
    asked = await start_gated_reply(stack, others[-1], "everybody here?", "Yes")
    for page in (chat, *others):
        await page.expect_reply("Yes")
    await others[0].page.close()
    await chat.page.close()
    await stack.model.release(asked, ", all of us")
    for page in others[1:]:
        await page.expect_reply("Yes, all of us")
    await stack.model.finish(asked)
    await others[3].send("still?")
    for page in others[1:]:
        await page.expect_reply("echo: still?")


async def test_a_window_that_was_offline_for_three_turns_catches_up(
    chromium: Browser, context: BrowserContext, web_server: WebServer, stack: Stack
) -> None:
    """The same person's other browser, at the end of a wire that is cut."""
    first = await open_chat(context)
    await first.send("before")
    await first.expect_reply("echo: before")
    async with running_relay(web_server.port) as relay, open_context(chromium, relay.url) as elsewhere:
        await copy_identity(context, elsewhere)
        second = await open_chat(elsewhere, f"/c/{first.conversation}")
        await second.expect_reply("echo: before")
        await relay.cut()
        await expect(second.page.locator("#connection")).to_contain_text("Offline")
        for text in ("one", "two", "three"):
            await first.send(text)
            await first.expect_reply(f"echo: {text}")
        await second.expect_reply("echo: before")
        await relay.join()
        await second.expect_reply("echo: three")
        assert await second.read_texts() == await first.read_texts()
        await expect(second.page.locator("#connection")).to_be_empty()
        await relay.cut()
        await expect(second.page.locator("#connection")).to_contain_text("Offline")
        await second.send("four")
        await expect(second.questions.last.locator(".note")).to_contain_text("Not sent yet")
        await relay.join()
        await second.expect_reply("echo: four")
        await first.expect_reply("echo: four")
        await expect(second.page.locator("#connection")).to_be_empty()
        texts = ["before", "one", "two", "three", "four"]
        whole = [said for text in texts for said in (text, f"echo: {text}")]
        assert await second.read_texts() == whole == await first.read_texts()


async def test_a_message_whose_answer_was_lost_is_asked_once(context: BrowserContext, stack: Stack) -> None:
    """The server has it, and says so by the stream alone, or to who sends it again."""

    async def lost(route: Route) -> None:
        await route.fetch()
        await route.abort()

    chat = await open_chat(context)
    await context.route("**/messages", lost, times=1)
    await chat.send("hello")
    await chat.expect_reply("echo: hello")
    await chat.send("and on")  # sent when there is nothing left before it
    await chat.expect_reply("echo: and on")
    assert await chat.read_texts() == ["hello", "echo: hello", "and on", "echo: and on"]


async def test_a_network_that_died_without_a_word_is_noticed(
    chromium: Browser, context: BrowserContext, web_server: WebServer, stack: Stack
) -> None:
    """No socket is closed when a machine sleeps or changes its network; only the silence tells."""
    first = await open_chat(context)
    await first.send("before")
    await first.expect_reply("echo: before")
    async with running_relay(web_server.port) as relay, open_context(chromium, relay.url) as elsewhere:
        await copy_identity(context, elsewhere)
        # Its clock is ours, so that forty quiet seconds pass at once. The stream is the window's own here, since a
        # worker has a clock of its own.
        await elsewhere.add_init_script("delete window.SharedWorker")
        await elsewhere.clock.install()
        second = await open_chat(elsewhere, f"/c/{first.conversation}")
        await second.expect_reply("echo: before")
        relay.freeze()
        await first.send("meanwhile")
        await first.expect_reply("echo: meanwhile")
        await second.expect_reply("echo: before")
        await elsewhere.clock.run_for(60_000)
        await second.expect_reply("echo: meanwhile")


async def test_a_reload_in_mid_reply_keeps_everything(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    asked = await start_gated_reply(stack, chat, "a story", "Once upon")
    await chat.expect_reply("Once upon")
    await chat.send("and then?")
    await expect(chat.questions.last).to_contain_text("Queued, next")
    await chat.message_box.fill("a draft")
    await chat.page.reload()
    await chat.expect_reply("Once upon")
    await chat.expect_status("running")
    await expect(chat.questions.last).to_contain_text("and then?")
    await expect(chat.message_box).to_have_value("a draft")
    await stack.model.release(asked, " a time")
    await chat.expect_reply("Once upon a time")
    await stack.model.finish(asked)
    await chat.expect_reply("echo: and then?")
    assert await chat.read_texts() == ["a story", "Once upon a time", "and then?", "echo: and then?"]


async def test_nothing_vanishes_when_the_next_turn_begins(context: BrowserContext, stack: Stack) -> None:
    """The next turn is heard of before the page learns how the last one ended: what was said stays in sight."""
    chat = await open_chat(context)
    asked = await start_gated_reply(stack, chat, "first", "The first reply")
    await chat.expect_reply("The first reply")
    await chat.send("second")
    await expect(chat.questions.last).to_contain_text("Queued, next")
    held = asyncio.Event()

    async def late(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await chat.page.route(f"**/api/conversations/{chat.conversation}?*", late)
    await stack.model.finish(asked)
    await chat.expect_reply("echo: second")
    assert await chat.read_texts() == ["first", "The first reply", "second", "echo: second"]
    held.set()
    await chat.expect_status("answered")
    await expect(chat.replies.first).to_have_attribute("data-status", "answered")
    assert await chat.read_texts() == ["first", "The first reply", "second", "echo: second"]


async def test_a_message_outlives_the_window_that_could_not_send_it(
    chromium: Browser, web_server: WebServer, stack: Stack
) -> None:
    async with running_relay(web_server.port) as relay, open_context(chromium, relay.url) as context:
        first = await open_chat(context)
        await first.send("hello")
        await first.expect_reply("echo: hello")
        address = f"/c/{first.conversation}"
        await context.route("**/messages", lambda route: route.abort())
        await first.send("do not lose me")
        await expect(first.questions.last.locator(".note")).to_contain_text("Not sent yet")
        await first.page.close()
        await context.unroute("**/messages")
        second = await open_chat(context, address)
        await second.expect_reply("echo: do not lose me")
        assert await second.read_texts() == ["hello", "echo: hello", "do not lose me", "echo: do not lose me"]
