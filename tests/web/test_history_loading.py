"""Older messages: pages that load late, out of order or not at all."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import BrowserContext, Route, expect

from tests.processes import Stack
from tests.web.browser import open_chat
from tests.web.page_actions import SCROLL_TO_TOP, UNAVAILABLE, hold_requests, open_seeded_chat

pytestmark = pytest.mark.browser


async def test_page_that_loads_after_a_jump_to_the_end_leaves_no_gap(context: BrowserContext, stack: Stack) -> None:
    chat = await open_seeded_chat(stack, context, 162, "/c/long#message-81")
    await expect(chat.page.locator("#message-81")).to_be_in_viewport()
    latest = chat.page.get_by_role("button", name="Jump to latest")
    async with hold_requests(chat.page, "**/api/conversations/long?*before=*") as requested:
        await chat.page.locator("#scroll").evaluate("(box) => { box.scrollTop = 0; }")
        await asyncio.wait_for(requested.wait(), 20)
        await latest.click()
        await chat.expect_reply("reply 162")
    await expect(latest).to_be_hidden()
    turn = 162
    while turn > 100:
        first_lines = [text.split("\n")[0] for text in await chat.read_texts()]
        shown = [int(line.split()[1]) for line in first_lines if line.startswith("reply")]
        assert shown == list(range(shown[0], 163)), "a gap in the history"
        turn = shown[0]
        first = await chat.messages.first.get_attribute("id") or ""
        await chat.page.evaluate(SCROLL_TO_TOP)
        await expect(chat.messages.first).not_to_have_id(first)


async def test_top_reached_while_a_page_loads_requests_the_next_page(context: BrowserContext, stack: Stack) -> None:
    chat = await open_seeded_chat(stack, context, 162, "/c/long#message-81")
    await expect(chat.page.locator("#message-81")).to_be_in_viewport()
    async with hold_requests(chat.page, "**/api/conversations/long?*before=*") as requested:
        await chat.page.evaluate(SCROLL_TO_TOP)
        await asyncio.wait_for(requested.wait(), 20)
        await chat.page.get_by_role("button", name="Jump to latest").click()
        await chat.expect_reply("reply 162")
        await chat.page.evaluate(SCROLL_TO_TOP)
        first = await chat.messages.first.get_attribute("id") or ""
        assert first == "message-285", "the held page must not be inserted here"
    await expect(chat.messages.first).not_to_have_id(first)
    assert "reply 142" in "\n".join(await chat.read_texts())


async def test_failed_page_is_requested_again(context: BrowserContext, stack: Stack) -> None:
    chat = await open_seeded_chat(stack, context, 62)
    await chat.expect_reply("reply 62")
    refused = asyncio.Event()

    async def refuse(route: Route) -> None:
        await route.fulfill(status=503, json=UNAVAILABLE)
        refused.set()

    await chat.page.route("**/api/conversations/long?*before=*", refuse)
    first = await chat.messages.first.get_attribute("id") or ""
    await chat.page.evaluate(SCROLL_TO_TOP)
    await asyncio.wait_for(refused.wait(), 20)
    await expect(chat.messages.first).to_have_id(first)
    await chat.page.unroute("**/api/conversations/long?*before=*")
    await expect(chat.messages.first).not_to_have_id(first)


async def test_link_to_a_message_works_while_pages_load_late(context: BrowserContext, stack: Stack) -> None:
    chat = await open_seeded_chat(stack, context, 162)
    await chat.expect_reply("reply 162")
    async with hold_requests(chat.page, "**/api/conversations/long?*before=*") as requested:
        await chat.page.evaluate(SCROLL_TO_TOP)
        await asyncio.wait_for(requested.wait(), 20)
        await chat.page.evaluate("location.hash = '#message-81'")
    await expect(chat.page.locator("#message-81")).to_be_in_viewport()

    pages = re.compile(r"/api/conversations/long\?.*before=")
    await context.route(pages, lambda route: route.fulfill(status=503, json=UNAVAILABLE))
    linked = await open_chat(context, "/c/long#message-121")
    await expect(linked.page.locator("#connection")).to_have_text("That message could not be loaded. Trying again…")
    await context.unroute(pages)
    await expect(linked.page.locator("#message-121")).to_be_in_viewport()
    await expect(linked.page.locator("#connection")).to_have_text("")


async def test_incomplete_response_is_requested_again(context: BrowserContext, stack: Stack) -> None:
    chat = await open_seeded_chat(stack, context, 1)
    broken = 0

    async def break_off(route: Route) -> None:
        nonlocal broken
        broken += 1
        await route.fulfill(status=200, content_type="application/json", body='{"messages": [{"seq"')

    await chat.page.route(f"**/api/conversations/{chat.conversation}?*", break_off, times=2)
    await chat.page.reload()
    await chat.expect_reply("reply 1")
    assert broken == 2
