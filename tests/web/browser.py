"""A real Chromium, and `ChatPage`: what tests do with the page in it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest
from playwright.async_api import (
    Browser,
    BrowserContext,
    CDPSession,
    ConsoleMessage,
    Page,
    ViewportSize,
    async_playwright,
    expect,
)
from playwright.async_api import Error as PlaywrightError

TIMEOUT_MS = 20_000
VIEWPORT = ViewportSize(width=1280, height=720)
expect.set_options(timeout=TIMEOUT_MS)

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
"""The headless shell is Chromium without the browser's own windows: a page in it costs a quarter less CPU."""
DISABLED_FEATURES = (
    "AimEnabled AvoidCorsURLLoaderRestartOnRedirect AvoidUnnecessaryBeforeUnloadCheckSync DestroyProfileOnBrowserClose "
    "HttpsFirstBalancedModeAutoEnable HttpsUpgrades MediaRouter NetworkTimeServiceQuerying OptimizationHints "
    "PaintHolding PreconnectToSearch ThirdPartyStoragePartitioning WebUIOmniboxAimPopup WebUIOmniboxFullPopup "
    "WebUIOmniboxPopup"
)
"""Features to disable: those of Playwright's list, which this one replaces, and the address bar's pop-ups.

Each window loads these pop-ups; without them and without a GPU process, a new window costs 0.35 s of CPU, not 0.5 s.
"""
ARGUMENTS = (
    f"--disable-features={','.join(DISABLED_FEATURES.split())}",
    "--disable-gpu",
    "--disable-software-rasterizer",
    "--in-process-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


WAIT_FOR_LAST_REPLY = """({ text, status }) => new Promise((resolve) => {
    const normalize = (string) => string.trim().replace(/\\s+/g, ' ');
    const check = () => {
        const reply = [...document.querySelectorAll('.message.reply')].at(-1);
        if (!reply || (status && reply.dataset.status !== status)) return;
        const body = reply.querySelector('.body');
        if (text !== null && (!body || normalize(body.textContent) !== normalize(text))) return;
        observer.disconnect();
        resolve();
    };
    const observer = new MutationObserver(check);
    observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
    check();
})"""


def find_chromium() -> str | None:
    """Return the browser named by CHROMIUM_BINARY, else the first one on PATH."""
    return os.environ.get("CHROMIUM_BINARY") or next((found for name in NAMES if (found := shutil.which(name))), None)


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    """Run Chromium; skip the test where there is none."""
    binary = find_chromium()
    if binary is None:
        pytest.skip("no Chromium on this machine: install it, or name it in CHROMIUM_BINARY")
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=binary, args=[*ARGUMENTS, *as_root])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def open_context(browser: Browser, url: str, **options: Any) -> AsyncIterator[BrowserContext]:
    """Open a browser context with a new identity; fail the test at a script error or a blocked resource."""
    context = await browser.new_context(base_url=url, **options)
    errors = _prepare(context)
    try:
        yield context
    finally:
        await context.close()
    assert not errors, errors


def _prepare(context: BrowserContext) -> list[str]:
    """Set the time-out; return a list that receives script errors and blocked resources."""
    context.set_default_timeout(TIMEOUT_MS)
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))

    def record_error(message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            errors.append(message.text)

    context.on("console", record_error)
    return errors


class ReusedContext:
    """A browser context whose routes, cookies and storage are removed after each test.

    Its first windows stay open: the page costs 0.8 s of CPU in a new window, and 0.4 s in one that showed it before.
    """

    KEPT_WINDOWS = 2
    _of: ClassVar[dict[BrowserContext, ReusedContext]] = {}

    def __init__(self, context: BrowserContext, url: str, blank: Page, session: CDPSession) -> None:
        self.context = context
        self._url = url
        self._blank = blank
        self._session = session
        self._errors = _prepare(context)
        self._windows: list[Page] = []
        self._idle: list[Page] = []
        self._of[context] = self

    @classmethod
    async def open(cls, browser: Browser, url: str) -> ReusedContext:
        """Open the context, and a blank page through which its storage can be cleared."""
        context = await browser.new_context(base_url=url)
        blank = await context.new_page()
        return cls(context, url, blank, await context.new_cdp_session(blank))

    @classmethod
    async def open_window(cls, context: BrowserContext) -> Page:
        """Open a window; in a reused context, return an idle window of an earlier test if there is one."""
        reused = cls._of.get(context)
        if reused is None:
            return await context.new_page()
        if reused._idle:
            return reused._idle.pop()
        page = await context.new_page()
        reused._windows.append(page)
        return page

    async def clear(self) -> None:
        """Give the next test an empty context; fail at a script error of this one."""
        await self.context.unroute_all(behavior="ignoreErrors")
        opened = [page for page in self._windows if not page.is_closed()]
        self._windows = opened[: self.KEPT_WINDOWS]
        for page in self.context.pages:
            if page in self._windows:
                await self._clear_window(page)
            elif page is not self._blank:
                await page.close()
        self._idle = self._windows[::-1]
        await self.context.clear_permissions()
        await self.context.clear_cookies()
        await self._session.send("Storage.clearDataForOrigin", {"origin": self._url, "storageTypes": "local_storage"})
        errors = self._errors.copy()
        self._errors.clear()
        assert not errors, errors

    @staticmethod
    async def _clear_window(page: Page) -> None:
        """Leave the page. Another origin, or about:blank, would end the process that makes the next load cheap."""
        await page.unroute_all(behavior="ignoreErrors")
        await page.goto("/no-such-page")
        await page.evaluate("sessionStorage.clear()")
        await page.set_viewport_size(VIEWPORT)
        await page.emulate_media(color_scheme="light", reduced_motion="no-preference")


class ChatPage:
    """A browser page that shows a conversation."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.message_box = page.get_by_role("textbox", name="Message", exact=True)
        self.messages = page.locator(".message")
        self.questions = page.locator(".message.user")
        self.replies = page.locator(".message.reply")
        self.last_reply = self.replies.last
        self.links = page.locator("#conversation-list a")
        self.toast = page.locator("#toast-text")

    @property
    def conversation(self) -> str:
        """The conversation id in the address."""
        return self.page.url.rsplit("/c/", 1)[1]

    async def send(self, text: str) -> None:
        """Type a message and send it."""
        await self.message_box.fill(text)
        await self.message_box.press("Enter")

    async def ask(self, text: str) -> None:
        """Send a message and wait until its default reply, an echo, is complete."""
        await self.send(text)
        await self.expect_reply(f"echo: {text}")
        await self.expect_status("answered")

    async def expect_reply(self, text: str) -> None:
        """Wait until the last reply has exactly this text."""
        await self._wait_for_last_reply(text=text)
        await expect(self.last_reply.locator(".body")).to_have_text(text)

    async def expect_status(self, status: str) -> None:
        """Wait until the last reply has this status: running, answered, stopped or failed."""
        await self._wait_for_last_reply(status=status)
        await expect(self.last_reply).to_have_attribute("data-status", status)

    async def _wait_for_last_reply(self, *, text: str | None = None, status: str | None = None) -> None:
        """Wait in the page: `expect` looks only every 500 ms. Give up silently; `expect` then reports the failure."""
        with contextlib.suppress(PlaywrightError, TimeoutError):
            async with asyncio.timeout(TIMEOUT_MS / 1000):
                await self.page.evaluate(WAIT_FOR_LAST_REPLY, {"text": text, "status": status})

    async def read_texts(self) -> list[str]:
        """Return the texts of all shown messages, in order."""
        return await self.page.locator(".message .text, .message .body").all_inner_texts()


async def open_chat(context: BrowserContext, path: str = "/", *, loaded: bool = True) -> ChatPage:
    """Open the page in a new window; with `loaded` wait until its conversation is shown."""
    page = await ReusedContext.open_window(context)
    await page.goto(path)
    if loaded:
        await expect(page.locator("#loading")).to_be_hidden()
    return ChatPage(page)


async def copy_identity(source: BrowserContext, target: BrowserContext) -> None:
    """Give `target` the identity of `source`."""
    secret = next(cookie["value"] for cookie in await source.cookies() if cookie["name"] == "threadwell")
    await target.add_cookies([{"name": "threadwell", "value": secret, "domain": "127.0.0.1", "path": "/"}])
