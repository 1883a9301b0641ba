"""Versions on the page: changing one's words, answering anew, switching between them, going on after a stop."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import BrowserContext, FilePayload, Locator, Route, expect

from chat_service import keys
from tests.fakes.model.protocol import ENOUGH, Behaviour
from tests.processes import Stack, eventually
from tests.web.browser import Window, window
from tests.web.seeding import seed

pytestmark = pytest.mark.browser

GATE = Behaviour(kind="gate")


def box_of(one: Window) -> Locator:
    """Where one's words are changed."""
    return one.page.get_by_role("textbox", name="Edit message")


async def edit(one: Window, place: int) -> Locator:
    """Turn a question into a message box."""
    question = one.questions.nth(place)
    await question.hover()
    await question.get_by_role("button", name="Edit").click()
    await expect(box_of(one)).to_be_focused()
    return box_of(one)


async def told(one: Window, *lines: str) -> None:
    """Wait until exactly this is said."""
    await expect(one.page.locator(".message .text, .message .body")).to_have_text(list(lines))


def switch(message: Locator, label: str) -> Locator:
    """The ‹2/3› of a message that says it is this version."""
    return message.get_by_role("group", name=label, exact=True)


async def test_a_changed_question_is_a_version_with_what_followed_it(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    for line in ("my name is Ada", "my name is Grace", "thanks"):
        await one.say(line)
        await one.says(f"echo: {line}")
    two = await window(person, f"/c/{one.conversation}")
    await two.says("echo: thanks")
    box = await edit(one, 1)
    await expect(box).to_have_value("my name is Grace")
    await box.fill("what is my name?")
    await box.press("Enter")
    new = ("my name is Ada", "echo: my name is Ada", "what is my name?", "Your name is Ada.")
    old = (*new[:2], "my name is Grace", "echo: my name is Grace", "thanks", "echo: thanks")
    for each in (one, two):
        await told(each, *new)
        await expect(switch(each.questions.last, "Version 2 of 2")).to_contain_text("2/2")
    await expect(one.box).to_be_focused()

    await switch(two.questions.last, "Version 2 of 2").get_by_role("button", name="Previous version").click()
    for each in (one, two):
        await told(each, *old)
        await expect(switch(each.questions.nth(1), "Version 1 of 2")).to_contain_text("1/2")
    await one.say("what is my name?")
    await one.says("Your name is Grace.")
    prompt = str((await stack.model.requests())[-1].body["messages"])
    assert "thanks" in prompt and "Your name is Ada" not in prompt, "the model sees what is shown"
    await one.stands("answered")
    await one.page.reload()
    await one.says("Your name is Grace.")
    await switch(one.questions.nth(1), "Version 1 of 2").get_by_role("button", name="Next version").click()
    for each in (one, two):
        await told(each, *new)


async def test_a_change_shows_at_once_in_the_place_of_the_old_words(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    for line in ("first", "second"):
        await one.say(line)
        await one.says(f"echo: {line}")
    number = await stack.model.count()
    await stack.model.script(GATE)
    box = await edit(one, 0)
    await box.fill("better")
    sending: asyncio.Future[Route] = asyncio.get_running_loop().create_future()
    await person.route("**/messages", lambda route: sending.set_result(route), times=1)
    await one.page.get_by_role("button", name="Send").first.click()
    route = await sending
    await told(one, "better")
    await expect(one.questions.last.locator(".note")).to_have_text("Sending…")
    await route.continue_()
    asked = await stack.model.wait_for_question("better", number)
    await stack.model.release(asked.number, "So far")
    await told(one, "better", "So far")
    await one.page.reload()
    await told(one, "better", "So far")
    await expect(switch(one.questions.last, "Version 2 of 2")).to_be_visible()
    await stack.model.finish(asked.number)
    await one.stands("answered")


async def test_escape_gives_a_change_up_and_stops_nothing(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    await one.say("first")
    await one.says("echo: first")
    number = await stack.model.count()
    await stack.model.script(GATE)
    await one.say("second")
    asked = await stack.model.wait_for_question("second", number)
    await stack.model.release(asked.number, "So far")
    await one.says("So far")
    box = await edit(one, 0)
    await box.fill("other words")
    await box.press("Escape")
    await expect(box_of(one)).to_have_count(0)
    await expect(one.questions.first.get_by_role("button", name="Edit")).to_be_focused()
    await told(one, "first", "echo: first", "second", "So far")
    box = await edit(one, 0)
    await expect(box).to_have_value("first")
    await stack.model.release(asked.number, ", and on")
    await one.says("So far, and on")
    await stack.model.finish(asked.number)
    await one.stands("answered")


async def test_enter_in_a_change_chooses_a_word_while_an_input_method_composes(person: BrowserContext) -> None:
    one = await window(person)
    await one.say("first")
    await one.says("echo: first")
    box = await edit(one, 0)
    await box.fill("")
    composing = await person.new_cdp_session(one.page)
    await composing.send("Input.imeSetComposition", {"text": "にほん", "selectionStart": 3, "selectionEnd": 3})
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
    await composing.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
    await composing.send("Input.dispatchKeyEvent", {"type": "keyUp", **enter})
    await composing.send("Input.insertText", {"text": "日本"})
    await expect(box).to_have_value("日本")
    await box.press("Enter")
    await told(one, "日本", "echo: 日本")


async def test_a_change_that_was_begun_survives_a_reload(person: BrowserContext) -> None:
    one = await window(person)
    await one.say("first")
    await one.says("echo: first")
    await (await edit(one, 0)).fill("half a thought")
    await one.page.reload()
    await one.says("echo: first")
    await expect(await edit(one, 0)).to_have_value("half a thought")


async def test_a_change_waits_while_a_reply_runs(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    await one.say("first")
    await one.says("echo: first")
    number = await stack.model.count()
    await stack.model.script(GATE)
    await one.say("second")
    asked = await stack.model.wait_for_question("second", number)
    box = await edit(one, 0)
    await box.fill("better")
    await box.press("Enter")
    await expect(one.questions.last.locator(".note")).to_have_text("Queued, next")
    await expect(one.questions).to_have_count(3)
    await stack.model.finish(asked.number)
    await told(one, "better", "echo: better")


async def test_lines_that_became_one_question_are_changed_as_one(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    number = await stack.model.count()
    await stack.model.script(GATE)
    await one.say("first")
    asked = await stack.model.wait_for_question("first", number)
    for line in ("second", "third"):
        await one.say(line)
        await expect(one.questions.last.locator(".note")).to_contain_text("Queued")
    await stack.model.finish(asked.number)
    await one.says("echo: second\n\nthird")
    await expect(one.questions.nth(1).get_by_role("button", name="Edit")).to_be_hidden()
    box = await edit(one, 2)
    await expect(box).to_have_value("second\n\nthird")
    await box.fill("both")
    await box.press("Enter")
    await told(one, "first", ENOUGH, "both", "echo: both")
    await switch(one.questions.last, "Version 2 of 2").get_by_role("button", name="Previous version").click()
    await told(one, "first", ENOUGH, "second", "third", "echo: second\n\nthird")


async def test_files_stay_with_a_changed_question(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    await one.page.locator("#picker").set_input_files(
        [FilePayload(name="notes.md", mimeType="text/markdown", buffer=b"The cat is called Ada.")]
    )
    await expect(one.page.locator("#files .file")).to_have_count(1)
    await one.say("look")
    await one.stands("answered")
    box = await edit(one, 0)
    await expect(one.page.locator(".edit-box .file")).to_have_count(1)
    await box.fill("read")
    await box.press("Enter")
    await expect(one.questions.locator(".text")).to_have_text(["read"])
    await one.stands("answered")
    await expect(one.questions.locator(".file")).to_have_count(1)
    assert "The cat is called Ada." in str((await stack.model.requests())[-1].body["messages"])


async def test_what_is_too_far_back_says_so(person: BrowserContext, stack: Stack, conversation: str) -> None:
    one = await window(person)
    me = await one.page.evaluate("fetch('/api/me').then((answer) => answer.json())")
    await seed(stack, keys.web(me["person"], conversation), 60)
    await one.page.goto(f"/c/{conversation}")
    await one.says("reply 60\n\nA longer paragraph that fills more than one line of the page.")
    await one.page.locator("#scroll").evaluate("node => { node.scrollTop = 0; }")
    oldest = one.page.locator(".user", has_text="question 40")
    await expect(oldest).to_have_count(1)
    await oldest.hover()
    await oldest.get_by_role("button", name="Edit").click()
    await expect(one.page.locator("#toast")).to_contain_text("too old to edit")
    await expect(box_of(one)).to_have_count(0)


async def test_replies_answered_anew_are_switched_by_keyboard(person: BrowserContext, stack: Stack) -> None:
    await stack.model.script(*(Behaviour(text=f"**{text}** reply") for text in ("First", "Second", "Third")))
    one = await window(person)
    await one.say("hello")
    for number, text in enumerate(("First", "Second", "Third")):
        await one.says(f"{text} reply")
        if number < 2:
            await one.last.get_by_role("button", name="Regenerate").click()
    two = await window(person, f"/c/{one.conversation}")
    for each in (one, two):
        await expect(switch(each.last, "Version 3 of 3")).to_contain_text("3/3")
        await expect(each.replies).to_have_count(1)
    back = one.last.get_by_role("button", name="Previous version")
    await back.focus()
    await one.page.keyboard.press("Enter")
    for each in (one, two):
        await each.says("Second reply")
    await expect(one.page.locator("#announcer")).to_have_text("Version 2 of 3")
    await expect(back).to_be_focused()
    await one.page.keyboard.press("Enter")
    for each in (one, two):
        await each.says("First reply")
    await expect(back).to_be_focused()
    await expect(back).to_have_attribute("aria-disabled", "true")
    await one.page.keyboard.press("Enter")
    await one.page.reload()
    await one.says("First reply")
    await one.say("and on")
    await one.says("echo: and on")
    prompt = str((await stack.model.requests())[-1].body["messages"])
    assert "First" in prompt and "Second" not in prompt and "Third" not in prompt
    await switch(one.replies.first, "Version 1 of 3").get_by_role("button", name="Next version").click()
    await told(one, "hello", "Second reply")
    await switch(one.replies.first, "Version 2 of 3").get_by_role("button", name="Previous version").click()
    await told(one, "hello", "First reply", "and on", "echo: and on")


async def test_a_reply_answered_anew_in_vain_leaves_the_good_one(person: BrowserContext, stack: Stack) -> None:
    refusal = Behaviour(kind="fail", status=401, body={"error": {"message": "no", "code": "invalid_api_key"}})
    await stack.model.script(Behaviour(text="The good one"), refusal, refusal, Behaviour(kind="stall"))
    one = await window(person)
    await one.say("hello")
    await one.says("The good one")
    two = await window(person, f"/c/{one.conversation}")
    await one.last.get_by_role("button", name="Regenerate").click()
    for each in (one, two):
        await expect(each.last.locator(".error")).to_contain_text("Regenerating failed.")
        await expect(each.last.locator(".error")).to_contain_text("check OPENAI_API_KEY")
        await told(each, "hello", "The good one")
        await expect(each.page.get_by_role("group")).to_have_count(0)
    await expect(one.page.locator("#announcer")).to_have_text("The reply failed.")
    number = await stack.model.count()
    await one.last.get_by_role("button", name="Try again").click()  # in vain again
    await stack.model.wait_for_question("hello", number)
    await one.page.reload()
    await expect(one.last.locator(".error")).to_contain_text("check OPENAI_API_KEY")
    await told(one, "hello", "The good one")
    await one.last.get_by_role("button", name="Try again").click()
    await expect(one.last.locator(".note")).to_have_text("Waiting for the model…")
    await one.page.keyboard.press("Escape")  # before its first word
    await one.stands("answered")
    await told(one, "hello", "The good one")

    await one.say("and on")
    await one.says("echo: and on")
    await expect(one.page.locator(".error:visible")).to_have_count(0)
    assert "The good one" in str((await stack.model.requests())[-1].body["messages"])
    await one.page.reload()
    await told(one, "hello", "The good one", "and on", "echo: and on")


async def test_an_older_version_is_answered_anew_as_well(person: BrowserContext, stack: Stack) -> None:
    await stack.model.script(*(Behaviour(text=f"{text} reply") for text in ("First", "Second", "Third")))
    one = await window(person)
    await one.say("hello")
    await one.says("First reply")
    await one.last.get_by_role("button", name="Regenerate").click()
    await one.says("Second reply")
    await one.last.get_by_role("button", name="Previous version").click()
    await one.says("First reply")
    await one.last.get_by_role("button", name="Regenerate").click()
    await one.says("Third reply")
    await expect(switch(one.last, "Version 3 of 3")).to_be_visible()


async def test_switching_a_version_leaves_it_under_the_pointer(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    await stack.model.script(*(Behaviour(text=f"{n}\n\n" + "A long line of the reply. " * 120) for n in range(3)))
    for number in range(3):
        await one.say(f"question {number}")
        await expect(one.replies.nth(number)).to_have_attribute("data-status", "answered")
    await (await edit(one, 2)).fill("short")
    await box_of(one).press("Enter")
    await one.says("echo: short")
    await one.stands("answered")
    await expect(one.replies).to_have_count(3)
    await expect(switch(one.questions.last, "Version 2 of 2")).to_be_visible()
    back = one.questions.last.get_by_role("button", name="Previous version")
    before = await back.bounding_box()
    await back.click()
    await expect(switch(one.questions.last, "Version 1 of 2")).to_be_visible()
    await expect(one.questions.last.locator(".text")).to_have_text("question 2")
    after = await back.bounding_box()
    assert before and after and abs(before["y"] - after["y"]) < 2


async def test_a_stopped_reply_goes_on_in_all_windows(person: BrowserContext, stack: Stack) -> None:
    await stack.model.script(Behaviour(kind="stall", text="Once upon"))
    one = await window(person)
    await one.say("a story")
    await one.says("Once upon")
    two = await window(person, f"/c/{one.conversation}")
    await two.says("Once upon")
    await one.page.get_by_role("button", name="Stop").click()
    for each in (one, two):
        await each.stands("stopped")
        await each.says("Once upon")
        await expect(each.last.locator(".note")).to_have_text("Stopped here")
    number = await stack.model.count()
    await stack.model.script(GATE)
    await one.last.get_by_role("button", name="Continue").click()
    asked = await stack.model.wait_for_question("Go on exactly where", number)
    await stack.model.release(asked.number, "a time")
    for each in (one, two):
        await each.says("Once upon a time")
    await two.page.reload()
    await two.says("Once upon a time")
    await stack.model.release(asked.number, ".")
    await stack.model.finish(asked.number)
    for each in (one, two):
        await each.stands("answered")
        await each.says("Once upon a time.")
        await expect(each.replies).to_have_count(1)
        await expect(each.last.get_by_role("button", name="Continue")).to_be_hidden()
        await expect(each.last.get_by_role("group")).to_have_count(0)


async def test_messages_of_both_sides_are_copied_as_markdown(person: BrowserContext, stack: Stack) -> None:
    await person.grant_permissions(["clipboard-read", "clipboard-write"])
    await stack.model.script(Behaviour(text="It is **bold**."))
    one = await window(person)
    await one.say("Is `this` *right*?")
    await one.says("It is bold.")
    copied = "navigator.clipboard.readText()"
    await one.last.get_by_role("button", name="Copy").click()
    await eventually(lambda: one.page.evaluate(copied), lambda text: text == "It is **bold**.")
    await one.questions.last.hover()
    await one.questions.last.get_by_role("button", name="Copy").click()
    await eventually(lambda: one.page.evaluate(copied), lambda text: text == "Is `this` *right*?")
