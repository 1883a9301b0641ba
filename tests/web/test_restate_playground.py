"""A message sent from the playground of the Restate server's own web interface."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import Browser, expect

from chat_service import handlers
from chat_service.contracts import HistoryRequest
from tests.processes import Stack, new_session_key
from tests.web.web_server import WebServer

pytestmark = pytest.mark.browser


async def test_the_playground_sends_a_message(chromium: Browser, stack: Stack, web_server: WebServer) -> None:
    await stack.model.clear_script()
    key = new_session_key()
    page = await chromium.new_page()
    page.set_default_timeout(60_000)  # the server sends several megabytes of uncompressed scripts
    await page.goto(f"{stack.engine.admin_url}/ui/overview?servicePlayground=Chat#/operations/message")
    await page.get_by_label("key", exact=True).fill(key)
    body = page.locator("textarea").filter(has=page.locator("xpath=self::*[not(@aria-label)]")).last
    suggested = json.loads(await body.input_value())
    assert suggested == {"message": "Hello! Who are you?"}, "the form suggests a valid message"
    await body.fill(json.dumps({"message": "hi from the playground"}))
    await page.get_by_role("button", name="Send API Request").click()
    await expect(page.get_by_text("echo: hi from the playground")).to_be_visible(timeout=60_000)
    async with stack.ingress() as ingress:
        history = await ingress.call(handlers.CHAT_GET_HISTORY, key, HistoryRequest())
    assert [message.text for message in history.messages] == ["hi from the playground", "echo: hi from the playground"]
    await page.close()
