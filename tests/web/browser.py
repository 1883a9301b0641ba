"""A real Chromium and what tests do with a page in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

expect.set_options(timeout=20_000)

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str | None:
    """The browser named by CHROMIUM_BINARY, else the first one on PATH."""
    return os.environ.get("CHROMIUM_BINARY") or next((found for name in NAMES if (found := shutil.which(name))), None)


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    """Start Chromium; the test is skipped where there is none."""
    binary = find_chromium()
    if binary is None:
        pytest.skip("no Chromium on this machine: install it, or name it in CHROMIUM_BINARY")
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=binary, args=[*QUIET, *as_root])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def open_context(browser: Browser, url: str, **options: Any) -> AsyncIterator[BrowserContext]:
    """A browser with an identity of its own. A script error or a refused resource fails the test."""
    context = await browser.new_context(base_url=url, **options)
    context.set_default_timeout(20_000)
    mistakes: list[str] = []
    context.on("weberror", lambda error: mistakes.append(str(error.error)))

    def heard(message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            mistakes.append(message.text)

    context.on("console", heard)
    try:
        yield context
    finally:
        await context.close()
    assert not mistakes, mistakes


class ChatPage:
    """A page, in the words of somebody who uses it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.message_box = page.get_by_role("textbox", name="Message", exact=True)
        self.replies = page.locator(".message.reply")
        self.questions = page.locator(".message.user")
        self.messages = page.locator(".message")
        self.last_reply = self.replies.last

    @property
    def conversation(self) -> str:
        """The id in the address."""
        return self.page.url.rsplit("/c/", 1)[1]

    async def send(self, text: str) -> None:
        """Type a message and send it."""
        await self.message_box.fill(text)
        await self.message_box.press("Enter")

    async def expect_reply(self, text: str) -> None:
        """Wait until the last reply is exactly this."""
        await expect(self.last_reply.locator(".body")).to_have_text(text)

    async def expect_status(self, status: str) -> None:
        """Wait until the last reply stands like this."""
        await expect(self.last_reply).to_have_attribute("data-status", status)

    async def read_texts(self) -> list[str]:
        """What is said, in order, by both sides."""
        return await self.page.locator(".message .text, .message .body").all_inner_texts()


async def open_chat(context: BrowserContext, path: str = "/", *, loaded: bool = True) -> ChatPage:
    """Open a page in the browser and wait until it shows something; not `loaded`, it may wait for the server."""
    page = await context.new_page()
    await page.goto(path)
    if loaded:
        await expect(page.locator("#loading")).to_be_hidden()
    return ChatPage(page)


async def copy_identity(known: BrowserContext, other: BrowserContext) -> None:
    """Give another browser the identity of this one."""
    secret = next(one["value"] for one in await known.cookies() if one["name"] == "threadwell")
    await other.add_cookies([{"name": "threadwell", "value": secret, "domain": "127.0.0.1", "path": "/"}])
