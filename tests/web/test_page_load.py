"""The first load of the page, the error page, and renderers that load late or never."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, BrowserContext, expect

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.axe import check_accessibility
from tests.web.browser import ChatPage, open_chat, open_context
from tests.web.page_actions import hold_requests
from tests.web.web_server import WebServer, running_web_app

pytestmark = pytest.mark.browser


async def test_unknown_address_shows_an_error_page_with_a_link(context: BrowserContext, web_server: WebServer) -> None:
    page = await context.new_page()
    for path in ("/nope", "/c/", "/c/not~an~id", f"/c/{'x' * 65}", "/c/one/two"):
        response = await page.goto(path)
        assert response is not None
        assert response.status == 404, path
        await expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    await page.get_by_role("link", name="Go to your conversations").click()
    await expect(page).to_have_url(f"{web_server.url}/")
    await expect(page.get_by_role("heading", name="What is on your mind?")).to_be_visible()


async def test_sign_in_page_asks_for_the_access_token(chromium: Browser, stack: Stack) -> None:
    async with (
        running_web_app(stack, web_access_token="for-friends") as url,
        open_context(chromium, url) as context,
    ):
        page = await context.new_page()
        await page.goto("/")
        await page.get_by_label("Access token").fill("guess")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_have_text("that is not the access token")
        await check_accessibility(page, "sign-in, refused")
        await page.get_by_label("Access token").fill("for-friends")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_visible()
        await page.close()
        chat = await open_chat(context)
        await chat.ask("hello")


async def test_first_load_transfers_little_data(chromium: Browser, web_server: WebServer) -> None:
    """Check the compressed size of everything that the empty page loads."""
    async with open_context(chromium, web_server.url) as context:
        chat = await open_chat(context)
        await chat.page.evaluate("document.fonts.ready")
        await chat.page.evaluate(
            """() => import(document.querySelector('[href$="lazy-markdown.js"]').href)
                .then((module) => module.markdownReady)"""
        )
        size = await chat.page.evaluate(
            """() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
                .reduce((sum, one) => sum + one.encodedBodySize, 0)"""
        )
        assert 50_000 < size < 150_000


async def test_all_modules_are_preloaded(context: BrowserContext) -> None:
    """Each module that the page needs at first is named in its head, so that all are requested at once."""
    chat = await open_chat(context)
    preloaded = await chat.page.evaluate("[...document.querySelectorAll('[rel=modulepreload]')].map((one) => one.href)")
    loaded = await chat.page.evaluate(
        """() => performance.getEntriesByType('resource')
            .filter((one) => one.startTime < performance.getEntriesByName('usable')[0].startTime)
            .map((one) => one.name).filter((name) => name.endsWith('.js'))
            .filter((name) => ![...document.scripts].some((one) => one.src === name))"""
    )
    assert sorted(set(loaded) - {url for url in loaded if url.endswith("shared-worker.js")}) == sorted(preloaded)


async def test_reply_is_rendered_when_its_renderer_has_loaded(context: BrowserContext, stack: Stack) -> None:
    """Until then the reply is shown as plain text, not as HTML."""
    await stack.model.script(ScriptedResponse(text="**bold** <b>words</b>"))
    chat = ChatPage(await context.new_page())
    async with hold_requests(chat.page, "**/markdown-it.umd.min.js"):
        await chat.page.goto("/", wait_until="domcontentloaded")  # the load event waits for the last script
        await chat.send("hello")
        await chat.expect_reply("**bold** <b>words</b>")
    await expect(chat.last_reply.locator("strong")).to_have_text("bold")
    await chat.expect_reply("bold <b>words</b>")


async def test_reply_is_plain_text_when_the_renderer_cannot_load(context: BrowserContext, stack: Stack) -> None:
    await context.route("**/purify.min.js", lambda route: route.abort())
    await stack.model.script(ScriptedResponse(text="**bold** <b>words</b>"))
    chat = await open_chat(context)
    await chat.send("hello")
    await chat.expect_reply("**bold** <b>words</b>")
    await chat.page.reload()
    await chat.expect_reply("**bold** <b>words</b>")


async def test_example_fills_the_message_box(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await expect(chat.page.locator("#model")).to_have_text("scripted")
    example = chat.page.locator("#examples button").first
    text = await example.inner_text()
    await example.click()
    await expect(chat.message_box).to_have_value(text)
    await expect(chat.message_box).to_be_focused()
    await chat.page.keyboard.press("Enter")
    await chat.expect_reply(f"echo: {text}")
    await expect(chat.page.locator("#examples")).to_be_hidden()


async def test_built_in_model_is_labelled_as_a_demo(chromium: Browser, stack: Stack) -> None:
    none = {"openai_api_key": None, "openai_base_url": None, "openai_model": None}
    async with running_web_app(stack, **none) as url, open_context(chromium, url) as context:
        chat = await open_chat(context)
        await expect(chat.page.locator("#model")).to_have_text("Qwen2.5 0.5B · a small demo model on this machine")
        await chat.page.get_by_role("button", name="Settings").click()
        await expect(chat.page.get_by_label("Quick messages")).to_be_visible()
        await expect(chat.page.get_by_label("Model"), "there is only one model").to_be_hidden()
