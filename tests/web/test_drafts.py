"""Drafts: kept per conversation, shared by all windows of a browser."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, FilePayload, expect

from tests.processes import Stack
from tests.web.browser import ChatPage, open_chat
from tests.web.page_actions import open_seeded_chat

pytestmark = pytest.mark.browser


async def test_drafts_are_kept_per_conversation(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await chat.ask("hello")
    await chat.message_box.fill("half a thought")
    await chat.page.get_by_role("button", name="New conversation").click()
    await expect(chat.message_box).to_have_value("")
    await chat.message_box.fill("another")
    await chat.links.click()
    await expect(chat.message_box).to_have_value("half a thought")
    await chat.page.reload()
    await expect(chat.message_box).to_have_value("half a thought")
    await chat.page.get_by_role("button", name="New conversation").click()
    await expect(chat.message_box).to_have_value("another")
    await chat.send("sent")
    await chat.page.get_by_role("button", name="New conversation").click()
    await expect(chat.message_box).to_have_value("")


async def test_draft_of_a_new_conversation_belongs_to_its_window(context: BrowserContext) -> None:
    first = await open_chat(context)
    await first.message_box.fill("half a thought")
    second = await open_chat(context)
    await expect(second.message_box).to_have_value("")
    await second.message_box.fill("another")
    for chat, draft in ((first, "half a thought"), (second, "another")):
        await chat.page.reload()
        await expect(chat.message_box).to_have_value(draft)


async def open_two_windows(context: BrowserContext, stack: Stack) -> tuple[ChatPage, ChatPage]:
    """Open a conversation in two windows."""
    chat = await open_seeded_chat(stack, context, 1)
    return chat, await open_chat(context, f"/c/{chat.conversation}")


async def test_draft_is_shared_by_two_windows(context: BrowserContext, stack: Stack) -> None:
    first, second = await open_two_windows(context, stack)
    await first.message_box.fill("half a thought")
    await expect(second.message_box).to_have_value("half a thought")
    await second.message_box.press("End")
    await second.message_box.press_sequentially(", and the other half")
    await expect(first.message_box).to_have_value("half a thought, and the other half")
    await first.page.reload()
    await expect(first.message_box).to_have_value("half a thought, and the other half")
    await first.page.locator("#picker").set_input_files(
        [FilePayload(name="a.md", mimeType="text/markdown", buffer=b"a")]
    )
    await expect(second.page.locator("#files .file")).to_have_count(1)
    await second.message_box.press("Enter")
    await expect(second.last_reply.locator(".body")).to_contain_text("echo: half a thought, and the other half")
    await expect(first.message_box).to_have_value("")
    await expect(first.page.locator("#files .file")).to_have_count(0)
    await first.page.reload()
    await expect(first.message_box).to_have_value("")


async def test_caret_keeps_its_place_when_another_window_edits(context: BrowserContext, stack: Stack) -> None:
    first, second = await open_two_windows(context, stack)
    await first.message_box.fill("begin end")
    await expect(second.message_box).to_have_value("begin end")
    await first.message_box.evaluate("box => box.setSelectionRange(6, 6)")
    await second.message_box.press("End")
    await second.message_box.press_sequentially("!")
    await expect(first.message_box).to_have_value("begin end!")
    await first.message_box.press_sequentially("to the ")
    await expect(first.message_box).to_have_value("begin to the end!")
    await expect(second.message_box).to_have_value("begin to the end!")


async def test_simultaneous_edits_of_a_draft_are_both_kept(context: BrowserContext, stack: Stack) -> None:
    first, second = await open_two_windows(context, stack)
    # Each window changes the draft before it receives the change of the other.
    await second.message_box.evaluate(
        """box => {
            window.blockEvent = (event) => event.stopImmediatePropagation();
            window.addEventListener('storage', window.blockEvent, true);
        }"""
    )
    await first.message_box.fill("from one")
    await second.message_box.evaluate("box => { box.value = 'from two'; }")
    await second.page.evaluate(
        """() => {
            window.removeEventListener('storage', window.blockEvent, true);
            const key = Object.keys(localStorage).find((name) => name.includes(':draft:'));
            window.dispatchEvent(new StorageEvent('storage', { key, oldValue: null, newValue: localStorage[key] }));
        }"""
    )
    await expect(second.message_box).to_have_value("from two")
    await expect(first.message_box).to_have_value("from one")
    await second.message_box.press("End")
    await second.message_box.press_sequentially(" too")
    await expect(first.message_box).to_have_value("from one")
    await second.page.reload()
    for chat in (first, second):
        await expect(chat.message_box).to_have_value("from one\n\nfrom two too")
