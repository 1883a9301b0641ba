"""Conversation titles: generated, renamed, and shown at once in every window."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, expect

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.browser import ChatPage, open_chat
from tests.web.page_actions import rename_conversation, start_gated_reply

pytestmark = pytest.mark.browser


async def expect_title(chat: ChatPage, title: str) -> None:
    """Wait until the heading, the list and the tab show this title."""
    await expect(chat.links.first).to_have_text(title)
    await expect(chat.page.locator("h1")).to_have_text(title)
    await expect(chat.page).to_have_title(f"{title} · Threadwell")


async def test_generated_title_never_replaces_a_rename(context: BrowserContext, stack: Stack) -> None:
    """Titles are generated after the first and the third turn; the first one arrives after the rename."""
    await stack.model.script_titles(
        ScriptedResponse(kind="gate"), ScriptedResponse(text="First thoughts"), ScriptedResponse(text="At last")
    )
    number = await stack.model.count_requests()
    first = await open_chat(context)
    await first.ask("hello")
    late_title = await stack.model.wait_for_title(number)
    await rename_conversation(first, "By hand")
    await expect(first.page.locator("h1")).to_have_text("By hand")
    await stack.model.release(late_title, "Too late")
    await stack.model.finish(late_title)

    second = await open_chat(context)
    await second.send("hello")
    await expect(second.page.locator("h1")).to_have_text("First thoughts")
    for text in ("more", "and more"):
        for chat in (first, second):
            await chat.ask(text)
    await expect(second.page.locator("h1")).to_have_text("At last")
    for reload in (False, True):
        if reload:
            await first.page.reload()
        await expect(first.page.locator("h1")).to_have_text("By hand")
        for title in ("By hand", "At last"):
            await expect(first.page.locator("#conversation-list a", has_text=title)).to_have_count(1)
        await expect(first.links).to_have_count(2)


async def test_rename_while_a_reply_streams_shows_in_all_windows(context: BrowserContext, stack: Stack) -> None:
    first = await open_chat(context)
    request = await start_gated_reply(stack, first, "hello")
    second = await open_chat(context, f"/c/{first.conversation}")
    await stack.model.release(request, "So far")
    await second.expect_reply("So far")
    await rename_conversation(first, "Tea <b>time</b>")
    for chat in (first, second):
        await expect_title(chat, "Tea <b>time</b>")
    await first.page.get_by_role("button", name="Rename").click()
    await first.page.keyboard.press("Escape")
    await expect_title(first, "Tea <b>time</b>")
    await first.page.reload()
    await first.expect_status("running")
    await expect_title(first, "Tea <b>time</b>")
    await stack.model.finish(request)
    for chat in (first, second):
        await chat.expect_status("answered")
        await expect_title(chat, "Tea <b>time</b>")


async def test_heading_list_and_tab_show_the_same_title(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    request = await start_gated_reply(stack, chat, "where do swallows sleep")
    await expect_title(chat, "where do swallows sleep")
    number = await stack.model.count_requests()
    await stack.model.script_titles(ScriptedResponse(kind="gate"))
    await stack.model.finish(request)
    title = await stack.model.wait_for_title(number)
    await chat.expect_status("answered")
    await expect_title(chat, "where do swallows sleep")
    await stack.model.release(title, "Sleeping swallows")
    await stack.model.finish(title)
    await expect_title(chat, "Sleeping swallows")
