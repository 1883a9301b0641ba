"""One conversation in several windows: the same thing, live, in all of them."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, expect

from tests.fakes.model.protocol import Behaviour
from tests.processes import Stack
from tests.web.browser import window

pytestmark = pytest.mark.browser


async def test_a_first_message_gets_an_answer_and_an_address(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    await one.say("hello there")
    await one.says("echo: hello there")
    await one.stands("answered")
    assert "/c/" in one.page.url
    await expect(one.page.locator("#list a")).to_have_count(1)


async def test_two_windows_show_the_same_live_text(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    await one.say("first")
    await one.says("echo: first")
    two = await window(person, f"/c/{one.conversation}")
    await two.says("echo: first")
    await stack.model.script(Behaviour(kind="gate"))
    number = await stack.model.count()
    await one.say("tell me more")
    await expect(two.questions.last).to_contain_text("tell me more")
    asked = await stack.model.wait_for_question("tell me more", number)
    for piece, whole in (("Once", "Once"), (" upon a time", "Once upon a time")):
        await stack.model.release(asked.number, piece)
        for each in (one, two):
            await each.stands("running")
            await each.says(whole)
    await stack.model.finish(asked.number)
    for each in (one, two):
        await each.stands("answered")
        await each.says("Once upon a time")
    assert await one.texts() == await two.texts()


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
