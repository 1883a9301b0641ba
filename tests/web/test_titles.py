"""What a conversation is called: said at once, in every window, whatever runs meanwhile."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, expect

from tests.fakes.model.protocol import Behaviour
from tests.processes import Stack
from tests.web.browser import Window, window

pytestmark = pytest.mark.browser


async def gated(stack: Stack, one: Window, question: str) -> int:
    """Ask something that is not answered yet."""
    await stack.model.script(Behaviour(kind="gate"))
    number = await stack.model.count()
    await one.say(question)
    return (await stack.model.wait_for_question(question, number)).number


async def called(one: Window, title: str) -> None:
    """Wait until the heading, the list and the tab say this."""
    await expect(one.page.locator("#conversation-list a").first).to_have_text(title)
    await expect(one.page.locator("h1")).to_have_text(title)
    await expect(one.page).to_have_title(f"{title} · Threadwell")


async def test_a_name_given_in_mid_reply_shows_at_once_everywhere(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    asked = await gated(stack, one, "hello")
    two = await window(person, f"/c/{one.conversation}")
    await stack.model.release(asked, "So far")
    await two.says("So far")
    await one.page.get_by_role("button", name="Rename").click()
    await one.page.get_by_role("textbox", name="Conversation title").fill("Mine")
    await one.page.keyboard.press("Enter")
    for each in (one, two):
        await called(each, "Mine")
    await one.page.reload()
    await one.stands("running")
    await called(one, "Mine")
    await stack.model.finish(asked)
    for each in (one, two):
        await each.stands("answered")
        await called(each, "Mine")


async def test_the_heading_says_what_the_list_says(person: BrowserContext, stack: Stack) -> None:
    """Nothing else happens while the model is silent."""
    one = await window(person)
    asked = await gated(stack, one, "where do swallows sleep")
    await called(one, "where do swallows sleep")
    titled = await stack.model.count()
    await stack.model.script_titles(Behaviour(kind="gate"))
    await stack.model.finish(asked)
    title = await stack.model.wait_for_title(titled)
    await one.stands("answered")
    await called(one, "where do swallows sleep")
    await stack.model.release(title, "Sleeping swallows")
    await stack.model.finish(title)
    await called(one, "Sleeping swallows")
