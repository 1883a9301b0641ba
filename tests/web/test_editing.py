"""The box in which one's own words are changed stays as it is, whatever happens around it, and gives its place back."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, Locator, expect

from chat_service import keys
from tests.fakes.model.protocol import Behaviour
from tests.processes import Stack
from tests.web.browser import Window, window
from tests.web.seeding import seed
from tests.web.test_versions import box_of, edit, switch, told

pytestmark = pytest.mark.browser


async def talked(person: BrowserContext, *lines: str) -> Window:
    """A conversation in which this was said and echoed."""
    one = await window(person)
    for line in lines:
        await one.say(line)
        await one.says(f"echo: {line}")
        await one.stands("answered")
    return one


async def begun(one: Window, place: int) -> Locator:
    """An open box with half a thought in it, and the caret in the middle."""
    box = await edit(one, place)
    await box.fill("half thought")
    await box.evaluate("box => box.setSelectionRange(5, 5)")
    return box


async def goes_on(one: Window) -> None:
    """Wait until what is typed lands at the caret, without a click; it is taken out again."""
    box = box_of(one)
    await expect(box).to_have_value("half thought")
    await expect(box).to_be_focused()
    await one.page.keyboard.type("a ")
    await expect(box).to_have_value("half a thought")
    for _ in range(2):
        await one.page.keyboard.press("Backspace")


async def test_a_box_stays_where_its_message_goes(person: BrowserContext, stack: Stack) -> None:
    one = await talked(person, "first", "second", "third")
    two = await window(person, f"/c/{one.conversation}")
    await two.says("echo: third")
    await begun(one, 1)
    number = await stack.model.count()
    await stack.model.script(Behaviour(kind="gate"))
    await (await edit(two, 0)).fill("better")
    await box_of(two).press("Enter")
    asked = (await stack.model.wait_for_question("better", number)).number
    await stack.model.release(asked, "So far")
    await expect(one.page.locator(".message .text:visible, .message .body")).to_have_text(["better", "So far"])
    await goes_on(one)
    await stack.model.finish(asked)
    await one.stands("answered")
    await goes_on(one)
    await box_of(one).press("Escape")
    await told(one, "better", "So far")


async def test_a_box_stays_when_the_same_words_are_changed_elsewhere(person: BrowserContext, stack: Stack) -> None:
    one = await talked(person, "first")
    two = await window(person, f"/c/{one.conversation}")
    await two.says("echo: first")
    await begun(one, 0)
    await (await edit(two, 0)).fill("better")
    await box_of(two).press("Enter")
    await one.says("echo: better")
    await one.stands("answered")
    await goes_on(one)
    await expect(one.questions).to_have_count(1)
    await box_of(one).press("Escape")
    await told(one, "better", "echo: better")
    await expect(switch(one.questions.last, "Version 2 of 2")).to_be_visible()


async def test_a_box_stays_while_far_older_messages_are_read(
    person: BrowserContext, stack: Stack, conversation: str
) -> None:
    one = await window(person)
    me = await one.page.evaluate("fetch('/api/me').then((answer) => answer.json())")
    await seed(stack, keys.web(me["person"], conversation), 160)
    await one.page.goto(f"/c/{conversation}")
    await one.stands("answered")
    await begun(one, -1)
    scroll = one.page.locator("#scroll")
    gone = one.page.locator(".reply", has_text="reply 160")
    while await gone.count():
        oldest = await one.questions.first.get_attribute("id")
        await scroll.evaluate("node => { node.scrollTop = 0; }")
        await expect(one.questions.first).not_to_have_attribute("id", oldest or "")
    await goes_on(one)
    await one.page.get_by_role("button", name="Jump to latest").click()
    await expect(gone).to_have_count(1)
    await expect(box_of(one)).to_have_value("half thought")
    await box_of(one).press("Escape")
    await expect(one.questions.last.locator(".text")).to_have_text("question 160")


async def test_a_change_that_waits_and_is_taken_back_gives_its_place_back(person: BrowserContext, stack: Stack) -> None:
    one = await talked(person, "first")
    number = await stack.model.count()
    await stack.model.script(Behaviour(kind="gate"))
    await one.say("second")
    asked = (await stack.model.wait_for_question("second", number)).number
    await stack.model.release(asked, "So far")
    await (await edit(one, 0)).fill("better")
    await box_of(one).press("Enter")
    await one.questions.last.get_by_role("button", name="Cancel").click()
    await expect(box_of(one)).to_have_value("better")
    await expect(one.questions.first.get_by_role("textbox")).to_be_focused()
    await expect(one.box).to_have_value("")
    await box_of(one).press("Escape")
    await told(one, "first", "echo: first", "second", "So far")
    await stack.model.finish(asked)
    await one.stands("answered")
    await told(one, "first", "echo: first", "second", "So far")


async def test_a_change_that_could_not_be_sent_goes_on_in_its_place(person: BrowserContext) -> None:
    one = await talked(person, "first", "second")
    await person.route("**/messages", lambda route: route.abort())
    await (await edit(one, 1)).fill("better")
    await box_of(one).press("Enter")
    await expect(one.questions.last.locator(".note")).to_contain_text("Not sent yet")
    await one.questions.last.get_by_role("button", name="Edit").last.click()
    await expect(box_of(one)).to_have_value("better")
    await expect(one.box).to_have_value("")
    await person.unroute("**/messages")
    await box_of(one).press("Enter")
    await told(one, "first", "echo: first", "better", "echo: better")
