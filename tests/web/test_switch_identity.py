"""A browser that takes another identity with a join link, and returns to its own."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.processes import Stack
from tests.web.api_client import open_client
from tests.web.browser import ChatPage, ReusedContext, copy_identity, open_chat, open_context
from tests.web.web_server import WebServer

pytestmark = pytest.mark.browser


async def create_link(context: BrowserContext) -> str:
    """Create a join link of the context's identity."""
    response = await context.request.post("/api/invitation", data={})
    return f"/join#{(await response.json())['token']}"


async def start_conversation(context: BrowserContext, text: str) -> ChatPage:
    """Open a conversation with one answered message."""
    chat = await open_chat(context)
    await chat.ask(text)
    return chat


async def join(page: Page, link: str) -> None:
    """Open a join link and join."""
    await page.goto(link)
    await confirm_join(page)


async def confirm_join(page: Page) -> None:
    """Join on the join page."""
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("heading", name="What is on your mind?")).to_be_visible()


async def test_link_is_used_up_only_by_joining_in_another_browser(
    context: BrowserContext, second_context: BrowserContext, web_server: WebServer
) -> None:
    chat = await start_conversation(context, "from the laptop")
    link = await create_link(context)
    own = chat.page
    await own.goto(link)
    alert = own.get_by_role("alert")
    await expect(alert).to_contain_text("This browser shows those conversations already")
    await expect(own.get_by_text("Joining hides them")).to_be_hidden()
    await own.get_by_role("button", name="Join").click()
    await expect(alert).to_contain_text("open it on the other device")
    await expect(own).to_have_url(f"{web_server.url}/join")
    page = await ReusedContext.open_window(second_context)
    await page.goto(link)
    for _ in range(2):
        await page.reload()
        assert page.url == f"{web_server.url}/join"
    await confirm_join(page)
    await page.locator("#conversation-list a").click()
    await ChatPage(page).expect_reply("echo: from the laptop")
    assert await page.evaluate("sessionStorage.getItem('threadwell:join-token')") is None
    await page.goto(link)
    await expect(page.get_by_role("alert"), "shown before the button is pressed").to_contain_text("was used already")


async def test_open_windows_switch_identity_when_the_browser_joins(
    context: BrowserContext, second_context: BrowserContext, web_server: WebServer
) -> None:
    chat = await start_conversation(context, "from the laptop")
    link = await create_link(context)
    old = await start_conversation(second_context, "my own")
    await old.message_box.fill("a draft")
    await join(await ReusedContext.open_window(second_context), link)
    await expect(old.page).to_have_url(f"{web_server.url}/")
    await expect(old.message_box).to_have_value("")
    await old.links.click()
    await old.expect_reply("echo: from the laptop")
    await chat.send("is it live?")
    await old.expect_reply("echo: is it live?")


async def test_shared_worker_switches_to_the_new_identity(
    chromium: Browser, context: BrowserContext, web_server: WebServer, stack: Stack
) -> None:
    """The worker outlives the windows that reload, so it must open a new event stream itself."""
    first = await start_conversation(context, "from the laptop")
    link = await create_link(context)
    async with open_context(chromium, web_server.url) as phone:
        await phone.add_init_script(
            """if (self.BroadcastChannel && location.pathname !== '/join') {
                Object.defineProperty(BroadcastChannel.prototype, 'onmessage', { set() {} });
            }"""
        )
        old = await open_chat(phone)  # misses the switch and keeps the worker alive
        await old.ask("my own")
        page = await phone.new_page()
        await join(page, link)
        await page.locator("#conversation-list a").click()
        second = ChatPage(page)
        await second.expect_reply("echo: from the laptop")
        await first.send("is it live?")
        await second.expect_reply("echo: is it live?")


async def test_window_with_an_outdated_identity_sends_nothing(
    context: BrowserContext, second_context: BrowserContext, web_server: WebServer, stack: Stack
) -> None:
    laptop = await start_conversation(context, "from the laptop")
    old = await start_conversation(second_context, "my own")
    for chat in (laptop, old):  # a title generated later would be counted as a request
        await expect(chat.links).to_have_text(["A fine title"])
    await copy_identity(context, second_context)
    number = await stack.model.count_requests()
    await old.send("meant for my own thread")
    await expect(old.page).to_have_url(f"{web_server.url}/")
    await expect(old.links).to_have_count(1)
    await old.links.click()
    await old.expect_reply("echo: from the laptop")
    assert await stack.model.requests(number) == []
    outbox = await old.page.evaluate("Object.keys(localStorage).filter((name) => name.includes('outbox'))")
    assert outbox == []


async def test_request_with_an_outdated_identity_is_refused(web_server: WebServer, stack: Stack) -> None:
    async with open_client(web_server.url) as client, open_client(web_server.url) as other_client:
        mine = await client.get_person_id()
        assert (await client.request("GET", "/api/conversations", **{"X-Person": mine})).status == 200
        refused = await other_client.request("GET", "/api/conversations", **{"X-Person": mine})
        assert (refused.status, refused.error) == (412, "this browser has another identity now: load the page again")


async def test_go_back_returns_to_the_first_identity(web_server: WebServer, stack: Stack) -> None:
    async with (
        open_client(web_server.url) as own,
        open_client(web_server.url) as first,
        open_client(web_server.url) as second,
    ):
        original = await own.get_person_id()
        assert (await own.request("POST", "/api/restore-identity")).status == 409
        for other in (first, second):
            token = (await other.request("POST", "/api/invitation")).body["token"]
            assert (await own.request("POST", "/api/join", {"token": token})).status == 200
            assert await own.get_person_id() == await other.get_person_id()
        assert (await own.request("GET", "/api/me")).body["previous_identity"] is True
        assert (await own.request("POST", "/api/restore-identity")).status == 200
        assert await own.get_person_id() == original
        assert (await own.request("GET", "/api/me")).body["previous_identity"] is False
