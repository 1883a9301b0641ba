"""Deletion of a conversation: undo, and what cancels it."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, Route, expect

from tests.processes import Stack
from tests.web.browser import ChatPage, open_chat
from tests.web.page_actions import UNAVAILABLE, edit_box, open_edit_box, rename_conversation, start_gated_reply

pytestmark = pytest.mark.browser


KEPT = "Conversation kept"


async def test_deletion_can_be_undone_until_the_page_closes(context: BrowserContext) -> None:
    first = await open_chat(context)
    await first.send("hello")
    await expect(first.page.locator("h1")).to_have_text("A fine title")
    address = f"/c/{first.conversation}"
    await first.page.get_by_role("button", name="Delete").click()
    await expect(first.links).to_have_count(0)
    await first.page.get_by_role("button", name="Undo").click()
    await first.expect_reply("echo: hello")
    await expect(first.links).to_have_count(1)
    await first.page.get_by_role("button", name="Delete").click()
    await expect(first.page.locator("#toast")).to_be_visible()
    await first.page.close()  # completes the deletion
    second = await open_chat(context)
    await expect(second.links).to_have_count(0)
    await second.page.goto(address)
    await expect(second.questions).to_have_count(0)


async def test_opening_the_conversation_cancels_its_deletion(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await chat.send("hello")
    await expect(chat.links).to_have_text("A fine title")
    await chat.page.get_by_role("button", name="Delete").click()
    await expect(chat.links).to_have_count(0)
    await chat.page.go_back()
    await chat.expect_reply("echo: hello")
    await expect(chat.toast).to_have_text(KEPT)
    await expect(chat.links).to_have_count(1)
    await chat.ask("go on")
    await chat.page.reload()  # would complete a deletion that was not cancelled
    await expect(chat.questions).to_have_count(2)
    await chat.page.get_by_role("button", name="Delete").click()
    await chat.page.get_by_role("button", name="Undo").click()
    await expect(chat.questions).to_have_count(2)
    await expect(chat.page.locator("#toast")).to_be_hidden()


async def edit_question(chat: ChatPage) -> None:
    """Edit the first message."""
    await (await open_edit_box(chat, 0)).fill("better")
    await edit_box(chat).press("Enter")


async def regenerate(chat: ChatPage) -> None:
    """Regenerate the last reply."""
    await chat.last_reply.get_by_role("button", name="Regenerate").click()


async def queue_message(chat: ChatPage) -> None:
    """Send a message whose first request fails."""
    await chat.page.context.route("**/messages", lambda route: route.abort())
    await chat.send("go on")
    await chat.page.context.unroute("**/messages")


async def rename(chat: ChatPage) -> None:
    """Rename the conversation."""
    await rename_conversation(chat, "Wanted")


async def send_message(chat: ChatPage) -> None:
    """Send a message."""
    await chat.send("go on")


async def test_change_in_another_window_cancels_the_deletion(context: BrowserContext) -> None:
    first = await open_chat(context)
    await first.ask("hello")
    await expect(first.links).to_have_text("A fine title")
    second = await open_chat(context, f"/c/{first.conversation}")
    await second.expect_reply("echo: hello")
    changes = [(send_message, 2), (queue_message, 3), (regenerate, 3), (rename, 3), (edit_question, 1)]
    for change, replies in changes:
        await first.page.get_by_role("button", name="Delete").click()
        await expect(first.toast).to_have_text("Conversation deleted")
        await expect(first.links).to_have_count(0)
        await change(second)
        await expect(first.toast, change.__name__).to_have_text(KEPT)
        await expect(first.links).to_have_count(1)
        await expect(first.message_box).to_be_focused()
        await first.links.click()
        for chat in (first, second):
            await expect(chat.replies).to_have_count(replies)
            await chat.expect_status("answered")
    await first.page.close()  # would complete a deletion that was not cancelled
    await second.page.reload()
    await expect(second.replies).to_have_count(1)


async def test_deletion_during_a_reply_is_final_in_all_windows(context: BrowserContext, stack: Stack) -> None:
    """The end of the reply does not cancel the deletion."""
    first = await open_chat(context)
    await first.send("hello")
    await expect(first.page.locator("h1")).to_have_text("A fine title")
    second = await open_chat(context, f"/c/{first.conversation}")
    await expect(second.page.locator("h1")).to_have_text("A fine title")
    request = await start_gated_reply(stack, first, "go on")
    await second.expect_status("running")
    await first.page.get_by_role("button", name="Delete").click()
    await stack.model.finish(request)
    await second.expect_status("answered")
    await first.page.close()
    await expect(second.questions).to_have_count(0)
    deleted = second.page.get_by_role("heading", name="This conversation was deleted")
    for reload in (False, True):
        if reload:
            await second.page.reload()
        await expect(deleted).to_be_visible()
        await expect(second.page.get_by_role("heading", name="What is on your mind?")).to_be_hidden()
        await expect(second.page.locator("h1")).to_have_text("Deleted conversation")
        await expect(second.page.get_by_role("button", name="Delete")).to_be_hidden()
        await expect(second.links).to_have_count(0)
    deleted_id = second.conversation
    await second.ask("something new")
    assert second.conversation != deleted_id
    await expect(deleted).to_be_hidden()
    await expect(second.links).to_have_attribute("href", f"/c/{second.conversation}")
    await second.page.goto(f"/c/{deleted_id}")
    await expect(deleted).to_be_visible()


async def test_failed_deletion_shows_the_conversation_again(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await chat.send("hello")
    await expect(chat.links).to_have_text("A fine title")

    async def refuse(route: Route) -> None:
        if route.request.method == "DELETE":
            await route.fulfill(status=503, json=UNAVAILABLE)
        else:
            await route.continue_()

    await chat.page.route("**/api/conversations/*", refuse)
    await chat.page.get_by_role("button", name="Delete").click()
    await expect(chat.links).to_have_count(0)
    await expect(chat.toast).to_have_text(f"The conversation could not be deleted. {UNAVAILABLE['error']}")
    await expect(chat.links).to_have_text("A fine title")


async def test_undo_survives_another_notification(context: BrowserContext) -> None:
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    chat = await open_chat(context)
    await chat.ask("keep me")
    await expect(chat.links).to_have_text("A fine title")
    address = f"/c/{chat.conversation}"
    await chat.page.get_by_role("button", name="New", exact=False).first.click()
    await chat.ask("another")
    await chat.page.goto(address)
    await chat.expect_reply("echo: keep me")
    await chat.page.get_by_role("button", name="Delete").click()
    undo = chat.page.get_by_role("button", name="Undo")
    await expect(undo).to_be_visible()
    await chat.links.first.click()
    await chat.expect_reply("echo: another")
    await chat.questions.last.hover()
    await chat.questions.last.get_by_role("button", name="Copy", exact=True).click()
    await expect(chat.toast).to_have_text("Copied · Conversation deleted")
    await undo.click()
    await chat.expect_reply("echo: keep me")
