"""Layout on a small phone: nothing is cut off, and long messages are folded."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, BrowserContext, FilePayload, ViewportSize, expect

from tests.processes import Stack
from tests.web.api_client import open_client
from tests.web.browser import open_chat, open_context
from tests.web.page_actions import PNG, hide_vision
from tests.web.web_server import WebServer

pytestmark = pytest.mark.browser

SIZE = ViewportSize(width=360, height=640)
FIND_CUT_OFF_ELEMENTS = """() => {
    const elements = [...document.querySelectorAll('a, button, h1, h2, input, label, p, select, span, textarea')];
    return elements
        .filter((element) => element.checkVisibility({ visibilityProperty: true }))
        .filter((element) => !element.closest('.visually-hidden, .skip, #sidebar, h1'))
        .filter((element) => {
            const { left, right } = element.getBoundingClientRect();
            const panel = element.closest('dialog[open]')?.getBoundingClientRect() || { left: 0, right: innerWidth };
            const isClipped = element.scrollWidth > element.clientWidth + 1 && element.clientWidth;
            return left < panel.left || right > panel.right || isClipped;
        })
        .map((element) => element.id || element.textContent);
}"""
"""Return the elements that reach beyond the screen or their panel, or that do not show their whole content."""
LONG_TEXT = "\n".join(f"line {n}" for n in range(60))


async def test_nothing_is_cut_off_on_a_small_phone(chromium: Browser, web_server: WebServer, stack: Stack) -> None:
    await stack.model.clear_script()
    async with open_context(chromium, web_server.url, viewport=SIZE, has_touch=True, is_mobile=True) as context:
        async with open_client(web_server.url) as client:
            token = (await client.request("POST", "/api/invitation")).body["token"]
        await context.request.get("/")
        await context.request.post("/api/join", data={"token": token})
        await hide_vision(context)
        chat = await open_chat(context)
        assert await chat.page.evaluate(FIND_CUT_OFF_ELEMENTS) == []
        picture = FilePayload(name="a picture with a rather long name.png", mimeType="image/png", buffer=PNG)
        await chat.page.locator("#picker").set_input_files(picture)
        await expect(chat.page.locator("#hint")).to_contain_text("cannot see pictures")
        await chat.page.locator("#files img").evaluate("(image) => image.decode()")
        assert await chat.page.evaluate(FIND_CUT_OFF_ELEMENTS) == []
        box, hint = [await chat.page.locator(name).bounding_box() for name in ("#composer-text", "#hint")]
        assert box and hint
        assert hint["y"] >= box["y"] + box["height"]
        await chat.message_box.fill("hello")
        await chat.page.get_by_role("button", name="Send", exact=True).click()
        await chat.expect_status("answered")
        assert await chat.page.evaluate(FIND_CUT_OFF_ELEMENTS) == []
        await chat.page.get_by_role("button", name="Show conversations").click()
        await chat.page.get_by_role("button", name="Settings").click()
        await chat.page.get_by_role("button", name="Create link").click()
        await expect(chat.page.get_by_label("Open this link on the other device")).to_be_visible()
        await expect(chat.page.get_by_text("Previous identity")).to_be_visible()
        link, note = [
            await chat.page.locator(name).bounding_box() for name in ("#invitation-link", "#invitation-loopback")
        ]
        assert link and note
        assert note["y"] - link["y"] - link["height"] >= 4, "the note does not touch the box"
        assert [name for name in await chat.page.evaluate(FIND_CUT_OFF_ELEMENTS) if name != "invitation-link"] == []


async def test_a_long_question_is_folded(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await chat.page.set_viewport_size(SIZE)
    await chat.send("short")
    await chat.expect_status("answered")
    await expect(chat.page.get_by_role("button", name="Show more")).to_have_count(0)
    await chat.send(LONG_TEXT)
    question = chat.questions.last
    more = question.get_by_role("button", name="Show more")
    await expect(more).to_have_attribute("aria-expanded", "false")
    height = "text => text.clientHeight"
    folded = await question.locator(".text").evaluate(height)
    await more.press("Enter")
    less = question.get_by_role("button", name="Show less")
    await expect(less).to_be_focused()
    assert await question.locator(".text").evaluate(height) > 3 * folded
    await less.press("Enter")
    assert await question.locator(".text").evaluate(height) == folded
    assert await question.locator(".text").inner_text() == LONG_TEXT, "the browser can find the folded text"
