"""What windows write while nothing can be sent: each message goes out, once, whoever comes back first."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.processes import eventually
from tests.web.browser import ChatPage, open_chat

pytestmark = pytest.mark.browser

SENDING = "**/messages"


async def begun(context: BrowserContext) -> tuple[ChatPage, ChatPage]:
    """Two windows of one conversation."""
    first = await open_chat(context)
    await first.send("hello")
    await first.expect_reply("echo: hello")
    second = await open_chat(context, f"/c/{first.conversation}")
    await second.expect_reply("echo: hello")
    return first, second


async def cut(way: BrowserContext | Page) -> None:
    """Nothing is sent from here any more."""
    await way.route(SENDING, lambda route: route.abort())


async def queue(chat: ChatPage, text: str) -> None:
    """Write what cannot be sent."""
    await chat.send(text)
    await expect(chat.questions.last).to_contain_text(text)
    await expect(chat.questions.last.locator(".note")).to_contain_text("Not sent yet")


async def asked(chat: ChatPage, *lines: str) -> None:
    """Wait until this was asked, and all of it answered."""
    await expect(chat.questions.locator(".text")).to_have_text(list(lines))
    await expect(chat.last_reply.locator(".body")).to_contain_text(lines[-1])
    await chat.expect_status("answered")
    await expect(chat.page.locator(".note", has_text="Not sent")).to_have_count(0)


async def lies(chat: ChatPage) -> list[str]:
    """What the browser keeps to send it later."""
    return list(await chat.page.evaluate("Object.keys(localStorage).filter((name) => name.includes(':outbox:'))"))


async def test_what_two_windows_queue_by_turns_is_all_sent_in_order(context: BrowserContext) -> None:
    first, second = await begun(context)
    await cut(context)
    lines = ["from one", "from two", "from one again"]
    for chat, text in zip((first, second, first), lines, strict=True):
        await queue(chat, text)
    for chat in (first, second):
        await expect(chat.questions.locator(".text")).to_have_text(["hello", *lines])
    await context.unroute(SENDING)
    for chat in (first, second):
        await asked(chat, "hello", *lines)
    await eventually(lambda: lies(first), lambda names: not names)
    await second.page.reload()
    await asked(second, "hello", *lines)


async def test_whichever_window_comes_back_first_sends_for_the_others(context: BrowserContext) -> None:
    first, second = await begun(context)
    for chat in (first, second):
        await cut(chat.page)
    await queue(first, "from one")
    await queue(second, "from two")
    await second.page.unroute(SENDING)
    for chat in (first, second):
        await asked(chat, "hello", "from one", "from two")
    await first.page.unroute(SENDING)
    await queue_is_empty_and_sends_once(first, second)


async def queue_is_empty_and_sends_once(*windows: ChatPage) -> None:
    """Nothing lies here, and who comes later has nothing to send again."""
    for chat in windows:
        await eventually(lambda chat=chat: lies(chat), lambda names: not names)  # type: ignore[misc]
        await chat.page.reload()
        await asked(chat, "hello", "from one", "from two")


async def test_what_was_queued_outlives_all_windows(context: BrowserContext) -> None:
    first, second = await begun(context)
    address = f"/c/{first.conversation}"
    await cut(context)
    await queue(first, "from one")
    await queue(second, "from two")
    for chat in (first, second):
        await chat.page.close()
    await context.unroute(SENDING)
    later = [await open_chat(context, address) for _ in range(2)]
    for chat in later:
        await asked(chat, "hello", "from one", "from two")
    await queue_is_empty_and_sends_once(*later)


async def test_what_is_taken_back_in_one_window_is_sent_by_none(context: BrowserContext) -> None:
    first, second = await begun(context)
    await cut(context)
    await queue(first, "from one")
    await queue(second, "from two")
    await second.questions.nth(1).get_by_role("button", name="Edit").last.click()
    await expect(second.message_box).to_have_value("from one")
    await expect(first.questions.locator(".text")).to_have_text(["hello", "from two"])
    await context.unroute(SENDING)
    for chat in (first, second):
        await asked(chat, "hello", "from two")
