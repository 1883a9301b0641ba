"""What is being written, in several windows of one browser: one draft, the same in all, and nothing typed is lost."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, FilePayload, expect

from tests.web.browser import ChatPage, open_chat

pytestmark = pytest.mark.browser


async def begun(context: BrowserContext) -> tuple[ChatPage, ChatPage]:
    """Two windows of one conversation."""
    chat = await open_chat(context)
    await chat.send("hello")
    await chat.expect_reply("echo: hello")
    return chat, await open_chat(context, f"/c/{chat.conversation}")


async def test_a_draft_goes_on_in_another_window(context: BrowserContext) -> None:
    first, second = await begun(context)
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


async def test_the_caret_stays_where_somebody_writes(context: BrowserContext) -> None:
    first, second = await begun(context)
    await first.message_box.fill("begin end")
    await expect(second.message_box).to_have_value("begin end")
    await first.message_box.evaluate("box => box.setSelectionRange(6, 6)")
    await second.message_box.press("End")
    await second.message_box.press_sequentially("!")
    await expect(first.message_box).to_have_value("begin end!")
    await first.message_box.press_sequentially("to the ")
    await expect(first.message_box).to_have_value("begin to the end!")
    await expect(second.message_box).to_have_value("begin to the end!")


async def test_what_two_write_at_the_same_moment_is_all_kept(context: BrowserContext) -> None:
    first, second = await begun(context)
    # Each has typed before it could hear of the other.
    await second.message_box.evaluate(
        """box => {
            window.late = (event) => event.stopImmediatePropagation();
            window.addEventListener('storage', window.late, true);
        }"""
    )
    await first.message_box.fill("from one")
    await second.message_box.evaluate("box => { box.value = 'from two'; }")
    await second.page.evaluate(
        """() => {
            window.removeEventListener('storage', window.late, true);
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
