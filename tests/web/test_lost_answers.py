"""What was asked for once too often, or answered to nobody: nothing is done twice, nothing is lost, nothing is dead."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, BrowserContext, Route, expect

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.browser import ChatPage, copy_identity, open_chat, open_context
from tests.web.page_actions import UNAVAILABLE, open_seeded_chat, start_gated_reply
from tests.web.relay import running_relay
from tests.web.web_server import WebServer

pytestmark = pytest.mark.browser

MANY = """async (count) => {
    const at = `/api${location.pathname.replace('/c/', '/conversations/')}/messages`;
    const headers = { 'Content-Type': 'application/json' };
    const statuses = [];
    for (let one = 0; one < count; one += 1) {
        const body = JSON.stringify({ id: `many${one}`, message: `line ${one}` });
        statuses.push((await fetch(at, { method: 'POST', headers, body })).status);
    }
    return statuses;
}"""


async def lost(route: Route) -> None:
    """The server does it, and its answer comes to nobody."""
    await route.fetch()
    await route.abort()


async def test_what_stopped_before_a_new_word_goes_on_all_the_same(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await stack.model.script(ScriptedResponse(kind="stall", text="Once upon"))
    await chat.send("a story")
    await chat.expect_reply("Once upon")
    await chat.page.keyboard.press("Escape")
    await chat.expect_status("stopped")
    number = await stack.model.count_requests()
    await stack.model.script(ScriptedResponse(kind="gate"))
    await chat.last_reply.get_by_role("button", name="Continue").click()
    await stack.model.wait_for_question("Go on exactly where", number)
    await chat.expect_status("running")
    await chat.page.keyboard.press("Escape")
    await chat.expect_status("stopped")
    await chat.expect_reply("Once upon")
    await stack.model.script(ScriptedResponse(text=" a time"))
    await chat.last_reply.get_by_role("button", name="Continue").click()
    await chat.expect_reply("Once upon a time")
    await chat.expect_status("answered")


async def test_taken_back_its_words_come_also_when_the_first_answer_is_lost(
    context: BrowserContext, stack: Stack
) -> None:
    chat = await open_chat(context)
    asked = await start_gated_reply(stack, chat, "a story", "Once upon")
    await chat.send("and then?")
    await expect(chat.questions.last).to_contain_text("Queued, next")
    await chat.page.route("**/withdraw", lost, times=1)
    await chat.questions.last.get_by_role("button", name="Cancel").click()
    await expect(chat.message_box).to_have_value("and then?")
    await expect(chat.questions).to_have_count(1)
    await stack.model.finish(asked)
    await chat.expect_status("answered")
    await expect(chat.questions).to_have_count(1)


async def test_what_had_no_room_is_taken_when_there_is_some(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    asked = await start_gated_reply(stack, chat, "a story", "Once upon")
    assert set(await chat.page.evaluate(MANY, 100)) == {202}
    await chat.send("one too many")
    await expect(chat.questions.last).to_contain_text("100 messages wait here already")
    await chat.page.evaluate(
        """fetch(`/api${location.pathname.replace('/c/', '/conversations/')}/stop`, {
            method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"all": true}',
        })"""
    )
    await stack.model.finish(asked)
    # The page waits longer from try to try.
    await expect(chat.last_reply.locator(".body")).to_have_text("echo: one too many", timeout=60_000)
    await expect(chat.questions.last.locator(".text")).to_have_text("one too many")


async def test_edited_before_it_was_known_to_be_sent_it_is_asked_in_the_new_words_alone(
    context: BrowserContext, stack: Stack
) -> None:
    first = await open_chat(context)
    asked = await start_gated_reply(stack, first, "a story", "Once upon")
    # A window that hears nothing: it cannot know that the server has what it sends.
    deaf = await context.new_page()
    await deaf.add_init_script("delete window.SharedWorker")
    await deaf.route("**/api/events*", lambda route: route.abort())
    await deaf.goto(f"/c/{first.conversation}")
    second = ChatPage(deaf)
    await second.expect_reply("Once upon")
    await deaf.route("**/messages", lost)
    await second.send("the old words")
    await expect(first.questions).to_have_text([re.compile("a story"), re.compile("the old words")])
    await second.questions.last.get_by_role("button", name="Edit").click()
    await expect(second.message_box).to_have_value("the old words")
    await expect(first.questions).to_have_text([re.compile("a story")])
    await deaf.unroute("**/messages")
    await second.send("the new words")
    await expect(first.questions.last).to_contain_text("the new words")
    await stack.model.finish(asked)
    await first.expect_reply("echo: the new words")
    assert await first.read_texts() == ["a story", "Once upon", "the new words", "echo: the new words"]


async def test_a_link_whose_page_does_not_come_is_followed_when_it_does(context: BrowserContext, stack: Stack) -> None:
    first = await open_seeded_chat(stack, context, 502)
    await first.expect_reply("reply 502")
    pages = re.compile(r"/api/conversations/long\?.*before=")
    await context.route(pages, lambda route: route.fulfill(status=503, json=UNAVAILABLE))
    second = await open_chat(context, "/c/long#message-201")
    await expect(second.page.locator("#connection")).to_have_text("That message could not be loaded. Trying again…")
    await context.unroute(pages)
    await expect(second.page.locator("#message-201")).to_be_in_viewport()
    await expect(second.page.locator("#connection")).to_have_text("")


async def test_a_network_that_hangs_is_told_and_noticed_when_it_is_back(
    chromium: Browser, context: BrowserContext, web_server: WebServer, stack: Stack
) -> None:
    """Connections are taken, and nothing is ever said in them: no error tells of it either."""
    first = await open_chat(context)
    await first.send("before")
    await first.expect_reply("echo: before")
    async with running_relay(web_server.port) as relay, open_context(chromium, relay.url) as elsewhere:
        await copy_identity(context, elsewhere)
        await elsewhere.add_init_script("delete window.SharedWorker")
        await elsewhere.clock.install()
        second = await open_chat(elsewhere, f"/c/{first.conversation}")
        await second.expect_reply("echo: before")
        relay.freeze(also_new=True)
        await elsewhere.clock.run_for(60_000)
        await expect(second.page.locator("#connection")).to_have_text("Offline: reconnecting…")
        relay.thaw()
        await first.send("meanwhile")
        await first.expect_reply("echo: meanwhile")
        await elsewhere.clock.run_for(60_000)
        await second.expect_reply("echo: meanwhile")
        await elsewhere.clock.run_for(5_000)
        await expect(second.page.locator("#connection")).to_have_text("")


async def test_a_shared_worker_that_died_is_started_again(
    chromium: Browser, context: BrowserContext, stack: Stack
) -> None:
    await context.clock.install()
    chat = await open_chat(context)
    await chat.send("before")
    await chat.expect_reply("echo: before")
    browser = await chromium.new_browser_cdp_session()
    targets = (await browser.send("Target.getTargets"))["targetInfos"]
    origin = chat.page.url.split("/c/")[0]
    workers = [page for page in targets if page["type"] == "shared_worker" and page["url"].startswith(origin)]
    assert workers
    for worker in workers:
        await browser.send("Target.closeTarget", {"targetId": worker["targetId"]})
    await context.clock.run_for(30_000)
    await chat.send("after")
    await chat.expect_reply("echo: after")
    await chat.expect_status("answered")
