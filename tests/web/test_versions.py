"""Versions on the page: changing one's words, answering anew, switching between them, going on after a stop."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import BrowserContext, FilePayload, Route, expect

from chat_service import keys
from tests.fakes.model.protocol import EMPTY_GATE_TEXT, ScriptedResponse
from tests.processes import Stack, eventually
from tests.web.browser import open_chat
from tests.web.page_actions import edit_box, expect_texts, open_edit_box, version_switch
from tests.web.seeding import seed_conversation

pytestmark = pytest.mark.browser

GATE = ScriptedResponse(kind="gate")


async def test_a_changed_question_is_a_version_with_what_followed_it(context: BrowserContext, stack: Stack) -> None:
    first = await open_chat(context)
    for line in ("my name is Ada", "my name is Grace", "thanks"):
        await first.send(line)
        await first.expect_reply(f"echo: {line}")
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
    assert "thanks" in prompt and "Your name is Ada" not in prompt, "the model sees what is shown"
    await first.expect_status("answered")
    await first.page.reload()
    await first.expect_reply("Your name is Grace.")
    await version_switch(first.questions.nth(1), "Version 1 of 2").get_by_role("button", name="Next version").click()
    for chat in (first, second):
        await expect_texts(chat, *new)


async def test_a_change_shows_at_once_in_the_place_of_the_old_words(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    for line in ("first", "second"):
        await chat.send(line)
        await chat.expect_reply(f"echo: {line}")
    number = await stack.model.count_requests()
    await stack.model.script(GATE)
    box = await open_edit_box(chat, 0)
    await box.fill("better")
    sending: asyncio.Future[Route] = asyncio.get_running_loop().create_future()
    await context.route("**/messages", lambda route: sending.set_result(route), times=1)
    await chat.page.get_by_role("button", name="Send").first.click()
    route = await sending
    await expect_texts(chat, "better")
    await expect(chat.questions.last.locator(".note")).to_have_text("Sending…")
    await route.continue_()
    asked = await stack.model.wait_for_question("better", number)
    await stack.model.release(asked.number, "So far")
    await expect_texts(chat, "better", "So far")
    await chat.page.reload()
    await expect_texts(chat, "better", "So far")
    await expect(version_switch(chat.questions.last, "Version 2 of 2")).to_be_visible()
    await stack.model.finish(asked.number)
    await chat.expect_status("answered")


async def test_escape_gives_a_change_up_and_stops_nothing(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await chat.send("first")
    await chat.expect_reply("echo: first")
    number = await stack.model.count_requests()
    await stack.model.script(GATE)
    await chat.send("second")
    asked = await stack.model.wait_for_question("second", number)
    await stack.model.release(asked.number, "So far")
    await chat.expect_reply("So far")
    box = await open_edit_box(chat, 0)
    await box.fill("other words")
    await box.press("Escape")
    await expect(edit_box(chat)).to_have_count(0)
    await expect(chat.questions.first.get_by_role("button", name="Edit")).to_be_focused()
    await expect_texts(chat, "first", "echo: first", "second", "So far")
    box = await open_edit_box(chat, 0)
    await expect(box).to_have_value("first")
    await stack.model.release(asked.number, ", and on")
    await chat.expect_reply("So far, and on")
    await stack.model.finish(asked.number)
    await chat.expect_status("answered")


async def test_enter_in_a_change_chooses_a_word_while_an_input_method_composes(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await chat.send("first")
    await chat.expect_reply("echo: first")
    box = await open_edit_box(chat, 0)
    await box.fill("")
    composing = await context.new_cdp_session(chat.page)
    await composing.send("Input.imeSetComposition", {"text": "にほん", "selectionStart": 3, "selectionEnd": 3})
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
    await composing.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
    await composing.send("Input.dispatchKeyEvent", {"type": "keyUp", **enter})
    await composing.send("Input.insertText", {"text": "日本"})
    await expect(box).to_have_value("日本")
    await box.press("Enter")
    await expect_texts(chat, "日本", "echo: 日本")


async def test_a_change_that_was_begun_survives_a_reload(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await chat.send("first")
    await chat.expect_reply("echo: first")
    await (await open_edit_box(chat, 0)).fill("half a thought")
    await chat.page.reload()
    await chat.expect_reply("echo: first")
    await expect(await open_edit_box(chat, 0)).to_have_value("half a thought")


async def test_a_change_waits_while_a_reply_runs(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await chat.send("first")
    await chat.expect_reply("echo: first")
    number = await stack.model.count_requests()
    await stack.model.script(GATE)
    await chat.send("second")
    asked = await stack.model.wait_for_question("second", number)
    box = await open_edit_box(chat, 0)
    await box.fill("better")
    await box.press("Enter")
    await expect(chat.questions.last.locator(".note")).to_have_text("Queued, next")
    await expect(chat.questions).to_have_count(3)
    await stack.model.finish(asked.number)
    await expect_texts(chat, "better", "echo: better")


async def test_lines_that_became_one_question_are_changed_as_one(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    number = await stack.model.count_requests()
    await stack.model.script(GATE)
    await chat.send("first")
    asked = await stack.model.wait_for_question("first", number)
    for line in ("second", "third"):
        await chat.send(line)
        await expect(chat.questions.last.locator(".note")).to_contain_text("Queued")
    await stack.model.finish(asked.number)
    await chat.expect_reply("echo: second\n\nthird")
    await expect(chat.questions.nth(1).get_by_role("button", name="Edit")).to_be_hidden()
    box = await open_edit_box(chat, 2)
    await expect(box).to_have_value("second\n\nthird")
    await box.fill("both")
    await box.press("Enter")
    await expect_texts(chat, "first", EMPTY_GATE_TEXT, "both", "echo: both")
    await version_switch(chat.questions.last, "Version 2 of 2").get_by_role("button", name="Previous version").click()
    await expect_texts(chat, "first", EMPTY_GATE_TEXT, "second", "third", "echo: second\n\nthird")


async def test_files_stay_with_a_changed_question(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await chat.page.locator("#picker").set_input_files(
        [FilePayload(name="notes.md", mimeType="text/markdown", buffer=b"The cat is called Ada.")]
    )
    await expect(chat.page.locator("#files .file")).to_have_count(1)
    await chat.send("look")
    await chat.expect_status("answered")
    box = await open_edit_box(chat, 0)
    await expect(chat.page.locator(".edit-box .file")).to_have_count(1)
    await box.fill("read")
    await box.press("Enter")
    await expect(chat.questions.locator(".text")).to_have_text(["read"])
    await chat.expect_status("answered")
    await expect(chat.questions.locator(".file")).to_have_count(1)
    assert "The cat is called Ada." in str((await stack.model.requests())[-1].body["messages"])


async def test_what_is_too_far_back_says_so(context: BrowserContext, stack: Stack, conversation: str) -> None:
    chat = await open_chat(context)
    me = await chat.page.evaluate("fetch('/api/me').then((answer) => answer.json())")
    await seed_conversation(stack, keys.web(me["person"], conversation), 60)
    await chat.page.goto(f"/c/{conversation}")
    await chat.expect_reply("reply 60\n\nA longer paragraph that fills more than one line of the page.")
    await chat.page.locator("#scroll").evaluate("node => { node.scrollTop = 0; }")
    oldest = chat.page.locator(".user", has_text="question 40")
    await expect(oldest).to_have_count(1)
    await oldest.hover()
    await oldest.get_by_role("button", name="Edit").click()
    await expect(chat.page.locator("#toast")).to_contain_text("too old to edit")
    await expect(edit_box(chat)).to_have_count(0)


async def test_replies_answered_anew_are_switched_by_keyboard(context: BrowserContext, stack: Stack) -> None:
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
    await first.send("and on")
    await first.expect_reply("echo: and on")
    prompt = str((await stack.model.requests())[-1].body["messages"])
    assert "First" in prompt and "Second" not in prompt and "Third" not in prompt
    await version_switch(first.replies.first, "Version 1 of 3").get_by_role("button", name="Next version").click()
    await expect_texts(first, "hello", "Second reply")
    await version_switch(first.replies.first, "Version 2 of 3").get_by_role("button", name="Previous version").click()
    await expect_texts(first, "hello", "First reply", "and on", "echo: and on")


async def test_a_reply_answered_anew_in_vain_leaves_the_good_one(context: BrowserContext, stack: Stack) -> None:
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
    await first.last_reply.get_by_role("button", name="Try again").click()  # in vain again
    await stack.model.wait_for_question("hello", number)
    await first.page.reload()
    await expect(first.last_reply.locator(".error")).to_contain_text("check OPENAI_API_KEY")
    await expect_texts(first, "hello", "The good one")
    await first.last_reply.get_by_role("button", name="Try again").click()
    await expect(first.last_reply.locator(".note")).to_have_text("Waiting for the model…")
    await first.page.keyboard.press("Escape")  # before its first word
    await first.expect_status("answered")
    await expect_texts(first, "hello", "The good one")

    await first.send("and on")
    await first.expect_reply("echo: and on")
    await expect(first.page.locator(".error:visible")).to_have_count(0)
    assert "The good one" in str((await stack.model.requests())[-1].body["messages"])
    await first.page.reload()
    await expect_texts(first, "hello", "The good one", "and on", "echo: and on")


async def test_an_older_version_is_answered_anew_as_well(context: BrowserContext, stack: Stack) -> None:
    await stack.model.script(*(ScriptedResponse(text=f"{text} reply") for text in ("First", "Second", "Third")))
    chat = await open_chat(context)
    await chat.send("hello")
    await chat.expect_reply("First reply")
    await chat.last_reply.get_by_role("button", name="Regenerate").click()
    await chat.expect_reply("Second reply")
    await chat.last_reply.get_by_role("button", name="Previous version").click()
    await chat.expect_reply("First reply")
    await chat.last_reply.get_by_role("button", name="Regenerate").click()
    await chat.expect_reply("Third reply")
    await expect(version_switch(chat.last_reply, "Version 3 of 3")).to_be_visible()


async def test_switching_a_version_leaves_it_under_the_pointer(context: BrowserContext, stack: Stack) -> None:
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


async def test_a_stopped_reply_goes_on_in_all_windows(context: BrowserContext, stack: Stack) -> None:
    await stack.model.script(ScriptedResponse(kind="stall", text="Once upon"))
    first = await open_chat(context)
    await first.send("a story")
    await first.expect_reply("Once upon")
    second = await open_chat(context, f"/c/{first.conversation}")
    await second.expect_reply("Once upon")
    await first.page.get_by_role("button", name="Stop").click()
    for chat in (first, second):
        await chat.expect_status("stopped")
        await chat.expect_reply("Once upon")
        await expect(chat.last_reply.locator(".note")).to_have_text("Stopped here")
    number = await stack.model.count_requests()
    await stack.model.script(GATE)
    await first.last_reply.get_by_role("button", name="Continue").click()
    asked = await stack.model.wait_for_question("Go on exactly where", number)
    await stack.model.release(asked.number, "a time")
    for chat in (first, second):
        await chat.expect_reply("Once upon a time")
    await second.page.reload()
    await second.expect_reply("Once upon a time")
    await stack.model.release(asked.number, ".")
    await stack.model.finish(asked.number)
    for chat in (first, second):
        await chat.expect_status("answered")
        await chat.expect_reply("Once upon a time.")
        await expect(chat.replies).to_have_count(1)
        await expect(chat.last_reply.get_by_role("button", name="Continue")).to_be_hidden()
        await expect(chat.last_reply.get_by_role("group")).to_have_count(0)


async def test_messages_of_both_sides_are_copied_as_markdown(context: BrowserContext, stack: Stack) -> None:
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    await stack.model.script(ScriptedResponse(text="It is **bold**."))
    chat = await open_chat(context)
    await chat.send("Is `this` *right*?")
    await chat.expect_reply("It is bold.")
    copied = "navigator.clipboard.readText()"
    await chat.last_reply.get_by_role("button", name="Copy").click()
    await eventually(lambda: chat.page.evaluate(copied), lambda text: text == "It is **bold**.")
    await chat.questions.last.hover()
    await chat.questions.last.get_by_role("button", name="Copy").click()
    await eventually(lambda: chat.page.evaluate(copied), lambda text: text == "Is `this` *right*?")
