"""Versions: edited messages and regenerated replies, and the switch between them."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, expect

from tests.fakes.model.protocol import EMPTY_GATE_TEXT, ScriptedResponse
from tests.processes import Stack
from tests.web.browser import open_chat
from tests.web.page_actions import (
    edit_box,
    expect_texts,
    hold_requests,
    open_edit_box,
    open_seeded_chat,
    start_gated_reply,
    version_switch,
)

pytestmark = pytest.mark.browser


async def test_edited_message_starts_a_version_of_the_conversation(context: BrowserContext, stack: Stack) -> None:
    first = await open_chat(context)
    for line in ("my name is Ada", "my name is Grace", "thanks"):
        await first.ask(line)
    second = await open_chat(context, f"/c/{first.conversation}")
    await second.expect_reply("echo: thanks")
    box = await open_edit_box(first, 1)
    await expect(box).to_have_value("my name is Grace")
    await box.fill("what is my name?")
    await box.press("Enter")
    new = ("my name is Ada", "echo: my name is Ada", "what is my name?", "Your name is Ada.")
    old = (*new[:2], "my name is Grace", "echo: my name is Grace", "thanks", "echo: thanks")
    for chat in (first, second):
        await expect_texts(chat, *new)
        await expect(version_switch(chat.questions.last, "Version 2 of 2")).to_contain_text("2/2")
    await expect(first.message_box).to_be_focused()

    await version_switch(second.questions.last, "Version 2 of 2").get_by_role("button", name="Previous version").click()
    for chat in (first, second):
        await expect_texts(chat, *old)
        await expect(version_switch(chat.questions.nth(1), "Version 1 of 2")).to_contain_text("1/2")
    await first.send("what is my name?")
    await first.expect_reply("Your name is Grace.")
    prompt = str((await stack.model.requests())[-1].body["messages"])
    assert "thanks" in prompt and "Your name is Ada" not in prompt, "the prompt has the shown version only"
    await first.expect_status("answered")
    await first.page.reload()
    await first.expect_reply("Your name is Grace.")
    await version_switch(first.questions.nth(1), "Version 1 of 2").get_by_role("button", name="Next version").click()
    for chat in (first, second):
        await expect_texts(chat, *new)


async def test_edit_shows_before_the_server_confirms_it(context: BrowserContext, stack: Stack) -> None:
    chat = await open_seeded_chat(stack, context, 2)
    number = await stack.model.count_requests()
    await stack.model.script(ScriptedResponse(kind="gate"))
    box = await open_edit_box(chat, 0)
    await box.fill("better")
    async with hold_requests(chat.page, "**/messages", "POST"):
        await chat.page.get_by_role("button", name="Send").first.click()
        await expect_texts(chat, "better")
        await expect(chat.questions.last.locator(".note")).to_have_text("Sending…")
    request = await stack.model.wait_for_question("better", number)
    await stack.model.release(request, "So far")
    await expect_texts(chat, "better", "So far")
    await chat.page.reload()
    await expect_texts(chat, "better", "So far")
    await expect(version_switch(chat.questions.last, "Version 2 of 2")).to_be_visible()
    await stack.model.finish(request)
    await chat.expect_status("answered")


async def test_messages_answered_together_are_edited_together(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    request = await start_gated_reply(stack, chat, "first")
    for line in ("second", "third"):
        await chat.send(line)
        await expect(chat.questions.last.locator(".note")).to_contain_text("Queued")
    await stack.model.finish(request)
    await chat.expect_reply("echo: second\n\nthird")
    await expect(chat.questions.nth(1).get_by_role("button", name="Edit")).to_be_hidden()
    box = await open_edit_box(chat, 2)
    await expect(box).to_have_value("second\n\nthird")
    await box.fill("both")
    await box.press("Enter")
    await expect_texts(chat, "first", EMPTY_GATE_TEXT, "both", "echo: both")
    await version_switch(chat.questions.last, "Version 2 of 2").get_by_role("button", name="Previous version").click()
    await expect_texts(chat, "first", EMPTY_GATE_TEXT, "second", "third", "echo: second\n\nthird")


async def test_old_message_cannot_be_edited(context: BrowserContext, stack: Stack) -> None:
    chat = await open_seeded_chat(stack, context, 60)
    await chat.expect_reply("reply 60\n\nA longer paragraph that fills more than one line of the page.")
    await chat.page.locator("#scroll").evaluate("node => { node.scrollTop = 0; }")
    oldest = chat.page.locator(".user", has_text="question 40")
    await expect(oldest).to_have_count(1)
    await oldest.hover()
    await oldest.get_by_role("button", name="Edit").click()
    await expect(chat.page.locator("#toast")).to_contain_text("too old to edit")
    await expect(edit_box(chat)).to_have_count(0)


async def test_regenerated_replies_are_switched_by_keyboard(context: BrowserContext, stack: Stack) -> None:
    await stack.model.script(*(ScriptedResponse(text=f"**{text}** reply") for text in ("First", "Second", "Third")))
    first = await open_chat(context)
    await first.send("hello")
    for number, text in enumerate(("First", "Second", "Third")):
        await first.expect_reply(f"{text} reply")
        if number < 2:
            await first.last_reply.get_by_role("button", name="Regenerate").click()
    second = await open_chat(context, f"/c/{first.conversation}")
    for chat in (first, second):
        await expect(version_switch(chat.last_reply, "Version 3 of 3")).to_contain_text("3/3")
        await expect(chat.replies).to_have_count(1)
    back = first.last_reply.get_by_role("button", name="Previous version")
    await back.focus()
    await first.page.keyboard.press("Enter")
    for chat in (first, second):
        await chat.expect_reply("Second reply")
    await expect(first.page.locator("#announcer")).to_have_text("Version 2 of 3")
    await expect(back).to_be_focused()
    await first.page.keyboard.press("Enter")
    for chat in (first, second):
        await chat.expect_reply("First reply")
    await expect(back).to_be_focused()
    await expect(back).to_have_attribute("aria-disabled", "true")
    await first.page.keyboard.press("Enter")
    await first.page.reload()
    await first.expect_reply("First reply")
    await first.ask("and on")
    prompt = str((await stack.model.requests())[-1].body["messages"])
    assert "First" in prompt and "Second" not in prompt and "Third" not in prompt
    await version_switch(first.replies.first, "Version 1 of 3").get_by_role("button", name="Next version").click()
    await expect_texts(first, "hello", "Second reply")
    await version_switch(first.replies.first, "Version 2 of 3").get_by_role("button", name="Previous version").click()
    await expect_texts(first, "hello", "First reply", "and on", "echo: and on")


async def test_failed_regeneration_keeps_the_old_reply(context: BrowserContext, stack: Stack) -> None:
    refusal = ScriptedResponse(kind="fail", status=401, body={"error": {"message": "no", "code": "invalid_api_key"}})
    await stack.model.script(ScriptedResponse(text="The good one"), refusal, refusal, ScriptedResponse(kind="stall"))
    first = await open_chat(context)
    await first.send("hello")
    await first.expect_reply("The good one")
    second = await open_chat(context, f"/c/{first.conversation}")
    await first.last_reply.get_by_role("button", name="Regenerate").click()
    for chat in (first, second):
        await expect(chat.last_reply.locator(".error")).to_contain_text("Regenerating failed.")
        await expect(chat.last_reply.locator(".error")).to_contain_text("check OPENAI_API_KEY")
        await expect_texts(chat, "hello", "The good one")
        await expect(chat.page.get_by_role("group")).to_have_count(0)
    await expect(first.page.locator("#announcer")).to_have_text("The reply failed.")
    number = await stack.model.count_requests()
    await first.last_reply.get_by_role("button", name="Try again").click()  # fails again
    await stack.model.wait_for_question("hello", number)
    await first.page.reload()
    await expect(first.last_reply.locator(".error")).to_contain_text("check OPENAI_API_KEY")
    await expect_texts(first, "hello", "The good one")
    await first.last_reply.get_by_role("button", name="Try again").click()
    await expect(first.last_reply.locator(".note")).to_have_text("Waiting for the model…")
    await first.page.keyboard.press("Escape")  # before its first word
    await first.expect_status("answered")
    await expect_texts(first, "hello", "The good one")

    await first.ask("and on")
    await expect(first.page.locator(".error:visible")).to_have_count(0)
    assert "The good one" in str((await stack.model.requests())[-1].body["messages"])
    await first.page.reload()
    await expect_texts(first, "hello", "The good one", "and on", "echo: and on")


async def test_version_switch_stays_under_the_pointer(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await stack.model.script(
        *(ScriptedResponse(text=f"{n}\n\n" + "A long line of the reply. " * 120) for n in range(3))
    )
    for number in range(3):
        await chat.send(f"question {number}")
        await expect(chat.replies.nth(number)).to_have_attribute("data-status", "answered")
    await (await open_edit_box(chat, 2)).fill("short")
    await edit_box(chat).press("Enter")
    await chat.expect_reply("echo: short")
    await chat.expect_status("answered")
    await expect(chat.replies).to_have_count(3)
    await expect(version_switch(chat.questions.last, "Version 2 of 2")).to_be_visible()
    back = chat.questions.last.get_by_role("button", name="Previous version")
    before = await back.bounding_box()
    await back.click()
    await expect(version_switch(chat.questions.last, "Version 1 of 2")).to_be_visible()
    await expect(chat.questions.last.locator(".text")).to_have_text("question 2")
    after = await back.bounding_box()
    assert before and after and abs(before["y"] - after["y"]) < 2


PIXELS_BELOW = "((box) => box.scrollHeight - box.clientHeight - box.scrollTop)(document.getElementById('scroll'))"


async def test_end_is_followed_again_after_a_version_switch(context: BrowserContext) -> None:
    """The second regeneration starts from the older version."""
    chat = await open_chat(context)
    await chat.send("\n\n".join(f"line {number}" for number in range(60)))
    for version in (2, 1, 3):
        await expect(chat.last_reply.locator(".body")).to_contain_text("line 59")
        await chat.expect_status("answered")
        if version == 1:
            await chat.last_reply.get_by_role("button", name="Previous version").click()
        else:
            await chat.last_reply.get_by_role("button", name="Regenerate").click()
        await expect(version_switch(chat.last_reply, f"Version {version} of {max(version, 2)}")).to_be_visible()
    await expect(chat.last_reply.locator(".body")).to_contain_text("line 59")
    await chat.expect_status("answered")
    await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_hidden()
    below = await chat.page.evaluate(PIXELS_BELOW)
    assert below < 1, "the end is in sight"
