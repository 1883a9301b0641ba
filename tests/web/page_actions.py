"""Actions on the page that several test modules share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import BrowserContext, Locator, Page, Route, expect

from chat_service import handlers, keys
from chat_service.contracts import HistoryRequest
from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack, eventually
from tests.web.browser import ChatPage, open_chat
from tests.web.seeding import seed_conversation

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360f8cf500f00038701802f1ef5480000000049454e44ae426082"
)
"""A picture of one pixel."""
UNAVAILABLE = {"error": "Restate does not answer: try again in a moment."}
"""The body of a response with status 503."""
SCROLL_TO_TOP = """async () => {
    const box = document.getElementById('scroll');
    box.scrollTop = 0;
    for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
}"""
"""Scroll to the top and let the page handle the scroll event."""


async def start_gated_reply(stack: Stack, chat: ChatPage, question: str, *pieces: str) -> int:
    """Send a question and release these pieces of its reply; return the number of the model request to go on with."""
    await stack.model.script(ScriptedResponse(kind="gate"))
    number = await stack.model.count_requests()
    await chat.send(question)
    request = (await stack.model.wait_for_question(question, number)).number
    for piece in pieces:
        await stack.model.release(request, piece)
    return request


async def get_person_id(context: BrowserContext) -> str:
    """Return the public id of the context's identity; create the identity if there is none yet."""
    await context.request.get("/")
    return str((await (await context.request.get("/api/me")).json())["person"])


async def open_seeded_chat(stack: Stack, context: BrowserContext, turns: int, path: str = "/c/long") -> ChatPage:
    """Write a conversation `long` of this many turns into Restate's state and open it."""
    key = keys.web(await get_person_id(context), "long")
    await seed_conversation(stack, key, turns)
    async with stack.ingress() as ingress:

        async def is_readable() -> bool:
            return bool((await ingress.call(handlers.CHAT_GET_HISTORY, key, HistoryRequest(limit=1))).messages)

        await eventually(is_readable)
    return await open_chat(context, path)


async def hide_vision(context: BrowserContext) -> None:
    """Tell the page that the model cannot see pictures; the shared stack's model can."""

    async def patch(route: Route) -> None:
        response = await route.fetch()
        await route.fulfill(response=response, json={**await response.json(), "images": False})

    await context.route("**/api/me", patch)


@asynccontextmanager
async def hold_requests(page: Page, url: str, method: str = "GET") -> AsyncIterator[asyncio.Event]:
    """Hold requests to `url` until the block ends; yields an event that is set at the first one."""
    requested, release, busy = asyncio.Event(), asyncio.Event(), asyncio.Semaphore(50)

    async def hold(route: Route) -> None:
        async with busy:
            if route.request.method == method:
                requested.set()
                await release.wait()
            await route.continue_()

    await page.route(url, hold)
    try:
        yield requested
    finally:
        release.set()
        for _ in range(50):
            await busy.acquire()  # every handler has finished
        await page.unroute(url)


def edit_box(chat: ChatPage) -> Locator:
    """Return the box in which a sent message is edited."""
    return chat.page.get_by_role("textbox", name="Edit message")


async def open_edit_box(chat: ChatPage, index: int) -> Locator:
    """Click Edit of the user's message with this index."""
    question = chat.questions.nth(index)
    await question.hover()
    await question.get_by_role("button", name="Edit").click()
    await expect(edit_box(chat)).to_be_focused()
    return edit_box(chat)


def version_switch(message: Locator, label: str) -> Locator:
    """Return a message's version switch (`‹2/3›`) with this label, such as "Version 2 of 3"."""
    return message.get_by_role("group", name=label, exact=True)


async def expect_texts(chat: ChatPage, *texts: str) -> None:
    """Wait until the conversation shows exactly these messages."""
    await expect(chat.page.locator(".message .text, .message .body")).to_have_text(list(texts))


async def rename_conversation(chat: ChatPage, title: str) -> None:
    """Rename the shown conversation."""
    await chat.page.get_by_role("button", name="Rename").click()
    await chat.page.get_by_role("textbox", name="Conversation title").fill(title)
    await chat.page.keyboard.press("Enter")
