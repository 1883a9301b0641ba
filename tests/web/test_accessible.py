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
from tests.fakes.model.protocol import Behaviour
from tests.processes import Stack
from tests.web.browser import Window, browsing, window
from tests.web.relay import running_relay
from tests.web.screenshots import SIZES, TALK
from tests.web.site import Site, running_apart, running_site, visiting
from tests.web.test_long import opened
from tests.web.test_windows import gated

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
    async with browsing(chromium, url, **options) as context:
        yield context


async def _ask(one: Window, text: str) -> None:
    await one.box.fill(text)
    await one.page.get_by_role("button", name="Send", exact=True).click()


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
async def test_conversations_break_no_rule(chromium: Browser, site: Site, stack: Stack, size: str, scheme: str) -> None:
    await stack.model.clear()
    async with _seen(chromium, site.url, size, scheme) as context:
        one = await window(context)
        await sound(one.page, "empty")
        for number, (asked, said) in enumerate([*TALK, ("A formula?", FORMULA)], 1):
            await stack.model.script(Behaviour(text=said))
            await _ask(one, asked)
            await expect(one.replies).to_have_count(number)
            await one.stands("answered")
        await expect(one.last.locator("math").first).to_be_visible()
        await expect(one.page.locator("h1")).to_have_text("A fine title")
        await sound(one.page, "long")

        asked_number = await gated(stack, one, "go on")
        await expect(one.last.locator(".note")).to_have_text("Waiting for the model…")
        await sound(one.page, "waiting for the model")
        await stack.model.release(asked_number, "Once upon")
        await expect(one.last.locator(".body")).to_have_text("Once upon")
        await _ask(one, "and then?")
        await expect(one.questions.last.locator(".note")).to_contain_text("Queued")
        await one.page.locator("#scroll").evaluate("box => { box.scrollTop = 0; }")
        await expect(one.page.get_by_role("button", name="Jump to latest")).to_be_visible()
        await sound(one.page, "streaming, with a message that waits")
        await stack.model.finish(asked_number)
        await one.stands("answered")

        refusal = {"error": {"message": "no", "code": "invalid_api_key"}}
        await stack.model.script(Behaviour(kind="fail", status=401, body=refusal))
        await _ask(one, "fail")
        await one.stands("failed")
        await sound(one.page, "failed")
        await one.page.locator("#picker").set_input_files(
            {"name": "notes.md", "mimeType": "text/markdown", "buffer": b"x"}
        )
        await expect(one.page.locator("#files .file")).to_be_visible()
        await sound(one.page, "with a file")
        await context.route("**/messages", lambda route: route.abort())
        await _ask(one, "lost")
        await expect(one.questions.last.locator(".note")).to_contain_text("Not sent yet")
        await sound(one.page, "not sent")


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
async def test_versions_break_no_rule(chromium: Browser, site: Site, stack: Stack, size: str, scheme: str) -> None:
    await stack.model.clear()
    async with _seen(chromium, site.url, size, scheme) as context:
        one = await window(context)
        await _ask(one, "hello")
        await one.says("echo: hello")
        await one.stands("answered")
        await one.questions.last.hover()
        await one.questions.last.get_by_role("button", name="Edit").click()
        await sound(one.page, "changing one's words")
        await stack.model.script(Behaviour(kind="stall", text="So far"))
        await one.page.get_by_role("textbox", name="Edit message").fill("better")
        await one.page.get_by_role("group", name="Edit message").get_by_role("button", name="Send").click()
        await one.says("So far")
        await one.page.get_by_role("button", name="Stop").click()
        await one.stands("stopped")
        await expect(one.last.get_by_role("button", name="Continue")).to_be_visible()
        await sound(one.page, "stopped")
        await one.last.get_by_role("button", name="Try again").click()
        await one.says("echo: better")
        await expect(one.page.get_by_role("group", name="Version 2 of 2")).to_have_count(2)
        await sound(one.page, "versions of both sides")


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
async def test_panels_break_no_rule(chromium: Browser, site: Site, stack: Stack, size: str, scheme: str) -> None:
    await stack.model.clear()
    async with _seen(chromium, site.url, size, scheme) as context:
        one = await window(context)
        await _ask(one, "hello")
        await expect(one.page.locator("h1")).to_have_text("A fine title")
        await one.page.get_by_role("button", name="Export").click()
        await expect(one.page.get_by_role("menu")).to_be_visible()
        await sound(one.page, "export")
        await one.page.keyboard.press("Escape")
        await one.page.get_by_role("button", name="Rename").click()
        await sound(one.page, "rename")
        await one.page.keyboard.press("Escape")
        if size == "phone":
            await one.page.get_by_role("button", name="Show conversations").click()
            await expect(one.page.locator("#sidebar")).to_be_visible()
            await sound(one.page, "the list")
        await one.page.get_by_role("searchbox").fill("hello")
        await expect(one.page.locator("#search-results a.excerpt").first).to_be_visible()
        await expect(one.page.locator("#search-status")).to_contain_text("Found in")
        await sound(one.page, "search")
        await one.page.keyboard.press("Escape")
        await one.page.get_by_role("button", name="Keyboard shortcuts").click()
        await sound(one.page, "shortcuts")
        await one.page.keyboard.press("Escape")
        await one.page.get_by_role("button", name="Settings").click()
        await one.page.get_by_role("button", name="Create link").click()
        await expect(one.page.get_by_label("Open this link on the other device")).to_be_visible()
        await sound(one.page, "settings, with a link")
        await one.page.keyboard.press("Escape")
        if size == "phone":
            await one.page.keyboard.press("Escape")
        await one.page.get_by_role("button", name="Delete").click()
        await expect(one.page.locator("#toast")).to_be_visible()
        await sound(one.page, "deleted, with a way back")


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
async def test_rarer_states_break_no_rule(chromium: Browser, site: Site, stack: Stack, size: str, scheme: str) -> None:
    await stack.model.clear()
    async with visiting(site.url) as host, _seen(chromium, site.url, size, scheme) as context:
        token = (await host.ask("POST", "/api/invitation")).body["token"]
        one = await window(context)
        await _ask(one, "\n".join(f"line {n}" for n in range(40)))
        await one.stands("answered")
        await expect(one.page.get_by_role("button", name="Show more")).to_be_visible()
        await sound(one.page, "a folded message")
        gone = f"/api/conversations/{one.conversation}"
        assert await one.page.evaluate("path => fetch(path, { method: 'DELETE' }).then((it) => it.ok)", gone)
        await expect(one.page.get_by_role("heading", name="This conversation was deleted")).to_be_visible()
        await sound(one.page, "deleted elsewhere")
        await _ask(one, "my own")
        await one.says("echo: my own")
        await one.page.goto(f"/join#{token}")
        await expect(one.page.get_by_text("of its own. Joining hides them")).to_be_visible()
        await sound(one.page, "join, with conversations of its own")
        await one.page.get_by_role("button", name="Join").click()
        await expect(one.page.get_by_role("heading", name="What is on your mind?")).to_be_visible()
        if size == "phone":
            await one.page.get_by_role("button", name="Show conversations").click()
        await one.page.get_by_role("button", name="Settings").click()
        await expect(one.page.get_by_text("Previous identity")).to_be_visible()
        await sound(one.page, "settings of a browser that joined")
        await one.page.close()
        far = await opened(stack, context, 202, "/c/long#message-41")
        await expect(far.page.locator(".message.linked")).to_be_in_viewport()
        await expect(far.page.get_by_role("button", name="Jump to latest")).to_be_visible()
        await sound(far.page, "a message that was linked to, far up")


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
async def test_doors_break_no_rule(chromium: Browser, site: Site, stack: Stack, size: str, scheme: str) -> None:
    async with (
        running_site(stack, WEB_ACCESS_TOKEN="for-friends") as door,
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
    chromium: Browser, site: Site, stack: Stack, size: str, scheme: str
) -> None:
    async with running_relay(site.port) as relay, _seen(chromium, relay.url, size, scheme) as context:
        one = await window(context)
        await relay.cut()
        await expect(one.page.locator("#connection")).to_contain_text("Offline")
        await sound(one.page, "offline")


async def test_a_chat_service_that_is_away_breaks_no_rule(
    engine_binary: Path, model: ModelControl, tmp_path: Path, chromium: Browser, redis_port: int
) -> None:
    """The page's own server stays: a reply stands half said, and a conversation that is opened cannot be shown yet."""
    async with (
        running_apart(engine_binary, tmp_path, model, redis_port) as (stack, site),
        AsyncExitStack() as looks,
    ):
        await model.script(*(Behaviour(kind="stall", text="So far") for _ in LOOKS))
        seen: dict[str, tuple[BrowserContext, Window]] = {}
        for size, scheme in LOOKS:
            context = await looks.enter_async_context(_seen(chromium, site.url, size, scheme))
            one = await window(context)
            await _ask(one, "hello")
            await one.says("So far")
            seen[f"{size}, {scheme}"] = context, one
        await stack.kill_service()
        opened_later = {
            look: await window(context, f"/c/{one.conversation}", loaded=False) for look, (context, one) in seen.items()
        }
        for look, (_, one) in seen.items():
            await expect(one.last.locator(".note")).to_contain_text("The chat service is not responding")
            await sound(one.page, f"the chat service is away, {look}")
        for look, later in opened_later.items():
            await expect(later.page.locator("#loading")).to_contain_text("The chat service did not answer in time")
            await sound(later.page, f"a conversation that cannot be shown yet, {look}")


async def test_screen_readers_hear_the_start_and_the_end_of_a_reply_alone(person: BrowserContext, stack: Stack) -> None:
    """Everything that a live region says is written down while a reply of many pieces streams."""
    one = await window(person)
    await one.say("hello")
    await one.says("echo: hello")
    await expect(one.page.locator("h1")).to_have_text("A fine title")
    await expect(one.page.locator("#announcer")).to_have_text("The reply is complete.")
    await one.page.evaluate(
        """() => {
            window.spoken = [];
            for (const region of document.querySelectorAll('[aria-live], [role=status], [role=alert]')) {
                new MutationObserver(() => region.textContent && !region.hidden && spoken.push(region.textContent))
                    .observe(region, { childList: true, characterData: true, subtree: true });
            }
        }"""
    )
    number = await gated(stack, one, "a story", *(f"word {n} " for n in range(20)))
    await expect(one.last.locator(".body")).to_contain_text("word 19")
    await stack.model.finish(number)
    await one.stands("answered")
    await expect(one.page.locator("#announcer")).to_have_text("The reply is complete.")
    assert await one.page.evaluate("spoken") == ["The reply begins.", "The reply is complete."]
    around = "node => Boolean(node.closest('[aria-live]:not([aria-live=off]), [role=log], [role=status]'))"
    assert not await one.last.locator(".body").evaluate(around), "tokens are in no live region"


async def test_screen_readers_hear_how_a_reply_ended(person: BrowserContext, stack: Stack) -> None:
    refusal = {"error": {"message": "no", "code": "invalid_api_key"}}
    await stack.model.script(Behaviour(kind="stall", text="So far"), Behaviour(kind="fail", status=401, body=refusal))
    one = await window(person)
    spoken = one.page.locator("#announcer")
    await one.say("a story")
    await one.says("So far")
    await expect(spoken).to_have_text("The reply begins.")
    await one.page.keyboard.press("Escape")
    await one.stands("stopped")
    await expect(spoken).to_have_text("The reply was stopped.")
    await one.say("again")
    await one.stands("failed")
    await expect(spoken).to_have_text("The reply failed.")


async def test_screen_readers_hear_of_a_reply_that_began_and_ended_between_two_frames(
    person: BrowserContext, stack: Stack
) -> None:
    one = await window(person)
    spoken = one.page.locator("#announcer")
    await one.say("hello")
    await one.says("echo: hello")
    await expect(spoken).to_have_text("The reply is complete.")
    a_busy_machine = "() => { window.requestAnimationFrame = (draw) => setTimeout(draw, 1500); }"
    await one.page.evaluate(a_busy_machine)
    await stack.model.script(Behaviour(kind="fail", status=401, body={"error": {"message": "no"}}))
    await one.say("again")
    await one.stands("failed")
    await expect(spoken).to_have_text("The reply failed.")


async def test_nothing_moves_for_who_wants_no_motion(chromium: Browser, site: Site, stack: Stack) -> None:
    await stack.model.clear()

    async def moving(motion: str) -> int:
        async with browsing(chromium, site.url, reduced_motion=motion) as context:
            one = await window(context)
            await stack.model.script(Behaviour(kind="stall", text="So far"))
            await one.say("go on")
            await one.says("So far")
            count = "document.getAnimations().length"
            found = int(await one.page.evaluate(count))
            await one.page.keyboard.press("Escape")
            await one.stands("stopped")
            return found

    assert await moving("no-preference") == 1, "the dot beside a reply breathes"
    assert await moving("reduce") == 0
