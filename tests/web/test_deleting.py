"""A conversation whose deletion can still be undone is kept by whoever wants it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import BrowserContext, expect

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.browser import ChatPage, open_chat
from tests.web.page_actions import edit_box, open_edit_box

pytestmark = pytest.mark.browser

KEPT = "Conversation kept"


async def test_what_is_opened_again_is_kept(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await chat.send("hello")
    await expect(chat.page.locator("#conversation-list a")).to_have_text("A fine title")
    await chat.page.get_by_role("button", name="Delete").click()
    await expect(chat.page.locator("#conversation-list a")).to_have_count(0)
    await chat.page.go_back()
    await chat.expect_reply("echo: hello")
    await expect(chat.page.locator("#toast-text")).to_have_text(KEPT)
    await expect(chat.page.locator("#conversation-list a")).to_have_count(1)
    await chat.send("go on")
    await chat.expect_reply("echo: go on")
    await chat.page.reload()  # whoever leaves a page means the deletions that can still be undone there
    await expect(chat.questions).to_have_count(2)
    await chat.page.get_by_role("button", name="Delete").click()
    await chat.page.get_by_role("button", name="Undo").click()
    await expect(chat.questions).to_have_count(2)
    await expect(chat.page.locator("#toast")).to_be_hidden()


async def test_what_is_written_in_elsewhere_is_kept(context: BrowserContext) -> None:
    first = await open_chat(context)
    await first.send("hello")
    await expect(first.page.locator("#conversation-list a")).to_have_text("A fine title")
    second = await open_chat(context, f"/c/{first.conversation}")
    await second.expect_reply("echo: hello")
    await first.page.get_by_role("button", name="Delete").click()
    await second.send("go on")
    await expect(first.page.locator("#toast-text")).to_have_text(KEPT)
    await expect(first.page.locator("#conversation-list a")).to_have_count(1)
    await expect(first.message_box).to_be_focused()
    await first.page.close()
    await second.expect_reply("echo: go on")
    await second.page.reload()
    await expect(second.questions).to_have_count(2)


async def renames(chat: ChatPage) -> None:
    """Give the conversation another name."""
    await chat.page.get_by_role("button", name="Rename").click()
    await chat.page.get_by_role("textbox", name="Conversation title").fill("Wanted")
    await chat.page.keyboard.press("Enter")


async def changes(chat: ChatPage) -> None:
    """Ask the question in other words."""
    await (await open_edit_box(chat, 0)).fill("better")
    await edit_box(chat).press("Enter")


async def answers_anew(chat: ChatPage) -> None:
    """Ask for another answer."""
    await chat.last_reply.get_by_role("button", name="Regenerate").click()


async def cannot_send(chat: ChatPage) -> None:
    """Write what goes out later."""
    await chat.page.context.route("**/messages", lambda route: route.abort())
    await chat.send("do not lose me")
    await chat.page.context.unroute("**/messages")


@pytest.mark.parametrize("does", [renames, changes, answers_anew, cannot_send])
async def test_what_is_worked_with_elsewhere_is_kept(context: BrowserContext, does: Callable[[ChatPage], Any]) -> None:
    first = await open_chat(context)
    await first.send("hello")
    await expect(first.page.locator("#conversation-list a")).to_have_text("A fine title")
    second = await open_chat(context, f"/c/{first.conversation}")
    await second.expect_reply("echo: hello")
    await second.expect_status("answered")
    await first.page.get_by_role("button", name="Delete").click()
    await expect(first.page.locator("#conversation-list a")).to_have_count(0)
    await does(second)
    await expect(first.page.locator("#toast-text")).to_have_text(KEPT)
    await expect(first.page.locator("#conversation-list a")).to_have_count(1)
    await first.page.close()
    await second.expect_status("answered")
    await second.page.reload()
    await expect(second.replies).to_have_count(2 if does is cannot_send else 1)


async def test_a_reply_that_ends_by_itself_keeps_nothing(context: BrowserContext, stack: Stack) -> None:
    first = await open_chat(context)
    await first.send("hello")
    await expect(first.page.locator("#conversation-list a")).to_have_text("A fine title")
    second = await open_chat(context, f"/c/{first.conversation}")
    number = await stack.model.count_requests()
    await stack.model.script(ScriptedResponse(kind="gate"))
    await first.send("go on")
    asked = (await stack.model.wait_for_question("go on", number)).number
    await second.expect_status("running")
    await first.page.get_by_role("button", name="Delete").click()
    await stack.model.finish(asked)
    await second.expect_status("answered")
    await first.page.close()
    await expect(second.page.get_by_role("heading", name="This conversation was deleted")).to_be_visible()
