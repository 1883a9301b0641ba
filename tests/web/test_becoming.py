"""A browser that becomes somebody else, by joining or by going back: nothing is lost, and no window stays behind."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.processes import Stack
from tests.web.api_client import open_client
from tests.web.browser import ChatPage, copy_identity, open_chat, open_context
from tests.web.web_server import WebServer

pytestmark = pytest.mark.browser


async def _invited(chat: ChatPage) -> str:
    await chat.page.get_by_role("button", name="Settings").click()
    await chat.page.get_by_role("button", name="Create link").click()
    field = chat.page.get_by_label("Open this link on the other device")
    await expect(field).to_be_visible()
    link = await field.input_value()
    await chat.page.keyboard.press("Escape")
    return link


async def _said(context: BrowserContext, text: str) -> ChatPage:
    """A window in which this was said, and answered."""
    chat = await open_chat(context)
    await chat.send(text)
    await chat.expect_reply(f"echo: {text}")
    return chat


async def _joined(page: Page, link: str) -> None:
    await page.goto(link)
    await _joined_here(page)


async def _joined_here(page: Page) -> None:
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("heading", name="What is on your mind?")).to_be_visible()


async def test_joining_says_what_will_not_be_shown_and_can_be_taken_back(
    chromium: Browser, context: BrowserContext, web_server: WebServer, stack: Stack
) -> None:
    first = await _said(context, "from the desk")
    link = await _invited(first)
    async with open_context(chromium, web_server.url) as phone:
        second = await _said(phone, "my own")
        await expect(second.page.locator("#conversation-list a")).to_have_text(["A fine title"])
        await second.page.get_by_role("button", name="Settings").click()
        await expect(second.page.get_by_role("dialog", name="Settings")).to_be_visible()
        back = second.page.get_by_role("button", name="Switch back to this browser’s conversations")
        await expect(back).to_be_hidden()

        await second.page.goto(link)
        await expect(second.page.get_by_text("with a link that you created yourself")).to_be_visible()
        await expect(second.page.get_by_text("This browser has one conversation of its own")).to_be_visible()
        await second.page.get_by_role("button", name="Join").click()
        await second.page.locator("#conversation-list a").click()
        await second.expect_reply("echo: from the desk")

        await second.page.get_by_role("button", name="Settings").click()
        await back.click()
        await expect(second.page).to_have_url(f"{web_server.url}/")
        await second.page.locator("#conversation-list a").click()
        await second.expect_reply("echo: my own")


async def test_a_link_is_not_used_up_by_looking_or_by_its_own_browser(
    chromium: Browser, context: BrowserContext, web_server: WebServer, stack: Stack
) -> None:
    chat = await _said(context, "from the desk")
    link = await _invited(chat)
    own = await context.new_page()
    await own.goto(link)
    said = own.get_by_role("alert")
    await expect(said).to_contain_text("This browser shows those conversations already")
    await expect(own.get_by_text("Joining hides them")).to_be_hidden()
    await own.get_by_role("button", name="Join").click()
    await expect(said).to_contain_text("open it on the other device")
    await expect(own).to_have_url(f"{web_server.url}/join")
    async with open_context(chromium, web_server.url) as phone:
        page = await phone.new_page()
        await page.goto(link)
        for _ in range(2):
            await page.reload()
            assert page.url == f"{web_server.url}/join"
        await _joined_here(page)
        await page.locator("#conversation-list a").click()
        await ChatPage(page).expect_reply("echo: from the desk")
        assert await page.evaluate("sessionStorage.getItem('threadwell:join-token')") is None
        await page.goto(link)
        await expect(page.get_by_role("alert"), "told before the button is pressed").to_contain_text("was used already")


async def test_open_windows_of_a_browser_that_joins_become_the_same_person_live(
    chromium: Browser, context: BrowserContext, web_server: WebServer, stack: Stack
) -> None:
    chat = await _said(context, "from the desk")
    link = await _invited(chat)
    async with open_context(chromium, web_server.url) as phone:
        old = await _said(phone, "my own")
        await old.message_box.fill("a draft of whoever was here")
        await _joined(await phone.new_page(), link)
        await expect(old.page).to_have_url(f"{web_server.url}/")
        await expect(old.message_box).to_have_value("")
        await old.page.locator("#conversation-list a").click()
        await old.expect_reply("echo: from the desk")
        await chat.send("is it live?")
        await old.expect_reply("echo: is it live?")


async def test_the_worker_goes_over_to_the_new_person(
    chromium: Browser, context: BrowserContext, web_server: WebServer, stack: Stack
) -> None:
    """It outlives the windows that load again, so it has to ask for another stream by itself."""
    first = await _said(context, "from the desk")
    link = await _invited(first)
    async with open_context(chromium, web_server.url) as phone:
        await phone.add_init_script(
            """if (self.BroadcastChannel && location.pathname !== '/join') {
                Object.defineProperty(BroadcastChannel.prototype, 'onmessage', { set() {} });
            }"""
        )
        old = await open_chat(phone)  # does not hear of it, and keeps the worker alive
        await old.send("my own")
        await old.expect_reply("echo: my own")
        page = await phone.new_page()
        await _joined(page, link)
        await page.locator("#conversation-list a").click()
        second = ChatPage(page)
        await second.expect_reply("echo: from the desk")
        await first.send("is it live?")
        await second.expect_reply("echo: is it live?")


async def test_a_window_that_missed_it_writes_nothing_in_the_other_name(
    chromium: Browser, context: BrowserContext, web_server: WebServer, stack: Stack
) -> None:
    desk = await _said(context, "from the desk")
    async with open_context(chromium, web_server.url) as phone:
        old = await _said(phone, "my own")
        for one in (desk, old):  # a title that is still to come would be counted
            await expect(one.page.locator("#conversation-list a")).to_have_text(["A fine title"])
        await copy_identity(context, phone)
        number = await stack.model.count_requests()
        await old.send("meant for my own thread")
        await expect(old.page).to_have_url(f"{web_server.url}/")
        await expect(old.page.locator("#conversation-list a")).to_have_count(1)
        await old.page.locator("#conversation-list a").click()
        await old.expect_reply("echo: from the desk")
        assert await stack.model.requests(number) == []
        kept = await old.page.evaluate("Object.keys(localStorage).filter((name) => name.includes('outbox'))")
        assert kept == []


async def test_a_request_in_anothers_name_is_refused(web_server: WebServer, stack: Stack) -> None:
    async with open_client(web_server.url) as client, open_client(web_server.url) as other_client:
        mine = await client.get_person_id()
        assert (await client.request("GET", "/api/conversations", **{"X-Person": mine})).status == 200
        refused = await other_client.request("GET", "/api/conversations", **{"X-Person": mine})
        assert (refused.status, refused.error) == (412, "this browser has another identity now: load the page again")


async def test_whoever_followed_two_links_goes_back_to_who_they_were(web_server: WebServer, stack: Stack) -> None:
    async with (
        open_client(web_server.url) as own,
        open_client(web_server.url) as first,
        open_client(web_server.url) as second,
    ):
        was = await own.get_person_id()
        assert (await own.request("POST", "/api/go-back")).status == 409
        for other in (first, second):
            token = (await other.request("POST", "/api/invitation")).body["token"]
            assert (await own.request("POST", "/api/join", {"token": token})).status == 200
            assert await own.get_person_id() == await other.get_person_id()
        assert (await own.request("GET", "/api/me")).body["previous_identity"] is True
        assert (await own.request("POST", "/api/go-back")).status == 200
        assert await own.get_person_id() == was
        assert (await own.request("GET", "/api/me")).body["previous_identity"] is False
