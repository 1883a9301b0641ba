"""Addresses, history, the conversation list and links."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from aiohttp import web
from playwright.async_api import BrowserContext, expect

from chat_service.engine.process import free_port
from tests.processes import Stack
from tests.web.browser import ReusedContext, open_chat
from tests.web.page_actions import get_person_id, start_gated_reply
from tests.web.seeding import seed_directory
from tests.web.web_server import WebServer

pytestmark = pytest.mark.browser


async def test_first_message_gets_a_reply_an_address_and_a_title(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await expect(chat.page.get_by_role("heading", name="What is on your mind?")).to_be_visible()
    await expect(chat.message_box).to_be_focused()
    assert urlsplit(chat.page.url).path == "/"
    await chat.ask("hello there")
    assert urlsplit(chat.page.url).path.startswith("/c/")
    await expect(chat.page.locator("h1")).to_have_text("A fine title")
    await expect(chat.links).to_have_text("A fine title")
    await expect(chat.page).to_have_title("A fine title · Threadwell")
    await expect(chat.message_box).to_be_focused()


async def test_back_forward_and_reload_restore_conversations(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await chat.ask("about tea")
    await chat.page.get_by_role("button", name="New conversation").click()
    await expect(chat.questions).to_have_count(0)
    await chat.ask("about coffee")
    await chat.page.go_back()
    await expect(chat.questions).to_have_count(0)
    await chat.page.go_back()
    await chat.expect_reply("echo: about tea")
    await chat.page.reload()
    await chat.expect_reply("echo: about tea")
    await chat.page.go_forward()
    await chat.page.go_forward()
    await chat.expect_reply("echo: about coffee")
    await chat.links.last.click()
    await chat.expect_reply("echo: about tea")


async def test_link_from_another_site_keeps_the_identity(context: BrowserContext, web_server: WebServer) -> None:
    chat = await open_chat(context)
    await chat.ask("hello")

    async def link_page(_: web.Request) -> web.Response:
        return web.Response(text=f'<a href="{chat.page.url}">the conversation</a>', content_type="text/html")

    app = web.Application()
    app.router.add_get("/", link_page)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "localhost", port).start()
    try:
        page = await ReusedContext.open_window(context)
        await page.goto(f"http://localhost:{port}/")  # another site than 127.0.0.1
        await page.get_by_text("the conversation").click()
        await expect(page.locator(".reply .body")).to_have_text("echo: hello")
    finally:
        await runner.cleanup()
    await chat.page.reload()
    await chat.expect_reply("echo: hello")


async def test_reply_in_another_conversation_marks_its_entry(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    request = await start_gated_reply(stack, chat, "slow")
    await chat.page.get_by_role("button", name="New conversation").click()
    await expect(chat.page.locator("#conversation-list .dot")).to_have_count(0)
    await stack.model.release(request, "there")
    await stack.model.finish(request)
    await expect(chat.page.locator("#conversation-list .dot")).to_have_count(1)
    await chat.links.click()
    await chat.expect_reply("there")
    await expect(chat.page.locator("#conversation-list .dot")).to_have_count(0)


async def test_conversation_list_is_grouped_by_day(context: BrowserContext, stack: Stack) -> None:
    await seed_directory(stack, await get_person_id(context), 1)  # one day old
    chat = await open_chat(context)
    headings = chat.page.locator("#conversation-list h2")
    await expect(headings).to_have_text("Yesterday")
    await chat.ask("hello")
    await expect(headings).to_have_text(["Today", "Yesterday"])
    await seed_directory(stack, await get_person_id(context), 1, first=400)
    await chat.page.reload()
    await expect(headings).to_contain_text(", 20")
