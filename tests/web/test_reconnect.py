"""Connections that break, hang or return."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, BrowserContext, expect

from tests.processes import Stack
from tests.web.axe import check_accessibility
from tests.web.browser import copy_identity, open_chat, open_context
from tests.web.relay import running_relay
from tests.web.web_server import WebServer

pytestmark = pytest.mark.browser


async def test_window_catches_up_after_being_offline(
    chromium: Browser, context: BrowserContext, web_server: WebServer, stack: Stack
) -> None:
    """The second browser is connected through a relay that drops its connections."""
    first = await open_chat(context)
    await first.ask("before")
    async with running_relay(web_server.port) as relay, open_context(chromium, relay.url) as other_context:
        await copy_identity(context, other_context)
        second = await open_chat(other_context, f"/c/{first.conversation}")
        await second.expect_reply("echo: before")
        await relay.cut()
        await expect(second.page.locator("#connection")).to_contain_text("Offline")
        await check_accessibility(second.page, "offline")
        for text in ("one", "two"):
            await first.ask(text)
        await second.expect_reply("echo: before")
        await relay.listen()
        await second.expect_reply("echo: two")
        assert await second.read_texts() == await first.read_texts()
        await expect(second.page.locator("#connection")).to_be_empty()
        await relay.cut()
        await expect(second.page.locator("#connection")).to_contain_text("Offline")
        await second.send("three")
        await expect(second.questions.last.locator(".note")).to_contain_text("Not sent yet")
        await relay.listen()
        await second.expect_reply("echo: three")
        await first.expect_reply("echo: three")
        await expect(second.page.locator("#connection")).to_be_empty()
        texts = ["before", "one", "two", "three"]
        expected = [shown for text in texts for shown in (text, f"echo: {text}")]
        assert await second.read_texts() == expected == await first.read_texts()


async def test_silent_or_hanging_network_is_noticed(
    chromium: Browser, context: BrowserContext, web_server: WebServer, stack: Stack
) -> None:
    """No socket is closed when a machine sleeps or changes its network, so no error reports it."""
    first = await open_chat(context)
    await first.ask("before")
    async with running_relay(web_server.port) as relay, open_context(chromium, relay.url) as other_context:
        await copy_identity(context, other_context)
        # The page's clock is controlled, so that a silent minute takes no time. Trap: a SharedWorker has its own clock.
        await other_context.add_init_script("delete window.SharedWorker")
        await other_context.clock.install()
        second = await open_chat(other_context, f"/c/{first.conversation}")
        await second.expect_reply("echo: before")
        relay.freeze()
        await first.ask("meanwhile")
        await second.expect_reply("echo: before")
        await other_context.clock.run_for(60_000)
        await second.expect_reply("echo: meanwhile")

        relay.freeze(also_new=True)
        await other_context.clock.run_for(60_000)
        connection = second.page.locator("#connection")
        await expect(connection).to_have_text("Offline: reconnecting…")
        relay.thaw()
        await first.ask("afterwards")
        await other_context.clock.run_for(60_000)
        await second.expect_reply("echo: afterwards")
        await other_context.clock.run_for(5_000)
        await expect(connection).to_have_text("")


async def test_killed_shared_worker_is_started_again(
    chromium: Browser, fresh_context: BrowserContext, stack: Stack
) -> None:
    await fresh_context.clock.install()
    chat = await open_chat(fresh_context)
    await chat.ask("before")
    browser = await chromium.new_browser_cdp_session()
    targets = (await browser.send("Target.getTargets"))["targetInfos"]
    origin = chat.page.url.split("/c/")[0]
    workers = [target for target in targets if target["type"] == "shared_worker" and target["url"].startswith(origin)]
    assert workers
    for worker in workers:
        await browser.send("Target.closeTarget", {"targetId": worker["targetId"]})
    await fresh_context.clock.run_for(30_000)
    await chat.ask("after")
