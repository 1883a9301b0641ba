"""What a conversation is called: said at once, in every window, whatever runs meanwhile."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, expect

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.browser import ChatPage, open_chat
from tests.web.page_actions import start_gated_reply

pytestmark = pytest.mark.browser


async def called(chat: ChatPage, title: str) -> None:
    """Wait until the heading, the list and the tab say this."""
    await expect(chat.page.locator("#conversation-list a").first).to_have_text(title)
    await expect(chat.page.locator("h1")).to_have_text(title)
    await expect(chat.page).to_have_title(f"{title} · Threadwell")


async def test_a_name_given_in_mid_reply_shows_at_once_everywhere(context: BrowserContext, stack: Stack) -> None:
    first = await open_chat(context)
    asked = await start_gated_reply(stack, first, "hello")
    second = await open_chat(context, f"/c/{first.conversation}")
    await stack.model.release(asked, "So far")
    await second.expect_reply("So far")
    await first.page.get_by_role("button", name="Rename").click()
    await first.page.get_by_role("textbox", name="Conversation title").fill("Mine")
    await first.page.keyboard.press("Enter")
    for chat in (first, second):
        await called(chat, "Mine")
    await first.page.reload()
    await first.expect_status("running")
    await called(first, "Mine")
    await stack.model.finish(asked)
    for chat in (first, second):
        await chat.expect_status("answered")
        await called(chat, "Mine")


async def test_the_heading_says_what_the_list_says(context: BrowserContext, stack: Stack) -> None:
    """Nothing else happens while the model is silent."""
    chat = await open_chat(context)
    asked = await start_gated_reply(stack, chat, "where do swallows sleep")
    await called(chat, "where do swallows sleep")
    titled = await stack.model.count_requests()
    await stack.model.script_titles(ScriptedResponse(kind="gate"))
    await stack.model.finish(asked)
    title = await stack.model.wait_for_title(titled)
    await chat.expect_status("answered")
    await called(chat, "where do swallows sleep")
    await stack.model.release(title, "Sleeping swallows")
    await stack.model.finish(title)
    await called(chat, "Sleeping swallows")
