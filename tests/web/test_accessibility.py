"""Every state of the page as axe-core sees it, wide and on a phone, light and dark; and what it cannot see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
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
LOOKS = [(size, scheme) for size in SIZES for scheme in ("light", "dark")]


async def sound(page: Page, state: str) -> None:
    """No rule of axe-core's is broken; movements have come to their end first, or colours are measured half-way."""
    await page.evaluate(
        "Promise.all(document.getAnimations().filter((one) => one.effect.getComputedTiming().iterations"
        " < 9).map((one) => one.finished.catch(() => {})))"
    )
    found = (await Axe().run(page)).response["violations"]
    told = [(one["id"], node["target"], node["failureSummary"]) for one in found for node in one["nodes"]]
    assert not told, (state, told)


@asynccontextmanager
async def _seen(chromium: Browser, url: str, size: str, scheme: str) -> AsyncIterator[BrowserContext]:
    width, height = SIZES[size]
    options: dict[str, Any] = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
    async with open_context(chromium, url, **options) as context:
        yield context


async def _ask(chat: ChatPage, text: str) -> None:
    await chat.message_box.fill(text)
    await chat.page.get_by_role("button", name="Send", exact=True).click()


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
async def test_conversations_break_no_rule(
    chromium: Browser, web_server: WebServer, stack: Stack, size: str, scheme: str
) -> None:
    await stack.model.clear_script()
    async with _seen(chromium, web_server.url, size, scheme) as context:
        chat = await open_chat(context)
        await sound(chat.page, "empty")
        for number, (asked, said) in enumerate([*TALK, ("A formula?", FORMULA)], 1):
            await stack.model.script(ScriptedResponse(text=said))
            await _ask(chat, asked)
            await expect(chat.replies).to_have_count(number)
            await chat.expect_status("answered")
        await expect(chat.last_reply.locator("math").first).to_be_visible()
        await expect(chat.page.locator("h1")).to_have_text("A fine title")
        await sound(chat.page, "long")

        asked_number = await start_gated_reply(stack, chat, "go on")
        await expect(chat.last_reply.locator(".note")).to_have_text("Waiting for the model…")
        await sound(chat.page, "waiting for the model")
        await stack.model.release(asked_number, "Once upon")
        await expect(chat.last_reply.locator(".body")).to_have_text("Once upon")
        await _ask(chat, "and then?")
        await expect(chat.questions.last.locator(".note")).to_contain_text("Queued")
        await chat.page.locator("#scroll").evaluate("box => { box.scrollTop = 0; }")
        await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_visible()
        await sound(chat.page, "streaming, with a message that waits")
        await stack.model.finish(asked_number)
        await chat.expect_status("answered")

        refusal = {"error": {"message": "no", "code": "invalid_api_key"}}
        await stack.model.script(ScriptedResponse(kind="fail", status=401, body=refusal))
        await _ask(chat, "fail")
        await chat.expect_status("failed")
        await sound(chat.page, "failed")
        await chat.page.locator("#picker").set_input_files(
            {"name": "notes.md", "mimeType": "text/markdown", "buffer": b"x"}
        )
        await expect(chat.page.locator("#files .file")).to_be_visible()
        await sound(chat.page, "with a file")
        await context.route("**/messages", lambda route: route.abort())
        await _ask(chat, "lost")
        await expect(chat.questions.last.locator(".note")).to_contain_text("Not sent yet")
        await sound(chat.page, "not sent")


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
async def test_versions_break_no_rule(
    chromium: Browser, web_server: WebServer, stack: Stack, size: str, scheme: str
) -> None:
    await stack.model.clear_script()
    async with _seen(chromium, web_server.url, size, scheme) as context:
        chat = await open_chat(context)
        await _ask(chat, "hello")
        await chat.expect_reply("echo: hello")
        await chat.expect_status("answered")
        await chat.questions.last.hover()
        await chat.questions.last.get_by_role("button", name="Edit").click()
        await sound(chat.page, "changing one's words")
        await stack.model.script(ScriptedResponse(kind="stall", text="So far"))
        await chat.page.get_by_role("textbox", name="Edit message").fill("better")
        await chat.page.get_by_role("group", name="Edit message").get_by_role("button", name="Send").click()
        await chat.expect_reply("So far")
        await chat.page.get_by_role("button", name="Stop").click()
        await chat.expect_status("stopped")
        await expect(chat.last_reply.get_by_role("button", name="Continue")).to_be_visible()
        await sound(chat.page, "stopped")
        await chat.last_reply.get_by_role("button", name="Try again").click()
        await chat.expect_reply("echo: better")
        await expect(chat.page.get_by_role("group", name="Version 2 of 2")).to_have_count(2)
        await sound(chat.page, "versions of both sides")


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
async def test_panels_break_no_rule(
    chromium: Browser, web_server: WebServer, stack: Stack, size: str, scheme: str
) -> None:
    await stack.model.clear_script()
    async with _seen(chromium, web_server.url, size, scheme) as context:
        chat = await open_chat(context)
        await _ask(chat, "hello")
        await expect(chat.page.locator("h1")).to_have_text("A fine title")
        await chat.page.get_by_role("button", name="Export").click()
        await expect(chat.page.get_by_role("menu")).to_be_visible()
        await sound(chat.page, "export")
        await chat.page.keyboard.press("Escape")
        await chat.page.get_by_role("button", name="Rename").click()
        await sound(chat.page, "rename")
        await chat.page.keyboard.press("Escape")
        if size == "phone":
            await chat.page.get_by_role("button", name="Show conversations").click()
            await expect(chat.page.locator("#sidebar")).to_be_visible()
            await sound(chat.page, "the list")
        await chat.page.get_by_role("searchbox").fill("hello")
        await expect(chat.page.locator("#search-results a.excerpt").first).to_be_visible()
        await expect(chat.page.locator("#search-status")).to_contain_text("Found in")
        await sound(chat.page, "search")
        await chat.page.keyboard.press("Escape")
        await chat.page.get_by_role("button", name="Keyboard shortcuts").click()
        await sound(chat.page, "shortcuts")
        await chat.page.keyboard.press("Escape")
        await chat.page.get_by_role("button", name="Settings").click()
        await chat.page.get_by_role("button", name="Create link").click()
        await expect(chat.page.get_by_label("Open this link on the other device")).to_be_visible()
        await sound(chat.page, "settings, with a link")
        await chat.page.keyboard.press("Escape")
        if size == "phone":
            await chat.page.keyboard.press("Escape")
        await chat.page.get_by_role("button", name="Delete").click()
        await expect(chat.page.locator("#toast")).to_be_visible()
        await sound(chat.page, "deleted, with a way back")


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
async def test_rarer_states_break_no_rule(
    chromium: Browser, web_server: WebServer, stack: Stack, size: str, scheme: str
) -> None:
    await stack.model.clear_script()
    async with open_client(web_server.url) as host, _seen(chromium, web_server.url, size, scheme) as context:
        token = (await host.request("POST", "/api/invitation")).body["token"]
        chat = await open_chat(context)
        await _ask(chat, "\n".join(f"line {n}" for n in range(40)))
        await chat.expect_status("answered")
        await expect(chat.page.get_by_role("button", name="Show more")).to_be_visible()
        await sound(chat.page, "a folded message")
        gone = f"/api/conversations/{chat.conversation}"
        assert await chat.page.evaluate("path => fetch(path, { method: 'DELETE' }).then((it) => it.ok)", gone)
        await expect(chat.page.get_by_role("heading", name="This conversation was deleted")).to_be_visible()
        await sound(chat.page, "deleted elsewhere")
        await _ask(chat, "my own")
        await chat.expect_reply("echo: my own")
        await chat.page.goto(f"/join#{token}")
        await expect(chat.page.get_by_text("of its own. Joining hides them")).to_be_visible()
        await sound(chat.page, "join, with conversations of its own")
        await chat.page.get_by_role("button", name="Join").click()
        await expect(chat.page.get_by_role("heading", name="What is on your mind?")).to_be_visible()
        if size == "phone":
            await chat.page.get_by_role("button", name="Show conversations").click()
        await chat.page.get_by_role("button", name="Settings").click()
        await expect(chat.page.get_by_text("Previous identity")).to_be_visible()
        await sound(chat.page, "settings of a browser that joined")
        await chat.page.close()
        far = await open_seeded_chat(stack, context, 202, "/c/long#message-41")
        await expect(far.page.locator(".message.linked")).to_be_in_viewport()
        await expect(far.page.get_by_role("button", name="Jump to latest")).to_be_visible()
        await sound(far.page, "a message that was linked to, far up")


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
async def test_doors_break_no_rule(
    chromium: Browser, web_server: WebServer, stack: Stack, size: str, scheme: str
) -> None:
    async with (
        running_web_server(stack, WEB_ACCESS_TOKEN="for-friends") as door,
        _seen(chromium, door.url, size, scheme) as context,
    ):
        page = await context.new_page()
        await page.goto("/")
        await sound(page, "sign-in")
        await page.get_by_label("Access token").fill("guess")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("that is not the access token")
        await sound(page, "sign-in, refused")
        await page.goto("/join#nothing")
        await page.get_by_role("button", name="Join").click()
        await expect(page.get_by_role("alert")).to_contain_text("was used already")
        await sound(page, "join")
        await page.goto("/nope")
        await sound(page, "nothing here")


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
async def test_being_offline_breaks_no_rule(
    chromium: Browser, web_server: WebServer, stack: Stack, size: str, scheme: str
) -> None:
    async with running_relay(web_server.port) as relay, _seen(chromium, relay.url, size, scheme) as context:
        chat = await open_chat(context)
        await relay.cut()
        await expect(chat.page.locator("#connection")).to_contain_text("Offline")
        await sound(chat.page, "offline")


async def test_a_chat_service_that_is_away_breaks_no_rule(
    engine_binary: Path, model: ModelControl, tmp_path: Path, chromium: Browser, redis_port: int
) -> None:
    """The page's own server stays: a reply stands half said, and a conversation that is opened cannot be shown yet."""
    async with (
        running_separate_processes(engine_binary, tmp_path, model, redis_port) as (stack, web_server),
        AsyncExitStack() as looks,
    ):
        await model.script(*(ScriptedResponse(kind="stall", text="So far") for _ in LOOKS))
        seen: dict[str, tuple[BrowserContext, ChatPage]] = {}
        for size, scheme in LOOKS:
            context = await looks.enter_async_context(_seen(chromium, web_server.url, size, scheme))
            one = await open_chat(context)
            await _ask(one, "hello")
            await one.expect_reply("So far")
            seen[f"{size}, {scheme}"] = context, one
        await stack.kill_service()
        opened_later = {
            look: await open_chat(context, f"/c/{one.conversation}", loaded=False)
            for look, (context, one) in seen.items()
        }
        for look, (_, one) in seen.items():
            await expect(one.last_reply.locator(".note")).to_contain_text("The chat service is not responding")
            await sound(one.page, f"the chat service is away, {look}")
        for look, later in opened_later.items():
            await expect(later.page.locator("#loading")).to_contain_text("The chat service did not answer in time")
            await sound(later.page, f"a conversation that cannot be shown yet, {look}")


async def test_screen_readers_hear_the_start_and_the_end_of_a_reply_alone(
    context: BrowserContext, stack: Stack
) -> None:
    """Everything that a live region says is written down while a reply of many pieces streams."""
    chat = await open_chat(context)
    await chat.send("hello")
    await chat.expect_reply("echo: hello")
    await expect(chat.page.locator("h1")).to_have_text("A fine title")
    await expect(chat.page.locator("#announcer")).to_have_text("The reply is complete.")
    await chat.page.evaluate(
        """() => {
            window.spoken = [];
            for (const region of document.querySelectorAll('[aria-live], [role=status], [role=alert]')) {
                new MutationObserver(() => region.textContent && !region.hidden && spoken.push(region.textContent))
                    .observe(region, { childList: true, characterData: true, subtree: true });
            }
        }"""
    )
    number = await start_gated_reply(stack, chat, "a story", *(f"word {n} " for n in range(20)))
    await expect(chat.last_reply.locator(".body")).to_contain_text("word 19")
    await stack.model.finish(number)
    await chat.expect_status("answered")
    await expect(chat.page.locator("#announcer")).to_have_text("The reply is complete.")
    assert await chat.page.evaluate("spoken") == ["The reply begins.", "The reply is complete."]
    around = "node => Boolean(node.closest('[aria-live]:not([aria-live=off]), [role=log], [role=status]'))"
    assert not await chat.last_reply.locator(".body").evaluate(around), "tokens are in no live region"


async def test_screen_readers_hear_how_a_reply_ended(context: BrowserContext, stack: Stack) -> None:
    refusal = {"error": {"message": "no", "code": "invalid_api_key"}}
    await stack.model.script(
        ScriptedResponse(kind="stall", text="So far"), ScriptedResponse(kind="fail", status=401, body=refusal)
    )
    chat = await open_chat(context)
    spoken = chat.page.locator("#announcer")
    await chat.send("a story")
    await chat.expect_reply("So far")
    await expect(spoken).to_have_text("The reply begins.")
    await chat.page.keyboard.press("Escape")
    await chat.expect_status("stopped")
    await expect(spoken).to_have_text("The reply was stopped.")
    await chat.send("again")
    await chat.expect_status("failed")
    await expect(spoken).to_have_text("The reply failed.")


async def test_screen_readers_hear_of_a_reply_that_began_and_ended_between_two_frames(
    context: BrowserContext, stack: Stack
) -> None:
    chat = await open_chat(context)
    spoken = chat.page.locator("#announcer")
    await chat.send("hello")
    await chat.expect_reply("echo: hello")
    await expect(spoken).to_have_text("The reply is complete.")
    a_busy_machine = "() => { window.requestAnimationFrame = (draw) => setTimeout(draw, 1500); }"
    await chat.page.evaluate(a_busy_machine)
    await stack.model.script(ScriptedResponse(kind="fail", status=401, body={"error": {"message": "no"}}))
    await chat.send("again")
    await chat.expect_status("failed")
    await expect(spoken).to_have_text("The reply failed.")


async def test_nothing_moves_for_who_wants_no_motion(chromium: Browser, web_server: WebServer, stack: Stack) -> None:
    await stack.model.clear_script()

    async def moving(motion: str) -> int:
        async with open_context(chromium, web_server.url, reduced_motion=motion) as context:
            chat = await open_chat(context)
            await stack.model.script(ScriptedResponse(kind="stall", text="So far"))
            await chat.send("go on")
            await chat.expect_reply("So far")
            count = "document.getAnimations().length"
            found = int(await chat.page.evaluate(count))
            await chat.page.keyboard.press("Escape")
            await chat.expect_status("stopped")
            return found

    assert await moving("no-preference") == 1, "the dot beside a reply breathes"
    assert await moving("reduce") == 0
