"""One conversation in several windows: the same thing, live, in all of them, whatever goes away meanwhile."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Browser, BrowserContext, Route, expect

from tests.fakes.model.protocol import Behaviour
from tests.processes import Stack
from tests.web.browser import Window, browsing, same_person, window
from tests.web.relay import running_relay
from tests.web.site import Site

pytestmark = pytest.mark.browser


async def gated(stack: Stack, one: Window, question: str, *pieces: str) -> int:
    """Ask something that is answered piece by piece; gives the number of the request to go on with."""
    await stack.model.script(Behaviour(kind="gate"))
    number = await stack.model.count()
    await one.say(question)
    asked = (await stack.model.wait_for_question(question, number)).number
    for piece in pieces:
        await stack.model.release(asked, piece)
    return asked


async def test_two_windows_show_the_same_live_text(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    await one.say("first")
    await one.says("echo: first")
    two = await window(person, f"/c/{one.conversation}")
    await two.says("echo: first")
    asked = await gated(stack, one, "tell me more")
    await expect(two.questions.last).to_contain_text("tell me more")
    for piece, whole in (("Once", "Once"), (" upon a time", "Once upon a time")):
        await stack.model.release(asked, piece)
        for each in (one, two):
            await each.stands("running")
            await each.says(whole)
    await stack.model.finish(asked)
    for each in (one, two):
        await each.stands("answered")
        await each.says("Once upon a time")
    assert await one.texts() == await two.texts()


async def test_a_window_that_opens_in_mid_reply_sees_what_was_said(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    asked = await gated(stack, one, "a story", "Once upon")
    await one.says("Once upon")
    two = await window(person, f"/c/{one.conversation}")
    await expect(two.questions.last).to_contain_text("a story")
    await two.says("Once upon")
    await stack.model.release(asked, " a time")
    await two.says("Once upon a time")
    await stack.model.finish(asked)
    await two.stands("answered")
    await expect(two.replies).to_have_count(1)


async def test_a_stop_in_one_stops_both(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    await stack.model.script(Behaviour(kind="stall", text="So far"))
    await one.say("go on and on")
    await one.says("So far")
    two = await window(person, f"/c/{one.conversation}")
    await two.says("So far")
    await two.page.keyboard.press("Escape")
    for each in (one, two):
        await each.stands("stopped")
        await each.says("So far")
        await expect(each.last.locator(".note")).to_have_text("Stopped here")
        await expect(each.page.get_by_role("button", name="Stop")).to_be_hidden()


async def test_what_waits_is_the_same_in_all_and_can_be_taken_back(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    asked = await gated(stack, one, "first")
    two = await window(person, f"/c/{one.conversation}")
    for text, words in (("second", "Queued, next"), ("third", "Queued, position 2")):
        await one.say(text)
        for each in (one, two):
            await expect(each.questions.last).to_contain_text(text)
            await expect(each.questions.last.locator(".note")).to_have_text(words)
    await two.page.reload()
    await expect(two.questions).to_have_count(3)
    await two.questions.nth(1).get_by_role("button", name="Cancel").click()
    await expect(two.box).to_have_value("second")
    for each in (one, two):
        await expect(each.questions).to_have_count(2)
    await stack.model.finish(asked)
    for each in (one, two):
        await each.says("echo: third")


async def test_eight_windows_of_one_browser_work_at_once(person: BrowserContext, stack: Stack, site: Site) -> None:
    """A browser opens six connections to a host over HTTP/1.1, and a stream holds one of them for ever."""
    one = await window(person)
    await one.say("hello")
    await one.says("echo: hello")
    others = [await window(person, f"/c/{one.conversation}") for _ in range(7)]
    asked = await gated(stack, others[-1], "everybody here?", "Yes")
    for each in (one, *others):
        await each.says("Yes")
    await others[0].page.close()
    await one.page.close()
    await stack.model.release(asked, ", all of us")
    for each in others[1:]:
        await each.says("Yes, all of us")
    await stack.model.finish(asked)
    await others[3].say("still?")
    for each in others[1:]:
        await each.says("echo: still?")


async def test_a_window_that_was_offline_for_three_turns_catches_up(
    chromium: Browser, person: BrowserContext, site: Site, stack: Stack
) -> None:
    """The same person's other browser, at the end of a wire that is cut."""
    one = await window(person)
    await one.say("before")
    await one.says("echo: before")
    async with running_relay(site.port) as relay, browsing(chromium, relay.url) as elsewhere:
        await same_person(person, elsewhere)
        two = await window(elsewhere, f"/c/{one.conversation}")
        await two.says("echo: before")
        await relay.cut()
        await expect(two.page.locator("#connection")).to_contain_text("Offline")
        for text in ("one", "two", "three"):
            await one.say(text)
            await one.says(f"echo: {text}")
        await two.says("echo: before")
        await relay.join()
        await two.says("echo: three")
        assert await two.texts() == await one.texts()
        await expect(two.page.locator("#connection")).to_be_empty()
        await relay.cut()
        await expect(two.page.locator("#connection")).to_contain_text("Offline")
        await two.say("four")
        await expect(two.questions.last.locator(".note")).to_contain_text("Not sent yet")
        await relay.join()
        await two.says("echo: four")
        await one.says("echo: four")
        await expect(two.page.locator("#connection")).to_be_empty()
        texts = ["before", "one", "two", "three", "four"]
        whole = [said for text in texts for said in (text, f"echo: {text}")]
        assert await two.texts() == whole == await one.texts()


async def test_a_message_whose_answer_was_lost_is_asked_once(person: BrowserContext, stack: Stack) -> None:
    """The server has it, and says so by the stream alone, or to who sends it again."""

    async def lost(route: Route) -> None:
        await route.fetch()
        await route.abort()

    one = await window(person)
    await person.route("**/messages", lost, times=1)
    await one.say("hello")
    await one.says("echo: hello")
    await one.say("and on")  # sent when there is nothing left before it
    await one.says("echo: and on")
    assert await one.texts() == ["hello", "echo: hello", "and on", "echo: and on"]


async def test_a_network_that_died_without_a_word_is_noticed(
    chromium: Browser, person: BrowserContext, site: Site, stack: Stack
) -> None:
    """No socket is closed when a machine sleeps or changes its network; only the silence tells."""
    one = await window(person)
    await one.say("before")
    await one.says("echo: before")
    async with running_relay(site.port) as relay, browsing(chromium, relay.url) as elsewhere:
        await same_person(person, elsewhere)
        # Its clock is ours, so that forty quiet seconds pass at once. The stream is the window's own here, since a
        # worker has a clock of its own.
        await elsewhere.add_init_script("delete window.SharedWorker")
        await elsewhere.clock.install()
        two = await window(elsewhere, f"/c/{one.conversation}")
        await two.says("echo: before")
        relay.freeze()
        await one.say("meanwhile")
        await one.says("echo: meanwhile")
        await two.says("echo: before")
        await elsewhere.clock.run_for(60_000)
        await two.says("echo: meanwhile")


async def test_a_reload_in_mid_reply_keeps_everything(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    asked = await gated(stack, one, "a story", "Once upon")
    await one.says("Once upon")
    await one.say("and then?")
    await expect(one.questions.last).to_contain_text("Queued, next")
    await one.box.fill("a draft")
    await one.page.reload()
    await one.says("Once upon")
    await one.stands("running")
    await expect(one.questions.last).to_contain_text("and then?")
    await expect(one.box).to_have_value("a draft")
    await stack.model.release(asked, " a time")
    await one.says("Once upon a time")
    await stack.model.finish(asked)
    await one.says("echo: and then?")
    assert await one.texts() == ["a story", "Once upon a time", "and then?", "echo: and then?"]


async def test_nothing_vanishes_when_the_next_turn_begins(person: BrowserContext, stack: Stack) -> None:
    """The next turn is heard of before the page learns how the last one ended: what was said stays in sight."""
    one = await window(person)
    asked = await gated(stack, one, "first", "The first reply")
    await one.says("The first reply")
    await one.say("second")
    await expect(one.questions.last).to_contain_text("Queued, next")
    held = asyncio.Event()

    async def late(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await one.page.route(f"**/api/conversations/{one.conversation}?*", late)
    await stack.model.finish(asked)
    await one.says("echo: second")
    assert await one.texts() == ["first", "The first reply", "second", "echo: second"]
    held.set()
    await one.stands("answered")
    await expect(one.replies.first).to_have_attribute("data-status", "answered")
    assert await one.texts() == ["first", "The first reply", "second", "echo: second"]


async def test_a_message_outlives_the_window_that_could_not_send_it(
    chromium: Browser, site: Site, stack: Stack
) -> None:
    async with running_relay(site.port) as relay, browsing(chromium, relay.url) as context:
        one = await window(context)
        await one.say("hello")
        await one.says("echo: hello")
        address = f"/c/{one.conversation}"
        await context.route("**/messages", lambda route: route.abort())
        await one.say("do not lose me")
        await expect(one.questions.last.locator(".note")).to_contain_text("Not sent yet")
        await one.page.close()
        await context.unroute("**/messages")
        two = await window(context, address)
        await two.says("echo: do not lose me")
        assert await two.texts() == ["hello", "echo: hello", "do not lose me", "echo: do not lose me"]
