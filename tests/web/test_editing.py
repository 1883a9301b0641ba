"""The box in which one's own words are changed stays as it is, whatever happens around it, and gives its place back."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, Locator, expect

from chat_service import keys
from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.browser import ChatPage, open_chat
from tests.web.page_actions import edit_box, expect_texts, open_edit_box, version_switch
from tests.web.seeding import seed_conversation

pytestmark = pytest.mark.browser


async def talked(context: BrowserContext, *lines: str) -> ChatPage:
    """A conversation in which this was said and echoed."""
    chat = await open_chat(context)
    for line in lines:
        await chat.send(line)
        await chat.expect_reply(f"echo: {line}")
        await chat.expect_status("answered")
    return chat


async def begun(chat: ChatPage, place: int) -> Locator:
    """An open box with half a thought in it, and the caret in the middle."""
    box = await open_edit_box(chat, place)
    await box.fill("half thought")
    await box.evaluate("box => box.setSelectionRange(5, 5)")
    return box


async def goes_on(chat: ChatPage) -> None:
    """Wait until what is typed lands at the caret, without a click; it is taken out again."""
    box = edit_box(chat)
    await expect(box).to_have_value("half thought")
    await expect(box).to_be_focused()
    await chat.page.keyboard.type("a ")
    await expect(box).to_have_value("half a thought")
    for _ in range(2):
        await chat.page.keyboard.press("Backspace")


async def test_a_box_stays_where_its_message_goes(context: BrowserContext, stack: Stack) -> None:
    first = await talked(context, "first", "second", "third")
    second = await open_chat(context, f"/c/{first.conversation}")
    await second.expect_reply("echo: third")
    await begun(first, 1)
    number = await stack.model.count_requests()
    await stack.model.script(ScriptedResponse(kind="gate"))
    await (await open_edit_box(second, 0)).fill("better")
    await edit_box(second).press("Enter")
    asked = (await stack.model.wait_for_question("better", number)).number
    await stack.model.release(asked, "So far")
    await expect(first.page.locator(".message .text:visible, .message .body")).to_have_text(["better", "So far"])
    await goes_on(first)
    await stack.model.finish(asked)
    await first.expect_status("answered")
    await goes_on(first)
    await edit_box(first).press("Escape")
    await expect_texts(first, "better", "So far")


async def test_a_box_stays_when_the_same_words_are_changed_elsewhere(context: BrowserContext, stack: Stack) -> None:
    first = await talked(context, "first")
    second = await open_chat(context, f"/c/{first.conversation}")
    await second.expect_reply("echo: first")
    await begun(first, 0)
    await (await open_edit_box(second, 0)).fill("better")
    await edit_box(second).press("Enter")
    await first.expect_reply("echo: better")
    await first.expect_status("answered")
    await goes_on(first)
    await expect(first.questions).to_have_count(1)
    await edit_box(first).press("Escape")
    await expect_texts(first, "better", "echo: better")
    await expect(version_switch(first.questions.last, "Version 2 of 2")).to_be_visible()


async def test_a_box_stays_while_far_older_messages_are_read(
    context: BrowserContext, stack: Stack, conversation: str
) -> None:
    chat = await open_chat(context)
    me = await chat.page.evaluate("fetch('/api/me').then((answer) => answer.json())")
    await seed_conversation(stack, keys.web(me["person"], conversation), 160)
    await chat.page.goto(f"/c/{conversation}")
    await chat.expect_status("answered")
    await begun(chat, -1)
    scroll = chat.page.locator("#scroll")
    gone = chat.page.locator(".reply", has_text="reply 160")
    while await gone.count():
        oldest = await chat.questions.first.get_attribute("id")
        await scroll.evaluate("node => { node.scrollTop = 0; }")
        await expect(chat.questions.first).not_to_have_attribute("id", oldest or "")
    await goes_on(chat)
    await chat.page.get_by_role("button", name="Jump to latest").click()
    await expect(gone).to_have_count(1)
    await expect(edit_box(chat)).to_have_value("half thought")
    await edit_box(chat).press("Escape")
    await expect(chat.questions.last.locator(".text")).to_have_text("question 160")


async def test_a_change_that_waits_and_is_taken_back_gives_its_place_back(
    context: BrowserContext, stack: Stack
) -> None:
    chat = await talked(context, "first")
    number = await stack.model.count_requests()
    await stack.model.script(ScriptedResponse(kind="gate"))
    await chat.send("second")
    asked = (await stack.model.wait_for_question("second", number)).number
    await stack.model.release(asked, "So far")
    await (await open_edit_box(chat, 0)).fill("better")
    await edit_box(chat).press("Enter")
    await chat.questions.last.get_by_role("button", name="Cancel").click()
    await expect(edit_box(chat)).to_have_value("better")
    await expect(chat.questions.first.get_by_role("textbox")).to_be_focused()
    await expect(chat.message_box).to_have_value("")
    await edit_box(chat).press("Escape")
    await expect_texts(chat, "first", "echo: first", "second", "So far")
    await stack.model.finish(asked)
    await chat.expect_status("answered")
    await expect_texts(chat, "first", "echo: first", "second", "So far")


async def test_a_change_that_could_not_be_sent_goes_on_in_its_place(context: BrowserContext) -> None:
    chat = await talked(context, "first", "second")
    await context.route("**/messages", lambda route: route.abort())
    await (await open_edit_box(chat, 1)).fill("better")
    await edit_box(chat).press("Enter")
    await expect(chat.questions.last.locator(".note")).to_contain_text("Not sent yet")
    await chat.questions.last.get_by_role("button", name="Edit").last.click()
    await expect(edit_box(chat)).to_have_value("better")
    await expect(chat.message_box).to_have_value("")
    await context.unroute("**/messages")
    await edit_box(chat).press("Enter")
    await expect_texts(chat, "first", "echo: first", "better", "echo: better")
