"""The page, as somebody uses it."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, FilePayload, expect

from chat_service.engine.process import free_port
from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.browser import open_chat, open_context
from tests.web.web_server import WebServer, running_web_server

pytestmark = pytest.mark.browser


async def test_a_first_message_gets_an_answer_an_address_and_a_title(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await expect(chat.page.get_by_role("heading", name="What is on your mind?")).to_be_visible()
    await expect(chat.message_box).to_be_focused()
    assert urlsplit(chat.page.url).path == "/"
    await chat.send("hello there")
    await chat.expect_reply("echo: hello there")
    await chat.expect_status("answered")
    assert urlsplit(chat.page.url).path.startswith("/c/")
    await expect(chat.page.locator("h1")).to_have_text("A fine title")
    await expect(chat.page.locator("#conversation-list a")).to_have_text("A fine title")
    await expect(chat.page).to_have_title("A fine title · Threadwell")
    await expect(chat.message_box).to_be_focused()


async def test_back_forward_and_reload_show_what_was_there(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await chat.send("about tea")
    await chat.expect_reply("echo: about tea")
    await chat.page.get_by_role("button", name="New conversation").click()
    await expect(chat.questions).to_have_count(0)
    await chat.send("about coffee")
    await chat.expect_reply("echo: about coffee")
    await chat.page.go_back()
    await expect(chat.questions).to_have_count(0)
    await chat.page.go_back()
    await chat.expect_reply("echo: about tea")
    await chat.page.reload()
    await chat.expect_reply("echo: about tea")
    await chat.page.go_forward()
    await chat.page.go_forward()
    await chat.expect_reply("echo: about coffee")
    await chat.page.locator("#conversation-list a").last.click()
    await chat.expect_reply("echo: about tea")


async def test_drafts_are_kept_per_conversation(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await chat.send("hello")
    await chat.expect_reply("echo: hello")
    await chat.message_box.fill("half a thought")
    await chat.page.get_by_role("button", name="New conversation").click()
    await expect(chat.message_box).to_have_value("")
    await chat.message_box.fill("another")
    await chat.page.locator("#conversation-list a").click()
    await expect(chat.message_box).to_have_value("half a thought")
    await chat.page.reload()
    await expect(chat.message_box).to_have_value("half a thought")
    await chat.page.get_by_role("button", name="New conversation").click()
    await expect(chat.message_box).to_have_value("another")
    await chat.send("sent")
    await chat.page.get_by_role("button", name="New conversation").click()
    await expect(chat.message_box).to_have_value("")


async def test_the_draft_of_a_new_conversation_is_its_windows_own(context: BrowserContext) -> None:
    first = await open_chat(context)
    await first.message_box.fill("half a thought")
    second = await open_chat(context)
    await expect(second.message_box).to_have_value("")
    await second.message_box.fill("another")
    for chat, draft in ((first, "half a thought"), (second, "another")):
        await chat.page.reload()
        await expect(chat.message_box).to_have_value(draft)


async def test_a_wrong_address_is_a_page_that_leads_back(context: BrowserContext, web_server: WebServer) -> None:
    page = await context.new_page()
    for path in ("/nope", "/c/", "/c/not~an~id", f"/c/{'x' * 65}", "/c/one/two"):
        answer = await page.goto(path)
        assert answer is not None
        assert answer.status == 404, path
        await expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    await page.get_by_role("link", name="Go to your conversations").click()
    await expect(page).to_have_url(f"{web_server.url}/")
    await expect(page.get_by_role("heading", name="What is on your mind?")).to_be_visible()


async def test_a_name_is_given_and_stays(context: BrowserContext) -> None:
    first = await open_chat(context)
    await first.send("hello")
    await expect(first.page.locator("h1")).to_have_text("A fine title")
    second = await open_chat(context, f"/c/{first.conversation}")
    await first.page.get_by_role("button", name="Rename").click()
    await first.page.get_by_role("textbox", name="Conversation title").fill("Tea <b>time</b>")
    await first.page.keyboard.press("Enter")
    for chat in (first, second):
        await expect(chat.page.locator("h1")).to_have_text("Tea <b>time</b>")
        await expect(chat.page.locator("#conversation-list a")).to_have_text("Tea <b>time</b>")
    await first.page.get_by_role("button", name="Rename").click()
    await first.page.keyboard.press("Escape")
    await expect(first.page.locator("h1")).to_have_text("Tea <b>time</b>")


async def test_titles_write_themselves_and_never_over_a_rename(context: BrowserContext, stack: Stack) -> None:
    """A title is wanted after the first turn, and again after the third; the first one comes after the rename."""
    await stack.model.script_titles(
        ScriptedResponse(kind="gate"), ScriptedResponse(text="First thoughts"), ScriptedResponse(text="At last")
    )
    number = await stack.model.count_requests()
    first = await open_chat(context)
    await first.send("hello")
    await first.expect_reply("echo: hello")
    late = await stack.model.wait_for_title(number)
    await first.page.get_by_role("button", name="Rename").click()
    await first.page.get_by_role("textbox", name="Conversation title").fill("By hand")
    await first.page.keyboard.press("Enter")
    await expect(first.page.locator("h1")).to_have_text("By hand")
    await stack.model.release(late, "Too late")
    await stack.model.finish(late)

    second = await open_chat(context)
    await second.send("hello")
    await expect(second.page.locator("h1")).to_have_text("First thoughts")
    for text in ("more", "and more", "and on"):
        for chat in (first, second):
            await chat.send(text)
            await chat.expect_reply(f"echo: {text}")
            await chat.expect_status("answered")
    await expect(second.page.locator("h1")).to_have_text("At last")
    for again in (False, True):
        if again:
            await first.page.reload()
        await expect(first.page.locator("h1")).to_have_text("By hand")
        for title in ("By hand", "At last"):
            await expect(first.page.locator("#conversation-list a", has_text=title)).to_have_count(1)
        await expect(first.page.locator("#conversation-list a")).to_have_count(2)


async def test_deleting_can_be_undone_until_it_is_done(context: BrowserContext, web_server: WebServer) -> None:
    first = await open_chat(context)
    await first.send("hello")
    await expect(first.page.locator("h1")).to_have_text("A fine title")
    address = f"/c/{first.conversation}"
    await first.page.get_by_role("button", name="Delete").click()
    await expect(first.page.locator("#conversation-list a")).to_have_count(0)
    await first.page.get_by_role("button", name="Undo").click()
    await first.expect_reply("echo: hello")
    await expect(first.page.locator("#conversation-list a")).to_have_count(1)
    await first.page.get_by_role("button", name="Delete").click()
    await expect(first.page.locator("#toast")).to_be_visible()
    await first.page.close()  # who leaves meant it
    second = await open_chat(context)
    await expect(second.page.locator("#conversation-list a")).to_have_count(0)
    await second.page.goto(address)
    await expect(second.questions).to_have_count(0)


async def test_a_failed_reply_says_why_and_is_tried_again(context: BrowserContext, stack: Stack) -> None:
    refusal = {"error": {"message": "no", "code": "invalid_api_key"}}
    await stack.model.script(ScriptedResponse(kind="fail", status=401, body=refusal))
    chat = await open_chat(context)
    await chat.send("hello")
    await chat.expect_status("failed")
    await expect(chat.last_reply.locator(".error")).to_contain_text("check OPENAI_API_KEY")
    await chat.page.reload()
    await expect(chat.last_reply.locator(".error")).to_contain_text("check OPENAI_API_KEY")
    await chat.last_reply.get_by_role("button", name="Try again").click()
    await chat.expect_reply("echo: hello")
    await expect(chat.last_reply.locator(".error")).to_be_hidden()
    await expect(chat.replies).to_have_count(1)
    await expect(chat.questions).to_have_count(1)


async def test_a_stopped_reply_is_answered_anew(context: BrowserContext, stack: Stack) -> None:
    await stack.model.script(ScriptedResponse(kind="stall", text="So far"))
    chat = await open_chat(context)
    await chat.send("hello")
    await chat.expect_reply("So far")
    await chat.page.get_by_role("button", name="Stop").click()
    await chat.expect_status("stopped")
    await chat.last_reply.get_by_role("button", name="Try again").click()
    await chat.expect_reply("echo: hello")
    await expect(chat.replies).to_have_count(1)


async def test_a_silent_model_is_waited_for_in_words(context: BrowserContext, stack: Stack) -> None:
    await stack.model.script(ScriptedResponse(kind="stall"))
    chat = await open_chat(context)
    await chat.send("hello")
    await expect(chat.last_reply.locator(".note")).to_have_text("Waiting for the model…")
    await chat.page.keyboard.press("Escape")
    await chat.expect_status("stopped")
    await expect(chat.last_reply.locator(".note")).to_have_text("Stopped before it began")


async def test_what_the_server_refuses_can_be_mended(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await context.route(
        "**/messages", lambda route: route.fulfill(status=400, json={"error": "that is too much"}), times=1
    )
    await chat.send("hello")
    await expect(chat.questions.last.locator(".note")).to_have_text("Not sent. That is too much.")
    await chat.questions.last.get_by_role("button", name="Edit").click()
    await expect(chat.message_box).to_have_value("hello")
    await expect(chat.questions).to_have_count(0)
    await chat.message_box.press("Enter")
    await chat.expect_reply("echo: hello")


async def test_enter_chooses_a_word_while_an_input_method_composes(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await chat.message_box.focus()
    composing = await context.new_cdp_session(chat.page)
    await composing.send("Input.imeSetComposition", {"text": "にほん", "selectionStart": 3, "selectionEnd": 3})
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
    await composing.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
    await composing.send("Input.dispatchKeyEvent", {"type": "keyUp", **enter})
    await composing.send("Input.insertText", {"text": "日本"})
    await expect(chat.message_box).to_have_value("日本")
    await expect(chat.questions).to_have_count(0)
    await chat.page.keyboard.press("Enter")
    await chat.expect_reply("echo: 日本")


async def test_on_touch_enter_is_a_new_line(chromium: Browser, web_server: WebServer, stack: Stack) -> None:
    async with open_context(
        chromium, web_server.url, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844}
    ) as phone:
        chat = await open_chat(phone)
        named = chat.page.locator("#empty").get_by_text("Answered by scripted")
        await expect(named, "the list, which names it, is out of sight").to_be_visible()
        await chat.message_box.tap()
        await chat.page.keyboard.type("one")
        await chat.page.keyboard.press("Enter")
        await chat.page.keyboard.type("two")
        await expect(chat.message_box).to_have_value("one\ntwo")
        await chat.page.get_by_role("button", name="Send").tap()
        await chat.expect_reply("echo: one\ntwo")
        await expect(chat.page.locator("#sidebar")).to_be_hidden()
        await chat.page.get_by_role("button", name="Show conversations").tap()
        await expect(chat.page.locator("#sidebar")).to_be_visible()
        await chat.page.locator("#conversation-list a").tap()
        await expect(chat.page.locator("#sidebar")).to_be_hidden()
        width = await chat.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, "nothing is wider than the phone"


async def test_files_are_sent_and_shown(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    picture = bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c6360f8cf500f00038701802f1ef5480000000049454e44ae426082"
    )
    await chat.page.locator("#picker").set_input_files(
        [
            FilePayload(name="notes.md", mimeType="text/markdown", buffer=b"The cat is called Ada."),
            FilePayload(name="dot.png", mimeType="image/png", buffer=picture),
        ]
    )
    await expect(chat.page.locator("#files .file")).to_have_count(2)
    await expect(chat.page.locator("#hint")).to_contain_text("cannot see pictures")
    number = await stack.model.count_requests()
    await chat.send("look at this")
    await expect(chat.page.locator("#files")).to_be_hidden()
    asked = await stack.model.wait_for_question("look at this", number)
    assert "The cat is called Ada." in str(asked.body)
    await chat.expect_status("answered")
    await chat.page.reload()
    await chat.questions.locator("summary").click()
    await expect(chat.questions.locator("details pre")).to_have_text("The cat is called Ada.")
    await expect(chat.questions.locator("img")).to_have_js_property("naturalWidth", 1)


async def test_files_that_cannot_be_sent_are_told_before(context: BrowserContext) -> None:
    chat = await open_chat(context)
    hint = chat.page.locator("#hint")
    pick = chat.page.locator("#picker")
    await pick.set_input_files({"name": "song.mp3", "mimeType": "audio/mpeg", "buffer": b"x"})
    await expect(hint).to_contain_text("song.mp3: only text files and pictures")
    await pick.set_input_files({"name": "big.txt", "mimeType": "text/plain", "buffer": b"x" * 300_000})
    await expect(hint).to_contain_text("big.txt is too large")
    await pick.set_input_files([FilePayload(name=f"{n}.txt", mimeType="text/plain", buffer=b"x") for n in range(11)])
    await expect(hint).to_contain_text("at most 10 files")
    await expect(chat.page.locator("#files .file")).to_have_count(10)
    await chat.page.get_by_role("button", name="Remove 0.txt").click()
    await expect(chat.page.locator("#files .file")).to_have_count(9)


async def test_a_link_from_another_site_finds_the_same_person(context: BrowserContext, web_server: WebServer) -> None:
    chat = await open_chat(context)
    await chat.send("hello")
    await chat.expect_reply("echo: hello")

    async def linking(_: web.Request) -> web.Response:
        return web.Response(text=f'<a href="{chat.page.url}">my talk</a>', content_type="text/html")

    app = web.Application()
    app.router.add_get("/", linking)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "localhost", port).start()
    try:
        elsewhere = await context.new_page()
        await elsewhere.goto(f"http://localhost:{port}/")  # another site than 127.0.0.1
        await elsewhere.get_by_text("my talk").click()
        await expect(elsewhere.locator(".reply .body")).to_have_text("echo: hello")
    finally:
        await runner.cleanup()
    await chat.page.reload()
    await chat.expect_reply("echo: hello")


async def test_what_finished_elsewhere_is_marked(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await stack.model.script(ScriptedResponse(kind="gate"))
    number = await stack.model.count_requests()
    await chat.send("slow")
    asked = await stack.model.wait_for_question("slow", number)
    await chat.page.get_by_role("button", name="New conversation").click()
    await expect(chat.page.locator("#conversation-list .dot")).to_have_count(0)
    await stack.model.release(asked.number, "there")
    await stack.model.finish(asked.number)
    await expect(chat.page.locator("#conversation-list .dot")).to_have_count(1)
    await chat.page.locator("#conversation-list a").click()
    await chat.expect_reply("there")
    await expect(chat.page.locator("#conversation-list .dot")).to_have_count(0)


async def test_the_door_asks_for_the_token(chromium: Browser, web_server: WebServer, stack: Stack) -> None:
    """Another page beside the shared one, on the same chat service."""
    async with (
        running_web_server(stack, WEB_ACCESS_TOKEN="for-friends") as door,
        open_context(chromium, door.url) as context,
    ):
        page = await context.new_page()
        await page.goto("/")
        await page.get_by_label("Access token").fill("guess")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_have_text("that is not the access token")
        await page.get_by_label("Access token").fill("for-friends")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_visible()
        await page.close()
        chat = await open_chat(context)
        await chat.send("hello")
        await chat.expect_reply("echo: hello")


async def test_code_has_colours_a_language_and_a_copy_button(context: BrowserContext, stack: Stack) -> None:
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    code = "def f():\n    return 'x'\n"
    await stack.model.script(ScriptedResponse(text=f"Look:\n\n```python\n{code}```\n\n```nolang\nplain\n```"))
    chat = await open_chat(context)
    await chat.send("code, please")
    await expect(chat.last_reply.locator(".hljs-keyword").first).to_have_text("def")
    block = chat.last_reply.locator(".code").first
    await expect(block.locator(".bar span")).to_have_text("python")
    await block.get_by_role("button", name="Copy").click()
    assert await chat.page.evaluate("navigator.clipboard.readText()") == code
    await chat.last_reply.locator(".footer").get_by_role("button", name="Copy").click()
    assert "```python" in await chat.page.evaluate("navigator.clipboard.readText()"), "a message is copied as Markdown"
    await expect(chat.last_reply.locator(".code").last).to_contain_text("plain")


async def test_a_first_load_is_light(chromium: Browser, web_server: WebServer) -> None:
    """Compressed, everything that an empty page fetches."""
    async with open_context(chromium, web_server.url) as context:
        chat = await open_chat(context)
        await chat.page.evaluate("document.fonts.ready")
        await chat.page.evaluate("import('/static/markdown/lazy-markdown.js').then((module) => module.markdownReady)")
        size = await chat.page.evaluate(
            """() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
                .reduce((sum, one) => sum + one.encodedBodySize, 0)"""
        )
        assert 50_000 < size < 150_000
