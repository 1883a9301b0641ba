"""A conversation whose deletion can still be undone is kept by whoever wants it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import BrowserContext, expect

from tests.fakes.model.protocol import Behaviour
from tests.processes import Stack
from tests.web.browser import Window, window
from tests.web.test_versions import box_of, edit

pytestmark = pytest.mark.browser

KEPT = "Conversation kept"


async def test_what_is_opened_again_is_kept(person: BrowserContext) -> None:
    one = await window(person)
    await one.say("hello")
    await expect(one.page.locator("#conversation-list a")).to_have_text("A fine title")
    await one.page.get_by_role("button", name="Delete").click()
    await expect(one.page.locator("#conversation-list a")).to_have_count(0)
    await one.page.go_back()
    await one.says("echo: hello")
    await expect(one.page.locator("#toast-text")).to_have_text(KEPT)
    await expect(one.page.locator("#conversation-list a")).to_have_count(1)
    await one.say("go on")
    await one.says("echo: go on")
    await one.page.reload()  # whoever leaves a page means the deletions that can still be undone there
    await expect(one.questions).to_have_count(2)
    await one.page.get_by_role("button", name="Delete").click()
    await one.page.get_by_role("button", name="Undo").click()
    await expect(one.questions).to_have_count(2)
    await expect(one.page.locator("#toast")).to_be_hidden()


async def test_what_is_written_in_elsewhere_is_kept(person: BrowserContext) -> None:
    one = await window(person)
    await one.say("hello")
    await expect(one.page.locator("#conversation-list a")).to_have_text("A fine title")
    two = await window(person, f"/c/{one.conversation}")
    await two.says("echo: hello")
    await one.page.get_by_role("button", name="Delete").click()
    await two.say("go on")
    await expect(one.page.locator("#toast-text")).to_have_text(KEPT)
    await expect(one.page.locator("#conversation-list a")).to_have_count(1)
    await expect(one.box).to_be_focused()
    await one.page.close()
    await two.says("echo: go on")
    await two.page.reload()
    await expect(two.questions).to_have_count(2)


async def renames(one: Window) -> None:
    """Give the conversation another name."""
    await one.page.get_by_role("button", name="Rename").click()
    await one.page.get_by_role("textbox", name="Conversation title").fill("Wanted")
    await one.page.keyboard.press("Enter")


async def changes(one: Window) -> None:
    """Ask the question in other words."""
    await (await edit(one, 0)).fill("better")
    await box_of(one).press("Enter")


async def answers_anew(one: Window) -> None:
    """Ask for another answer."""
    await one.last.get_by_role("button", name="Regenerate").click()


async def cannot_send(one: Window) -> None:
    """Write what goes out later."""
    await one.page.context.route("**/messages", lambda route: route.abort())
    await one.say("do not lose me")
    await one.page.context.unroute("**/messages")


@pytest.mark.parametrize("does", [renames, changes, answers_anew, cannot_send])
async def test_what_is_worked_with_elsewhere_is_kept(person: BrowserContext, does: Callable[[Window], Any]) -> None:
    one = await window(person)
    await one.say("hello")
    await expect(one.page.locator("#conversation-list a")).to_have_text("A fine title")
    two = await window(person, f"/c/{one.conversation}")
    await two.says("echo: hello")
    await two.stands("answered")
    await one.page.get_by_role("button", name="Delete").click()
    await expect(one.page.locator("#conversation-list a")).to_have_count(0)
    await does(two)
    await expect(one.page.locator("#toast-text")).to_have_text(KEPT)
    await expect(one.page.locator("#conversation-list a")).to_have_count(1)
    await one.page.close()
    await two.stands("answered")
    await two.page.reload()
    await expect(two.replies).to_have_count(2 if does is cannot_send else 1)


async def test_a_reply_that_ends_by_itself_keeps_nothing(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    await one.say("hello")
    await expect(one.page.locator("#conversation-list a")).to_have_text("A fine title")
    two = await window(person, f"/c/{one.conversation}")
    number = await stack.model.count()
    await stack.model.script(Behaviour(kind="gate"))
    await one.say("go on")
    asked = (await stack.model.wait_for_question("go on", number)).number
    await two.stands("running")
    await one.page.get_by_role("button", name="Delete").click()
    await stack.model.finish(asked)
    await two.stands("answered")
    await one.page.close()
    await expect(two.page.get_by_role("heading", name="This conversation was deleted")).to_be_visible()
