"""axe-core finds no violation in any state of the page, and screen readers announce how each reply begins and ends.

Other modules check the states that they create anyway: sign-in, offline, and a chat service that is unreachable.
"""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, expect

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.api_client import open_client
from tests.web.axe import check_accessibility, check_phone, check_wide, resize
from tests.web.browser import ChatPage, open_chat
from tests.web.page_actions import open_edit_box, start_gated_reply
from tests.web.screenshots import TALK
from tests.web.web_server import WebServer

pytestmark = pytest.mark.browser

FORMULA = "So $E = mc^2$, and a long one:\n\n$$\n" + "a + " * 80 + "b\n$$\n\n[A link](https://example.org) and `code`."
INVALID_KEY = {"error": {"message": "no", "code": "invalid_api_key"}}


async def test_empty_long_and_streaming_conversations_have_no_violations(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await check_accessibility(chat.page, "empty")
    for number, (question, reply) in enumerate([TALK[0], TALK[2], ("A formula?", FORMULA)], 1):
        await stack.model.script(ScriptedResponse(text=reply))
        await chat.send(question if number > 1 else question + "\n" * 40 + "?")
        await expect(chat.replies).to_have_count(number)
        await chat.expect_status("answered")
    await expect(chat.page.get_by_role("button", name="Show more")).to_be_attached()
    await expect(chat.last_reply.locator("math").first).to_be_visible()
    await expect(chat.page.locator("h1")).to_have_text("A fine title")

    request = await start_gated_reply(stack, chat, "go on")
    await expect(chat.last_reply.locator(".note")).to_have_text("Waiting for the model…")
    await check_wide(chat.page, "waiting for the model", part=".message.reply:last-of-type")
    await stack.model.release(request, "Once upon")
    await chat.expect_reply("Once upon")
    await chat.send("and then?")
    await expect(chat.questions.last.locator(".note")).to_contain_text("Queued")
    await chat.page.locator("#scroll").evaluate("box => { box.scrollTop = 0; }")
    await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_visible()
    await check_accessibility(chat.page, "long, streaming, with a queued message")
    await stack.model.finish(request)
    await chat.expect_status("answered")


async def test_edited_stopped_and_failed_messages_have_no_violations(context: BrowserContext, stack: Stack) -> None:
    """The page shows all these states at once."""
    chat = await open_chat(context)
    await chat.ask("hello")
    await stack.model.script(ScriptedResponse(kind="stall", text="So far"))
    box = await open_edit_box(chat, 0)
    await box.fill("better")
    await box.press("Enter")
    await chat.expect_reply("So far")
    await chat.page.get_by_role("button", name="Stop").click()
    await chat.expect_status("stopped")
    await chat.last_reply.get_by_role("button", name="Try again").click()
    await chat.expect_reply("echo: better")
    await expect(chat.page.get_by_role("group", name="Version 2 of 2")).to_have_count(2)
    await stack.model.script(ScriptedResponse(kind="fail", status=401, body=INVALID_KEY))
    await chat.send("fail")
    await chat.expect_status("failed")
    await stack.model.script(ScriptedResponse(kind="stall", text="So far"))
    await chat.send("again")
    await chat.expect_reply("So far")
    await chat.page.get_by_role("button", name="Stop").click()
    await chat.expect_status("stopped")
    await expect(chat.last_reply.get_by_role("button", name="Continue")).to_be_visible()
    await context.route("**/messages", lambda route: route.abort())
    await chat.send("lost")
    await expect(chat.questions.last.locator(".note")).to_contain_text("Not sent yet")
    notes = {"name": "notes.md", "mimeType": "text/markdown", "buffer": b"x"}
    await chat.page.locator("#picker").set_input_files(notes)  # type: ignore[arg-type]
    await expect(chat.page.locator("#files .file")).to_be_visible()
    await open_edit_box(chat, 0)
    await check_accessibility(chat.page, "versions, editing, stopped, failed, not sent, with a file")


async def test_panels_have_no_violations(context: BrowserContext) -> None:
    chat = await open_chat(context)
    page = chat.page
    await chat.ask("hello")
    await expect(page.locator("h1")).to_have_text("A fine title")
    await page.get_by_role("button", name="Export").click()
    await expect(page.get_by_role("menu")).to_be_visible()
    await check_accessibility(page, "export menu", part="header")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Rename").click()
    await check_wide(page, "rename dialog", part="header")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Keyboard shortcuts").click()
    await check_wide(page, "keyboard shortcuts", part="dialog[open]")
    await page.keyboard.press("Escape")
    await _search(chat)
    await check_wide(page, "search")
    await page.locator("#search-results a.excerpt").first.click()
    await expect(page.locator(".message.linked")).to_be_visible()
    await check_wide(page, "linked message", part="main")
    await page.keyboard.press("Escape")

    await resize(page, "phone")
    await page.get_by_role("button", name="Show conversations").click()
    await expect(page.locator("#sidebar")).to_be_visible()
    await check_phone(page, "conversation list")
    await _search(chat)
    await check_phone(page, "search", part="#sidebar")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await expect(page.locator("#sidebar")).to_be_hidden()
    path = f"/api/conversations/{chat.conversation}"
    await page.get_by_role("button", name="Delete").click()
    await expect(page.locator("#toast")).to_be_visible()
    await check_accessibility(page, "deleted, with undo")
    await page.get_by_role("button", name="Undo").click()
    await chat.expect_reply("echo: hello")
    await context.request.delete(path)
    await expect(page.get_by_role("heading", name="This conversation was deleted")).to_be_visible()
    await check_accessibility(page, "deleted in another window")


async def _search(chat: ChatPage) -> None:
    await chat.page.get_by_role("searchbox").fill("hello")
    await expect(chat.page.locator("#search-results a.excerpt").first).to_be_visible()
    await expect(chat.page.locator("#search-status")).to_contain_text("Found in")


async def test_small_pages_and_settings_have_no_violations(context: BrowserContext, web_server: WebServer) -> None:
    chat = await open_chat(context)
    await chat.ask("hello")
    page = chat.page
    await page.goto("/nope")
    await check_accessibility(page, "not found")
    await page.goto("/join#nothing")
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("alert")).to_contain_text("was used already")
    await check_accessibility(page, "join, refused")
    async with open_client(web_server.url) as client:
        token = (await client.request("POST", "/api/invitation")).body["token"]
    await page.goto("/")
    await page.goto(f"/join#{token}")
    await expect(page.get_by_text("of its own. Joining hides them")).to_be_visible()
    await check_accessibility(page, "join, with own conversations")
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("heading", name="What is on your mind?")).to_be_visible()
    await page.get_by_role("button", name="Settings").click()
    await page.get_by_role("button", name="Create link").click()
    await expect(page.get_by_label("Open this link on the other device")).to_be_visible()
    await expect(page.get_by_text("Previous identity")).to_be_visible()
    await check_accessibility(page, "settings of a browser that joined, with a link", part="dialog[open]")


async def test_screen_readers_announce_only_the_start_and_the_end_of_a_reply(
    context: BrowserContext, stack: Stack
) -> None:
    """The texts of all live regions are recorded while a reply of several pieces streams."""
    chat = await open_chat(context)
    await chat.ask("hello")
    await expect(chat.page.locator("h1")).to_have_text("A fine title")
    await expect(chat.page.locator("#announcer")).to_have_text("The reply is complete.")
    await chat.page.evaluate(
        """() => {
            window.announced = [];
            for (const region of document.querySelectorAll('[aria-live], [role=status], [role=alert]')) {
                const record = () => region.textContent && !region.hidden && announced.push(region.textContent);
                new MutationObserver(record).observe(region, { childList: true, characterData: true, subtree: true });
            }
        }"""
    )
    request = await start_gated_reply(stack, chat, "a story", *(f"word {n} " for n in range(5)))
    await expect(chat.last_reply.locator(".body")).to_contain_text("word 4")
    await stack.model.finish(request)
    await chat.expect_status("answered")
    await expect(chat.page.locator("#announcer")).to_have_text("The reply is complete.")
    assert await chat.page.evaluate("announced") == ["The reply begins.", "The reply is complete."]
    is_live = "node => Boolean(node.closest('[aria-live]:not([aria-live=off]), [role=log], [role=status]'))"
    assert not await chat.last_reply.locator(".body").evaluate(is_live), "the text of a reply is in no live region"


async def test_screen_readers_announce_how_a_reply_ended(context: BrowserContext, stack: Stack) -> None:
    """The failed reply begins and ends between two frames."""
    await stack.model.script(
        ScriptedResponse(kind="stall", text="So far"), ScriptedResponse(kind="fail", status=401, body=INVALID_KEY)
    )
    chat = await open_chat(context)
    announcer = chat.page.locator("#announcer")
    await chat.send("a story")
    await chat.expect_reply("So far")
    await expect(announcer).to_have_text("The reply begins.")
    await chat.page.wait_for_function("document.getAnimations().length === 1")  # the dot beside a running reply
    await chat.page.emulate_media(reduced_motion="reduce")
    assert await chat.page.evaluate("document.getAnimations().length") == 0, "nothing moves with reduced motion"
    await chat.page.keyboard.press("Escape")
    await chat.expect_status("stopped")
    await expect(announcer).to_have_text("The reply was stopped.")
    await chat.page.evaluate("() => { window.requestAnimationFrame = (draw) => setTimeout(draw, 1500); }")
    await chat.send("again")
    await chat.expect_status("failed")
    await expect(announcer).to_have_text("The reply failed.")
