"""Messages written while nothing can be sent: each is sent once, in order, by any window."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.processes import Stack, eventually
from tests.web.browser import ChatPage, open_chat, open_context
from tests.web.web_server import running_web_app

pytestmark = pytest.mark.browser


MESSAGES = "**/messages"
OUTBOX = "Object.keys(localStorage).filter((name) => name.includes(':outbox:'))"


async def open_two_windows(context: BrowserContext) -> tuple[ChatPage, ChatPage]:
    """Open a conversation in two windows."""
    first = await open_chat(context)
    await first.ask("hello")
    second = await open_chat(context, f"/c/{first.conversation}")
    await second.expect_reply("echo: hello")
    return first, second


async def block_sending(target: BrowserContext | Page) -> None:
    """Make every request that sends a message fail."""
    await target.route(MESSAGES, lambda route: route.abort())


async def queue_message(chat: ChatPage, text: str) -> None:
    """Write a message that cannot be sent."""
    await chat.send(text)
    await expect(chat.questions.last).to_contain_text(text)
    await expect(chat.questions.last.locator(".note")).to_contain_text("Not sent yet")


async def expect_answered(chat: ChatPage, *texts: str) -> None:
    """Wait until exactly these messages were sent and answered."""
    await expect(chat.questions.locator(".text")).to_have_text(list(texts))
    await expect(chat.last_reply.locator(".body")).to_contain_text(texts[-1])
    await chat.expect_status("answered")
    await expect(chat.page.locator(".note", has_text="Not sent")).to_have_count(0)


async def expect_empty_outbox(chat: ChatPage) -> None:
    """Wait until the browser keeps no message to send later."""
    await eventually(lambda: chat.page.evaluate(OUTBOX), lambda names: not names)


async def test_messages_of_two_windows_are_sent_in_order(context: BrowserContext) -> None:
    first, second = await open_two_windows(context)
    await block_sending(context)
    texts = ["from one", "from two", "from one again"]
    for chat, text in zip((first, second, first), texts, strict=True):
        await queue_message(chat, text)
    for chat in (first, second):
        await expect(chat.questions.locator(".text")).to_have_text(["hello", *texts])
    await second.questions.nth(1).get_by_role("button", name="Edit").last.click()
    await expect(second.message_box).to_have_value("from one")
    await expect(first.questions.locator(".text")).to_have_text(["hello", *texts[1:]])
    await context.unroute(MESSAGES)
    for chat in (first, second):
        await expect_answered(chat, "hello", *texts[1:])
    await expect_empty_outbox(first)
    await second.page.reload()
    await expect_answered(second, "hello", *texts[1:])


async def test_any_window_sends_the_messages_of_the_others(context: BrowserContext) -> None:
    first, second = await open_two_windows(context)
    for chat in (first, second):
        await block_sending(chat.page)
    await queue_message(first, "from one")
    await queue_message(second, "from two")
    await second.page.unroute(MESSAGES)
    for chat in (first, second):
        await expect_answered(chat, "hello", "from one", "from two")
    await first.page.unroute(MESSAGES)
    await expect_empty_outbox(first)

    address = f"/c/{first.conversation}"
    await block_sending(context)
    await queue_message(first, "from one again")
    await queue_message(second, "from two again")
    for chat in (first, second):
        await chat.page.goto("/no-such-page")
    await context.unroute(MESSAGES)
    for chat in (first, second):
        await chat.page.goto(address)
    for chat in (first, second):
        await expect_answered(chat, "hello", "from one", "from two", "from one again", "from two again")
        await expect_empty_outbox(chat)
    await first.page.reload()
    await expect_answered(first, "hello", "from one", "from two", "from one again", "from two again")


async def test_unsent_messages_of_one_person_are_not_sent_by_the_next(chromium: Browser, stack: Stack) -> None:
    """Two people share a browser; a proxy authenticates them."""
    await stack.model.clear_script()
    proxy = {"web_auth_header": "X-User", "web_trusted_proxies": "127.0.0.1/32"}
    async with (
        running_web_app(stack, **proxy) as url,
        open_context(chromium, url, extra_http_headers={"X-User": "ada"}) as context,
    ):
        number = await stack.model.count_requests()
        chat = await open_chat(context)
        await chat.send("hello")
        await stack.model.wait_for_question("hello", number)
        await chat.page.route("**/messages", lambda route: route.abort())
        await chat.send("only from ada")
        await expect(chat.page.get_by_text("Not sent yet.")).to_be_visible()
        await chat.message_box.fill("a draft of ada")
        number = await stack.model.count_requests()
        await context.set_extra_http_headers({"X-User": "ben"})
        await chat.page.unroute("**/messages")
        await chat.page.reload()
        await expect(chat.page).to_have_url(f"{url}/")
        await expect(chat.page.get_by_text("only from ada")).to_have_count(0)
        keys = await chat.page.evaluate("Object.keys(localStorage).filter((name) => /outbox|draft/.test(name))")
        assert keys == []
        await chat.send("hello from ben")
        await stack.model.wait_for_question("hello from ben", number)
        await chat.page.reload()
        await expect(chat.page.locator(".message .text")).to_have_text(["hello from ben"])
        assert not any("ada" in str(request.body) for request in await stack.model.all_requests(number))
