"""What windows write while nothing can be sent: each message goes out, once, whoever comes back first."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.processes import eventually
from tests.web.browser import Window, window

pytestmark = pytest.mark.browser

SENDING = "**/messages"


async def begun(person: BrowserContext) -> tuple[Window, Window]:
    """Two windows of one conversation."""
    one = await window(person)
    await one.say("hello")
    await one.says("echo: hello")
    two = await window(person, f"/c/{one.conversation}")
    await two.says("echo: hello")
    return one, two


async def cut(way: BrowserContext | Page) -> None:
    """Nothing is sent from here any more."""
    await way.route(SENDING, lambda route: route.abort())


async def queue(one: Window, text: str) -> None:
    """Write what cannot be sent."""
    await one.say(text)
    await expect(one.questions.last).to_contain_text(text)
    await expect(one.questions.last.locator(".note")).to_contain_text("Not sent yet")


async def asked(one: Window, *lines: str) -> None:
    """Wait until this was asked, and all of it answered."""
    await expect(one.questions.locator(".text")).to_have_text(list(lines))
    await expect(one.last.locator(".body")).to_contain_text(lines[-1])
    await one.stands("answered")
    await expect(one.page.locator(".note", has_text="Not sent")).to_have_count(0)


async def lies(one: Window) -> list[str]:
    """What the browser keeps to send it later."""
    return list(await one.page.evaluate("Object.keys(localStorage).filter((name) => name.includes(':outbox:'))"))


async def test_what_two_windows_queue_by_turns_is_all_sent_in_order(person: BrowserContext) -> None:
    one, two = await begun(person)
    await cut(person)
    lines = ["from one", "from two", "from one again"]
    for each, text in zip((one, two, one), lines, strict=True):
        await queue(each, text)
    for each in (one, two):
        await expect(each.questions.locator(".text")).to_have_text(["hello", *lines])
    await person.unroute(SENDING)
    for each in (one, two):
        await asked(each, "hello", *lines)
    await eventually(lambda: lies(one), lambda names: not names)
    await two.page.reload()
    await asked(two, "hello", *lines)


async def test_whichever_window_comes_back_first_sends_for_the_others(person: BrowserContext) -> None:
    one, two = await begun(person)
    for each in (one, two):
        await cut(each.page)
    await queue(one, "from one")
    await queue(two, "from two")
    await two.page.unroute(SENDING)
    for each in (one, two):
        await asked(each, "hello", "from one", "from two")
    await one.page.unroute(SENDING)
    await queue_is_empty_and_sends_once(one, two)


async def queue_is_empty_and_sends_once(*windows: Window) -> None:
    """Nothing lies here, and who comes later has nothing to send again."""
    for each in windows:
        await eventually(lambda each=each: lies(each), lambda names: not names)  # type: ignore[misc]
        await each.page.reload()
        await asked(each, "hello", "from one", "from two")


async def test_what_was_queued_outlives_all_windows(person: BrowserContext) -> None:
    one, two = await begun(person)
    address = f"/c/{one.conversation}"
    await cut(person)
    await queue(one, "from one")
    await queue(two, "from two")
    for each in (one, two):
        await each.page.close()
    await person.unroute(SENDING)
    later = [await window(person, address) for _ in range(2)]
    for each in later:
        await asked(each, "hello", "from one", "from two")
    await queue_is_empty_and_sends_once(*later)


async def test_what_is_taken_back_in_one_window_is_sent_by_none(person: BrowserContext) -> None:
    one, two = await begun(person)
    await cut(person)
    await queue(one, "from one")
    await queue(two, "from two")
    await two.questions.nth(1).get_by_role("button", name="Edit").last.click()
    await expect(two.box).to_have_value("from one")
    await expect(one.questions.locator(".text")).to_have_text(["hello", "from two"])
    await person.unroute(SENDING)
    for each in (one, two):
        await asked(each, "hello", "from two")
