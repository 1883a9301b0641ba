"""axe-core finds no violation in any state of the page, and screen readers announce how each reply begins and ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.fakes.model import ModelControl
from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.api_client import open_client
from tests.web.browser import ChatPage, open_chat, open_context
from tests.web.page_actions import open_seeded_chat, start_gated_reply
from tests.web.relay import running_relay
from tests.web.screenshots import SIZES, TALK
from tests.web.web_server import WebServer, running_separate_processes, running_web_server

pytestmark = pytest.mark.browser

FORMULA = "So $E = mc^2$, and a long one:\n\n$$\n" + "a + " * 80 + "b\n$$\n\n[A link](https://example.org) and `code`."
INVALID_KEY = {"error": {"message": "no", "code": "invalid_api_key"}}
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
"""The rules of axe-core whose result depends on colours. The colour scheme changes nothing else."""
FINISH_ANIMATIONS = """() => Promise.all(
    document.getAnimations()
        .filter((animation) => animation.effect.getComputedTiming().iterations < 9)
        .map((animation) => animation.finished.catch(() => {})))"""
"""Wait for animations that end; colours are measured wrongly in the middle of a transition."""


async def check_phone(page: Page, state: str) -> None:
    """Fail on an axe-core violation of the page in the size of a phone, light or dark."""
    await _resize(page, "phone")
    await _check(page, f"{state}, phone")


async def check_wide(page: Page, state: str) -> None:
    """Fail on an axe-core violation of the page in a wide window, light or dark."""
    await _resize(page, "wide")
    await _check(page, f"{state}, wide")


async def check(page: Page, state: str) -> None:
    """Fail on an axe-core violation of the page in either size, light or dark; the window is wide afterwards."""
    await check_phone(page, state)
    await check_wide(page, state)


async def _resize(page: Page, size: str) -> None:
    width, height = SIZES[size]
    await page.set_viewport_size({"width": width, "height": height})


async def _check(page: Page, state: str) -> None:
    await page.bring_to_front()  # Trap: the animations of a page behind another one may never finish.
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE_SCRIPT)
    await page.emulate_media(color_scheme="dark")
    await _run_axe(page, f"{state}, dark", {"runOnly": COLOUR_RULES})
    await page.emulate_media(color_scheme="light")
    await _run_axe(page, f"{state}, light", {})


async def _run_axe(page: Page, state: str, options: dict[str, Any]) -> None:
    await page.evaluate(FINISH_ANIMATIONS)
    result = await page.evaluate(f"axe.run({json.dumps({'resultTypes': ['violations'], **options})})")
    violations = [
        (violation["id"], node["target"], node["failureSummary"])
        for violation in result["violations"]
        for node in violation["nodes"]
    ]
    assert not violations, (state, violations)


async def test_conversation_states_have_no_violations(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await check(chat.page, "empty")
    for number, (question, reply) in enumerate([*TALK, ("A formula?", FORMULA)], 1):
        await stack.model.script(ScriptedResponse(text=reply))
        await chat.send(question)
        await expect(chat.replies).to_have_count(number)
        await chat.expect_status("answered")
    await expect(chat.last_reply.locator("math").first).to_be_visible()
    await expect(chat.page.locator("h1")).to_have_text("A fine title")
    await check(chat.page, "long")

    request = await start_gated_reply(stack, chat, "go on")
    await expect(chat.last_reply.locator(".note")).to_have_text("Waiting for the model…")
    await check(chat.page, "waiting for the model")
    await stack.model.release(request, "Once upon")
    await chat.expect_reply("Once upon")
    await chat.send("and then?")
    await expect(chat.questions.last.locator(".note")).to_contain_text("Queued")
    await chat.page.locator("#scroll").evaluate("box => { box.scrollTop = 0; }")
    await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_visible()
    await check(chat.page, "streaming, with a queued message")
    await stack.model.finish(request)
    await chat.expect_status("answered")


async def test_failures_and_files_have_no_violations(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await stack.model.script(ScriptedResponse(kind="fail", status=401, body=INVALID_KEY))
    await chat.send("fail")
    await chat.expect_status("failed")
    await check(chat.page, "failed")
    notes = {"name": "notes.md", "mimeType": "text/markdown", "buffer": b"x"}
    await chat.page.locator("#picker").set_input_files(notes)  # type: ignore[arg-type]
    await expect(chat.page.locator("#files .file")).to_be_visible()
    await check(chat.page, "with a file")
    await context.route("**/messages", lambda route: route.abort())
    await chat.send("lost")
    await expect(chat.questions.last.locator(".note")).to_contain_text("Not sent yet")
    await check(chat.page, "not sent")


async def test_edited_and_stopped_messages_have_no_violations(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await chat.ask("hello")
    await chat.questions.last.hover()
    await chat.questions.last.get_by_role("button", name="Edit").click()
    await check(chat.page, "editing a message")
    await stack.model.script(ScriptedResponse(kind="stall", text="So far"))
    await chat.page.get_by_role("textbox", name="Edit message").fill("better")
    await chat.page.get_by_role("group", name="Edit message").get_by_role("button", name="Send").click()
    await chat.expect_reply("So far")
    await chat.page.get_by_role("button", name="Stop").click()
    await chat.expect_status("stopped")
    await expect(chat.last_reply.get_by_role("button", name="Continue")).to_be_visible()
    await check(chat.page, "stopped")
    await chat.last_reply.get_by_role("button", name="Try again").click()
    await chat.expect_reply("echo: better")
    await expect(chat.page.get_by_role("group", name="Version 2 of 2")).to_have_count(2)
    await check(chat.page, "versions of question and reply")


async def test_panels_have_no_violations(context: BrowserContext) -> None:
    chat = await open_chat(context)
    page = chat.page
    await chat.ask("hello")
    await expect(page.locator("h1")).to_have_text("A fine title")
    await page.get_by_role("button", name="Export").click()
    await expect(page.get_by_role("menu")).to_be_visible()
    await check(page, "export menu")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Rename").click()
    await check(page, "rename dialog")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Keyboard shortcuts").click()
    await check(page, "keyboard shortcuts")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Settings").click()
    await page.get_by_role("button", name="Create link").click()
    await expect(page.get_by_label("Open this link on the other device")).to_be_visible()
    await check(page, "settings, with a link")
    await page.keyboard.press("Escape")
    await _search(chat)
    await check_wide(page, "search")
    await page.keyboard.press("Escape")

    await _resize(page, "phone")
    await page.get_by_role("button", name="Show conversations").click()
    await expect(page.locator("#sidebar")).to_be_visible()
    await check_phone(page, "conversation list")
    await _search(chat)
    await check_phone(page, "search")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await expect(page.locator("#sidebar")).to_be_hidden()
    await page.get_by_role("button", name="Delete").click()
    await expect(page.locator("#toast")).to_be_visible()
    await check(page, "deleted, with undo")


async def _search(chat: ChatPage) -> None:
    await chat.page.get_by_role("searchbox").fill("hello")
    await expect(chat.page.locator("#search-results a.excerpt").first).to_be_visible()
    await expect(chat.page.locator("#search-status")).to_contain_text("Found in")


async def test_folded_deleted_and_linked_messages_have_no_violations(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await chat.send("\n".join(f"line {n}" for n in range(40)))
    await chat.expect_status("answered")
    await expect(chat.page.get_by_role("button", name="Show more")).to_be_visible()
    await check(chat.page, "folded message")
    path = f"/api/conversations/{chat.conversation}"
    assert await chat.page.evaluate("path => fetch(path, { method: 'DELETE' }).then((response) => response.ok)", path)
    await expect(chat.page.get_by_role("heading", name="This conversation was deleted")).to_be_visible()
    await check(chat.page, "deleted in another window")
    await chat.page.close()
    linked = await open_seeded_chat(stack, context, 202, "/c/long#message-41")
    await expect(linked.page.locator(".message.linked")).to_be_in_viewport()
    await expect(linked.page.get_by_role("button", name="Jump to latest")).to_be_visible()
    await check(linked.page, "linked message")


async def test_joining_has_no_violations(context: BrowserContext, web_server: WebServer) -> None:
    async with open_client(web_server.url) as client:
        token = (await client.request("POST", "/api/invitation")).body["token"]
    chat = await open_chat(context)
    await chat.ask("hello")
    await chat.page.goto(f"/join#{token}")
    await expect(chat.page.get_by_text("of its own. Joining hides them")).to_be_visible()
    await check(chat.page, "join, with own conversations")
    await chat.page.get_by_role("button", name="Join").click()
    await expect(chat.page.get_by_role("heading", name="What is on your mind?")).to_be_visible()
    await chat.page.get_by_role("button", name="Settings").click()
    await expect(chat.page.get_by_text("Previous identity")).to_be_visible()
    await check(chat.page, "settings of a browser that joined")


async def test_small_pages_have_no_violations(chromium: Browser, stack: Stack) -> None:
    async with (
        running_web_server(stack, WEB_ACCESS_TOKEN="for-friends") as web_server,
        open_context(chromium, web_server.url) as context,
    ):
        page = await context.new_page()
        await page.goto("/")
        await check(page, "sign-in")
        await page.get_by_label("Access token").fill("guess")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("that is not the access token")
        await check(page, "sign-in, refused")
        await page.goto("/join#nothing")
        await page.get_by_role("button", name="Join").click()
        await expect(page.get_by_role("alert")).to_contain_text("was used already")
        await check(page, "join, refused")
        await page.goto("/nope")
        await check(page, "not found")


async def test_the_offline_state_has_no_violations(chromium: Browser, web_server: WebServer) -> None:
    async with running_relay(web_server.port) as relay, open_context(chromium, relay.url) as context:
        chat = await open_chat(context)
        await relay.cut()
        await expect(chat.page.locator("#connection")).to_contain_text("Offline")
        await check(chat.page, "offline")


async def test_an_unreachable_chat_service_has_no_violations(
    engine_binary: Path, model: ModelControl, tmp_path: Path, chromium: Browser, redis_port: int
) -> None:
    """One window shows a partial reply, another one cannot load its conversation."""
    async with (
        running_separate_processes(engine_binary, tmp_path, model, redis_port) as (stack, web_server),
        open_context(chromium, web_server.url) as context,
    ):
        await model.script(ScriptedResponse(kind="stall", text="So far"))
        chat = await open_chat(context)
        await chat.send("hello")
        await chat.expect_reply("So far")
        await stack.kill_service()
        opened_later = await open_chat(context, f"/c/{chat.conversation}", loaded=False)
        await expect(chat.last_reply.locator(".note")).to_contain_text("The chat service is not responding")
        await check(chat.page, "unreachable chat service, partial reply")
        loading = opened_later.page.locator("#loading")
        await expect(loading).to_contain_text("The chat service did not answer in time")
        await check(opened_later.page, "unreachable chat service, nothing loaded")


async def test_screen_readers_announce_only_the_start_and_the_end_of_a_reply(
    context: BrowserContext, stack: Stack
) -> None:
    """The texts of all live regions are recorded while a reply of many pieces streams."""
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
    request = await start_gated_reply(stack, chat, "a story", *(f"word {n} " for n in range(20)))
    await expect(chat.last_reply.locator(".body")).to_contain_text("word 19")
    await stack.model.finish(request)
    await chat.expect_status("answered")
    await expect(chat.page.locator("#announcer")).to_have_text("The reply is complete.")
    assert await chat.page.evaluate("announced") == ["The reply begins.", "The reply is complete."]
    is_live = "node => Boolean(node.closest('[aria-live]:not([aria-live=off]), [role=log], [role=status]'))"
    assert not await chat.last_reply.locator(".body").evaluate(is_live), "the text of a reply is in no live region"


async def test_screen_readers_announce_how_a_reply_ended(context: BrowserContext, stack: Stack) -> None:
    await stack.model.script(
        ScriptedResponse(kind="stall", text="So far"), ScriptedResponse(kind="fail", status=401, body=INVALID_KEY)
    )
    chat = await open_chat(context)
    announcer = chat.page.locator("#announcer")
    await chat.send("a story")
    await chat.expect_reply("So far")
    await expect(announcer).to_have_text("The reply begins.")
    await chat.page.keyboard.press("Escape")
    await chat.expect_status("stopped")
    await expect(announcer).to_have_text("The reply was stopped.")
    await chat.send("again")
    await chat.expect_status("failed")
    await expect(announcer).to_have_text("The reply failed.")


async def test_screen_readers_announce_a_reply_that_begins_and_ends_between_two_frames(
    context: BrowserContext, stack: Stack
) -> None:
    chat = await open_chat(context)
    announcer = chat.page.locator("#announcer")
    await chat.ask("hello")
    await expect(announcer).to_have_text("The reply is complete.")
    slow_frames = "() => { window.requestAnimationFrame = (draw) => setTimeout(draw, 1500); }"
    await chat.page.evaluate(slow_frames)
    await stack.model.script(ScriptedResponse(kind="fail", status=401, body=INVALID_KEY))
    await chat.send("again")
    await chat.expect_status("failed")
    await expect(announcer).to_have_text("The reply failed.")


async def test_nothing_is_animated_with_reduced_motion(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await stack.model.script(ScriptedResponse(kind="stall", text="So far"))
    await chat.send("go on")
    await chat.expect_reply("So far")
    count_animations = "document.getAnimations().length"
    await chat.page.wait_for_function(f"{count_animations} === 1")  # the dot beside a running reply
    await chat.page.emulate_media(reduced_motion="reduce")
    assert await chat.page.evaluate(count_animations) == 0
    await chat.page.keyboard.press("Escape")
    await chat.expect_status("stopped")
