"""The page, as somebody uses it."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, FilePayload, expect

from chat_service.engine.process import free_port
from tests.fakes.model.protocol import Behaviour
from tests.processes import Stack
from tests.web.browser import browsing, window
from tests.web.site import Site, running_site

pytestmark = pytest.mark.browser


async def test_a_first_message_gets_an_answer_an_address_and_a_title(person: BrowserContext) -> None:
    one = await window(person)
    await expect(one.page.get_by_role("heading", name="What is on your mind?")).to_be_visible()
    await expect(one.box).to_be_focused()
    assert urlsplit(one.page.url).path == "/"
    await one.say("hello there")
    await one.says("echo: hello there")
    await one.stands("answered")
    assert urlsplit(one.page.url).path.startswith("/c/")
    await expect(one.page.locator("h1")).to_have_text("A fine title")
    await expect(one.page.locator("#conversation-list a")).to_have_text("A fine title")
    await expect(one.page).to_have_title("A fine title · Threadwell")
    await expect(one.box).to_be_focused()


async def test_back_forward_and_reload_show_what_was_there(person: BrowserContext) -> None:
    one = await window(person)
    await one.say("about tea")
    await one.says("echo: about tea")
    await one.page.get_by_role("button", name="New conversation").click()
    await expect(one.questions).to_have_count(0)
    await one.say("about coffee")
    await one.says("echo: about coffee")
    await one.page.go_back()
    await expect(one.questions).to_have_count(0)
    await one.page.go_back()
    await one.says("echo: about tea")
    await one.page.reload()
    await one.says("echo: about tea")
    await one.page.go_forward()
    await one.page.go_forward()
    await one.says("echo: about coffee")
    await one.page.locator("#conversation-list a").last.click()
    await one.says("echo: about tea")


async def test_drafts_are_kept_per_conversation(person: BrowserContext) -> None:
    one = await window(person)
    await one.say("hello")
    await one.says("echo: hello")
    await one.box.fill("half a thought")
    await one.page.get_by_role("button", name="New conversation").click()
    await expect(one.box).to_have_value("")
    await one.box.fill("another")
    await one.page.locator("#conversation-list a").click()
    await expect(one.box).to_have_value("half a thought")
    await one.page.reload()
    await expect(one.box).to_have_value("half a thought")
    await one.page.get_by_role("button", name="New conversation").click()
    await expect(one.box).to_have_value("another")
    await one.say("sent")
    await one.page.get_by_role("button", name="New conversation").click()
    await expect(one.box).to_have_value("")


async def test_the_draft_of_a_new_conversation_is_its_windows_own(person: BrowserContext) -> None:
    one = await window(person)
    await one.box.fill("half a thought")
    two = await window(person)
    await expect(two.box).to_have_value("")
    await two.box.fill("another")
    for each, draft in ((one, "half a thought"), (two, "another")):
        await each.page.reload()
        await expect(each.box).to_have_value(draft)


async def test_a_wrong_address_is_a_page_that_leads_back(person: BrowserContext, site: Site) -> None:
    page = await person.new_page()
    for path in ("/nope", "/c/", "/c/not~an~id", f"/c/{'x' * 65}", "/c/one/two"):
        answer = await page.goto(path)
        assert answer is not None
        assert answer.status == 404, path
        await expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    await page.get_by_role("link", name="Go to your conversations").click()
    await expect(page).to_have_url(f"{site.url}/")
    await expect(page.get_by_role("heading", name="What is on your mind?")).to_be_visible()


async def test_a_name_is_given_and_stays(person: BrowserContext) -> None:
    one = await window(person)
    await one.say("hello")
    await expect(one.page.locator("h1")).to_have_text("A fine title")
    two = await window(person, f"/c/{one.conversation}")
    await one.page.get_by_role("button", name="Rename").click()
    await one.page.get_by_role("textbox", name="Conversation title").fill("Tea <b>time</b>")
    await one.page.keyboard.press("Enter")
    for each in (one, two):
        await expect(each.page.locator("h1")).to_have_text("Tea <b>time</b>")
        await expect(each.page.locator("#conversation-list a")).to_have_text("Tea <b>time</b>")
    await one.page.get_by_role("button", name="Rename").click()
    await one.page.keyboard.press("Escape")
    await expect(one.page.locator("h1")).to_have_text("Tea <b>time</b>")


async def test_titles_write_themselves_and_never_over_a_rename(person: BrowserContext, stack: Stack) -> None:
    """A title is wanted after the first turn, and again after the third; the first one comes after the rename."""
    await stack.model.script_titles(Behaviour(kind="gate"), Behaviour(text="First thoughts"), Behaviour(text="At last"))
    number = await stack.model.count()
    one = await window(person)
    await one.say("hello")
    await one.says("echo: hello")
    late = await stack.model.wait_for_title(number)
    await one.page.get_by_role("button", name="Rename").click()
    await one.page.get_by_role("textbox", name="Conversation title").fill("By hand")
    await one.page.keyboard.press("Enter")
    await expect(one.page.locator("h1")).to_have_text("By hand")
    await stack.model.release(late, "Too late")
    await stack.model.finish(late)

    two = await window(person)
    await two.say("hello")
    await expect(two.page.locator("h1")).to_have_text("First thoughts")
    for text in ("more", "and more", "and on"):
        for each in (one, two):
            await each.say(text)
            await each.says(f"echo: {text}")
            await each.stands("answered")
    await expect(two.page.locator("h1")).to_have_text("At last")
    for again in (False, True):
        if again:
            await one.page.reload()
        await expect(one.page.locator("h1")).to_have_text("By hand")
        for title in ("By hand", "At last"):
            await expect(one.page.locator("#conversation-list a", has_text=title)).to_have_count(1)
        await expect(one.page.locator("#conversation-list a")).to_have_count(2)


async def test_deleting_can_be_undone_until_it_is_done(person: BrowserContext, site: Site) -> None:
    one = await window(person)
    await one.say("hello")
    await expect(one.page.locator("h1")).to_have_text("A fine title")
    address = f"/c/{one.conversation}"
    await one.page.get_by_role("button", name="Delete").click()
    await expect(one.page.locator("#conversation-list a")).to_have_count(0)
    await one.page.get_by_role("button", name="Undo").click()
    await one.says("echo: hello")
    await expect(one.page.locator("#conversation-list a")).to_have_count(1)
    await one.page.get_by_role("button", name="Delete").click()
    await expect(one.page.locator("#toast")).to_be_visible()
    await one.page.close()  # who leaves meant it
    two = await window(person)
    await expect(two.page.locator("#conversation-list a")).to_have_count(0)
    await two.page.goto(address)
    await expect(two.questions).to_have_count(0)


async def test_a_failed_reply_says_why_and_is_tried_again(person: BrowserContext, stack: Stack) -> None:
    refusal = {"error": {"message": "no", "code": "invalid_api_key"}}
    await stack.model.script(Behaviour(kind="fail", status=401, body=refusal))
    one = await window(person)
    await one.say("hello")
    await one.stands("failed")
    await expect(one.last.locator(".error")).to_contain_text("check OPENAI_API_KEY")
    await one.page.reload()
    await expect(one.last.locator(".error")).to_contain_text("check OPENAI_API_KEY")
    await one.last.get_by_role("button", name="Try again").click()
    await one.says("echo: hello")
    await expect(one.last.locator(".error")).to_be_hidden()
    await expect(one.replies).to_have_count(1)
    await expect(one.questions).to_have_count(1)


async def test_a_stopped_reply_is_answered_anew(person: BrowserContext, stack: Stack) -> None:
    await stack.model.script(Behaviour(kind="stall", text="So far"))
    one = await window(person)
    await one.say("hello")
    await one.says("So far")
    await one.page.get_by_role("button", name="Stop").click()
    await one.stands("stopped")
    await one.last.get_by_role("button", name="Try again").click()
    await one.says("echo: hello")
    await expect(one.replies).to_have_count(1)


async def test_a_silent_model_is_waited_for_in_words(person: BrowserContext, stack: Stack) -> None:
    await stack.model.script(Behaviour(kind="stall"))
    one = await window(person)
    await one.say("hello")
    await expect(one.last.locator(".note")).to_have_text("Waiting for the model…")
    await one.page.keyboard.press("Escape")
    await one.stands("stopped")
    await expect(one.last.locator(".note")).to_have_text("Stopped before it began")


async def test_what_the_server_refuses_can_be_mended(person: BrowserContext) -> None:
    one = await window(person)
    await person.route(
        "**/messages", lambda route: route.fulfill(status=400, json={"error": "that is too much"}), times=1
    )
    await one.say("hello")
    await expect(one.questions.last.locator(".note")).to_have_text("Not sent. That is too much.")
    await one.questions.last.get_by_role("button", name="Edit").click()
    await expect(one.box).to_have_value("hello")
    await expect(one.questions).to_have_count(0)
    await one.box.press("Enter")
    await one.says("echo: hello")


async def test_enter_chooses_a_word_while_an_input_method_composes(person: BrowserContext) -> None:
    one = await window(person)
    await one.box.focus()
    composing = await person.new_cdp_session(one.page)
    await composing.send("Input.imeSetComposition", {"text": "にほん", "selectionStart": 3, "selectionEnd": 3})
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
    await composing.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
    await composing.send("Input.dispatchKeyEvent", {"type": "keyUp", **enter})
    await composing.send("Input.insertText", {"text": "日本"})
    await expect(one.box).to_have_value("日本")
    await expect(one.questions).to_have_count(0)
    await one.page.keyboard.press("Enter")
    await one.says("echo: 日本")


async def test_on_touch_enter_is_a_new_line(chromium: Browser, site: Site, stack: Stack) -> None:
    async with browsing(
        chromium, site.url, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844}
    ) as phone:
        one = await window(phone)
        named = one.page.locator("#empty").get_by_text("Answered by scripted")
        await expect(named, "the list, which names it, is out of sight").to_be_visible()
        await one.box.tap()
        await one.page.keyboard.type("one")
        await one.page.keyboard.press("Enter")
        await one.page.keyboard.type("two")
        await expect(one.box).to_have_value("one\ntwo")
        await one.page.get_by_role("button", name="Send").tap()
        await one.says("echo: one\ntwo")
        await expect(one.page.locator("#sidebar")).to_be_hidden()
        await one.page.get_by_role("button", name="Show conversations").tap()
        await expect(one.page.locator("#sidebar")).to_be_visible()
        await one.page.locator("#conversation-list a").tap()
        await expect(one.page.locator("#sidebar")).to_be_hidden()
        width = await one.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, "nothing is wider than the phone"


async def test_files_are_sent_and_shown(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    picture = bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c6360f8cf500f00038701802f1ef5480000000049454e44ae426082"
    )
    await one.page.locator("#picker").set_input_files(
        [
            FilePayload(name="notes.md", mimeType="text/markdown", buffer=b"The cat is called Ada."),
            FilePayload(name="dot.png", mimeType="image/png", buffer=picture),
        ]
    )
    await expect(one.page.locator("#files .file")).to_have_count(2)
    await expect(one.page.locator("#hint")).to_contain_text("cannot see pictures")
    number = await stack.model.count()
    await one.say("look at this")
    await expect(one.page.locator("#files")).to_be_hidden()
    asked = await stack.model.wait_for_question("look at this", number)
    assert "The cat is called Ada." in str(asked.body)
    await one.stands("answered")
    await one.page.reload()
    await one.questions.locator("summary").click()
    await expect(one.questions.locator("details pre")).to_have_text("The cat is called Ada.")
    await expect(one.questions.locator("img")).to_have_js_property("naturalWidth", 1)


async def test_files_that_cannot_be_sent_are_told_before(person: BrowserContext) -> None:
    one = await window(person)
    hint = one.page.locator("#hint")
    pick = one.page.locator("#picker")
    await pick.set_input_files({"name": "song.mp3", "mimeType": "audio/mpeg", "buffer": b"x"})
    await expect(hint).to_contain_text("song.mp3: only text files and pictures")
    await pick.set_input_files({"name": "big.txt", "mimeType": "text/plain", "buffer": b"x" * 300_000})
    await expect(hint).to_contain_text("big.txt is too large")
    await pick.set_input_files([FilePayload(name=f"{n}.txt", mimeType="text/plain", buffer=b"x") for n in range(11)])
    await expect(hint).to_contain_text("at most 10 files")
    await expect(one.page.locator("#files .file")).to_have_count(10)
    await one.page.get_by_role("button", name="Remove 0.txt").click()
    await expect(one.page.locator("#files .file")).to_have_count(9)


async def test_a_link_from_another_site_finds_the_same_person(person: BrowserContext, site: Site) -> None:
    one = await window(person)
    await one.say("hello")
    await one.says("echo: hello")

    async def linking(_: web.Request) -> web.Response:
        return web.Response(text=f'<a href="{one.page.url}">my talk</a>', content_type="text/html")

    app = web.Application()
    app.router.add_get("/", linking)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "localhost", port).start()
    try:
        elsewhere = await person.new_page()
        await elsewhere.goto(f"http://localhost:{port}/")  # another site than 127.0.0.1
        await elsewhere.get_by_text("my talk").click()
        await expect(elsewhere.locator(".reply .body")).to_have_text("echo: hello")
    finally:
        await runner.cleanup()
    await one.page.reload()
    await one.says("echo: hello")


async def test_what_finished_elsewhere_is_marked(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    await stack.model.script(Behaviour(kind="gate"))
    number = await stack.model.count()
    await one.say("slow")
    asked = await stack.model.wait_for_question("slow", number)
    await one.page.get_by_role("button", name="New conversation").click()
    await expect(one.page.locator("#conversation-list .dot")).to_have_count(0)
    await stack.model.release(asked.number, "there")
    await stack.model.finish(asked.number)
    await expect(one.page.locator("#conversation-list .dot")).to_have_count(1)
    await one.page.locator("#conversation-list a").click()
    await one.says("there")
    await expect(one.page.locator("#conversation-list .dot")).to_have_count(0)


async def test_the_door_asks_for_the_token(chromium: Browser, site: Site, stack: Stack) -> None:
    """Another page beside the shared one, on the same chat service."""
    async with running_site(stack, WEB_ACCESS_TOKEN="for-friends") as door, browsing(chromium, door.url) as context:
        page = await context.new_page()
        await page.goto("/")
        await page.get_by_label("Access token").fill("guess")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_have_text("that is not the access token")
        await page.get_by_label("Access token").fill("for-friends")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_visible()
        await page.close()
        one = await window(context)
        await one.say("hello")
        await one.says("echo: hello")


async def test_code_has_colours_a_language_and_a_copy_button(person: BrowserContext, stack: Stack) -> None:
    await person.grant_permissions(["clipboard-read", "clipboard-write"])
    code = "def f():\n    return 'x'\n"
    await stack.model.script(Behaviour(text=f"Look:\n\n```python\n{code}```\n\n```nolang\nplain\n```"))
    one = await window(person)
    await one.say("code, please")
    await expect(one.last.locator(".hljs-keyword").first).to_have_text("def")
    block = one.last.locator(".code").first
    await expect(block.locator(".bar span")).to_have_text("python")
    await block.get_by_role("button", name="Copy").click()
    assert await one.page.evaluate("navigator.clipboard.readText()") == code
    await one.last.locator(".footer").get_by_role("button", name="Copy").click()
    assert "```python" in await one.page.evaluate("navigator.clipboard.readText()"), "a message is copied as Markdown"
    await expect(one.last.locator(".code").last).to_contain_text("plain")


async def test_a_first_load_is_light(chromium: Browser, site: Site) -> None:
    """Compressed, everything that an empty page fetches."""
    async with browsing(chromium, site.url) as context:
        one = await window(context)
        await one.page.evaluate("document.fonts.ready")
        await one.page.evaluate("import('/static/markdown/lazy-markdown.js').then((module) => module.markdownReady)")
        size = await one.page.evaluate(
            """() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
                .reduce((sum, one) => sum + one.encodedBodySize, 0)"""
        )
        assert 50_000 < size < 150_000
