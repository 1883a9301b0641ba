"""What was asked for once too often, or answered to nobody: nothing is done twice, nothing is lost, nothing is dead."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, BrowserContext, Route, expect

from tests.fakes.model.protocol import Behaviour
from tests.processes import Stack
from tests.web.browser import Window, browsing, same_person, window
from tests.web.relay import running_relay
from tests.web.site import Site
from tests.web.test_long import opened
from tests.web.test_windows import gated

pytestmark = pytest.mark.browser

AWAY = {"error": "Restate does not answer: try again in a moment."}
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


async def test_what_stopped_before_a_new_word_goes_on_all_the_same(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    await stack.model.script(Behaviour(kind="stall", text="Once upon"))
    await one.say("a story")
    await one.says("Once upon")
    await one.page.keyboard.press("Escape")
    await one.stands("stopped")
    number = await stack.model.count()
    await stack.model.script(Behaviour(kind="gate"))
    await one.last.get_by_role("button", name="Continue").click()
    await stack.model.wait_for_question("Go on exactly where", number)
    await one.stands("running")
    await one.page.keyboard.press("Escape")
    await one.stands("stopped")
    await one.says("Once upon")
    await stack.model.script(Behaviour(text=" a time"))
    await one.last.get_by_role("button", name="Continue").click()
    await one.says("Once upon a time")
    await one.stands("answered")


async def test_taken_back_its_words_come_also_when_the_first_answer_is_lost(
    person: BrowserContext, stack: Stack
) -> None:
    one = await window(person)
    asked = await gated(stack, one, "a story", "Once upon")
    await one.say("and then?")
    await expect(one.questions.last).to_contain_text("Queued, next")
    await one.page.route("**/withdraw", lost, times=1)
    await one.questions.last.get_by_role("button", name="Cancel").click()
    await expect(one.box).to_have_value("and then?")
    await expect(one.questions).to_have_count(1)
    await stack.model.finish(asked)
    await one.stands("answered")
    await expect(one.questions).to_have_count(1)


async def test_what_had_no_room_is_taken_when_there_is_some(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    asked = await gated(stack, one, "a story", "Once upon")
    assert set(await one.page.evaluate(MANY, 100)) == {202}
    await one.say("one too many")
    await expect(one.questions.last).to_contain_text("100 messages wait here already")
    await one.page.evaluate(
        """fetch(`/api${location.pathname.replace('/c/', '/conversations/')}/stop`, {
            method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"all": true}',
        })"""
    )
    await stack.model.finish(asked)
    # The page waits longer from try to try.
    await expect(one.last.locator(".body")).to_have_text("echo: one too many", timeout=60_000)
    await expect(one.questions.last.locator(".text")).to_have_text("one too many")


async def test_edited_before_it_was_known_to_be_sent_it_is_asked_in_the_new_words_alone(
    person: BrowserContext, stack: Stack
) -> None:
    one = await window(person)
    asked = await gated(stack, one, "a story", "Once upon")
    # A window that hears nothing: it cannot know that the server has what it sends.
    deaf = await person.new_page()
    await deaf.add_init_script("delete window.SharedWorker")
    await deaf.route("**/api/events*", lambda route: route.abort())
    await deaf.goto(f"/c/{one.conversation}")
    two = Window(deaf)
    await two.says("Once upon")
    await deaf.route("**/messages", lost)
    await two.say("the old words")
    await expect(one.questions).to_have_text([re.compile("a story"), re.compile("the old words")])
    await two.questions.last.get_by_role("button", name="Edit").click()
    await expect(two.box).to_have_value("the old words")
    await expect(one.questions).to_have_text([re.compile("a story")])
    await deaf.unroute("**/messages")
    await two.say("the new words")
    await expect(one.questions.last).to_contain_text("the new words")
    await stack.model.finish(asked)
    await one.says("echo: the new words")
    assert await one.texts() == ["a story", "Once upon", "the new words", "echo: the new words"]


async def test_a_link_whose_page_does_not_come_is_followed_when_it_does(person: BrowserContext, stack: Stack) -> None:
    one = await opened(stack, person, 502)
    await one.says("reply 502")
    pages = re.compile(r"/api/conversations/long\?.*before=")
    await person.route(pages, lambda route: route.fulfill(status=503, json=AWAY))
    two = await window(person, "/c/long#message-201")
    await expect(two.page.locator("#connection")).to_have_text("That message could not be loaded. Trying again…")
    await person.unroute(pages)
    await expect(two.page.locator("#message-201")).to_be_in_viewport()
    await expect(two.page.locator("#connection")).to_have_text("")


async def test_a_network_that_hangs_is_told_and_noticed_when_it_is_back(
    chromium: Browser, person: BrowserContext, site: Site, stack: Stack
) -> None:
    """Connections are taken, and nothing is ever said in them: no error tells of it either."""
    one = await window(person)
    await one.say("before")
    await one.says("echo: before")
    async with running_relay(site.port) as relay, browsing(chromium, relay.url) as elsewhere:
        await same_person(person, elsewhere)
        await elsewhere.add_init_script("delete window.SharedWorker")
        await elsewhere.clock.install()
        two = await window(elsewhere, f"/c/{one.conversation}")
        await two.says("echo: before")
        relay.freeze(also_new=True)
        await elsewhere.clock.run_for(60_000)
        await expect(two.page.locator("#connection")).to_have_text("Offline: reconnecting…")
        relay.thaw()
        await one.say("meanwhile")
        await one.says("echo: meanwhile")
        await elsewhere.clock.run_for(60_000)
        await two.says("echo: meanwhile")
        await elsewhere.clock.run_for(5_000)
        await expect(two.page.locator("#connection")).to_have_text("")


async def test_a_shared_worker_that_died_is_started_again(
    chromium: Browser, person: BrowserContext, stack: Stack
) -> None:
    await person.clock.install()
    one = await window(person)
    await one.say("before")
    await one.says("echo: before")
    browser = await chromium.new_browser_cdp_session()
    targets = (await browser.send("Target.getTargets"))["targetInfos"]
    origin = one.page.url.split("/c/")[0]
    workers = [each for each in targets if each["type"] == "shared_worker" and each["url"].startswith(origin)]
    assert workers
    for worker in workers:
        await browser.send("Target.closeTarget", {"targetId": worker["targetId"]})
    await person.clock.run_for(30_000)
    await one.say("after")
    await one.says("echo: after")
    await one.stands("answered")
