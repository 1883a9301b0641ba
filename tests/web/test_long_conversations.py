"""Long conversations: the page opens at the end, loads older messages on scrolling, and keeps the reading position."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, expect

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.browser import ChatPage, open_chat
from tests.web.page_actions import open_seeded_chat, start_gated_reply

pytestmark = pytest.mark.browser

TURNS = 162
MAX_MESSAGES_IN_PAGE = 280
LOAD_OLDER = """async () => {
    const box = document.getElementById('scroll');
    const messages = () => [...document.querySelectorAll('.message')];
    const first = messages()[0].id;
    box.scrollTop = 300;
    const edge = box.getBoundingClientRect().top;
    const visible = messages().find((message) => message.getBoundingClientRect().bottom > edge);
    const before = visible.getBoundingClientRect().top;
    const deadline = Date.now() + 20000;
    while (messages()[0].id === first && Date.now() < deadline) await new Promise(requestAnimationFrame);
    if (messages()[0].id === first) throw new Error('no older messages were loaded');
    return visible.getBoundingClientRect().top - before;
}"""
"""Scroll near the top and wait for older messages; return by how many pixels the topmost visible message moved."""
WAIT_FOR_REST = """async () => {
    const box = document.getElementById('scroll');
    for (let top = -1, frames = 0; frames < 6; top = box.scrollTop) {
        await new Promise(requestAnimationFrame);
        frames = box.scrollTop === top ? frames + 1 : 0;
    }
    return [box.scrollTop, box.scrollHeight - box.clientHeight - box.scrollTop];
}"""
"""Wait until the scroll position is the same in six frames; return it and the distance from the end, in pixels."""


async def scroll_position(chat: ChatPage) -> float:
    """Wait until the page does not scroll any more; return the scroll position."""
    return float((await chat.page.evaluate(WAIT_FOR_REST))[0])


async def distance_from_end(chat: ChatPage) -> float:
    """Wait until the page does not scroll any more; return the distance from the end."""
    return float((await chat.page.evaluate(WAIT_FOR_REST))[1])


async def read_first_lines(chat: ChatPage) -> set[str]:
    """Return the first line of each message in the page."""
    return {text.split("\n")[0] for text in await chat.read_texts()}


def paragraphs(word: str, count: int) -> str:
    """Return paragraphs of a word and a number."""
    return "\n\n".join(f"{word} {number}" for number in range(count))


async def test_a_long_conversation_opens_at_the_end_and_loads_older_messages_without_a_jump(
    context: BrowserContext, stack: Stack
) -> None:
    requests: list[str] = []
    context.on("request", lambda request: requests.append(request.url))
    chat = await open_seeded_chat(stack, context, TURNS)
    await chat.expect_reply(f"reply {TURNS}")
    await expect(chat.last_reply).to_be_in_viewport()
    assert len([url for url in requests if "/api/conversations/long" in url]) <= 3
    assert await chat.messages.count() < 100
    shown, moves, largest_count = await read_first_lines(chat), [], 0
    while "question 1" not in shown:
        moves.append(await chat.page.evaluate(LOAD_OLDER))
        largest_count = max(largest_count, await chat.messages.count())
        shown |= await read_first_lines(chat)
        assert len(moves) < TURNS
    assert max(abs(move) for move in moves) < 1.5, moves
    assert shown == {text for turn in range(1, TURNS + 1) for text in (f"question {turn}", f"reply {turn}")}
    assert largest_count <= MAX_MESSAGES_IN_PAGE, "the page holds only a part of a long conversation"
    await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_visible()
    await chat.page.get_by_role("button", name="Jump to latest").click()
    await expect(chat.last_reply).to_be_in_viewport()
    await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_hidden()


async def test_the_view_follows_a_reply_only_at_the_end(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await stack.model.script(ScriptedResponse(text=paragraphs("line", 60)))
    await chat.send("long")
    await chat.expect_status("answered")
    request = await start_gated_reply(stack, chat, "more", paragraphs("first", 40))
    await expect(chat.page.get_by_text("first 39")).to_be_in_viewport()
    await chat.page.locator("#scroll").hover()
    await chat.page.mouse.wheel(0, -600)
    await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_visible()

    position = await scroll_position(chat)
    await stack.model.release(request, "\n\n" + paragraphs("second", 40))
    await expect(chat.page.get_by_text("second 39")).to_be_attached()
    assert await scroll_position(chat) == position, "the view does not move while the user reads further up"
    await chat.page.get_by_role("button", name="Jump to latest").click()
    await expect(chat.page.get_by_text("second 39")).to_be_in_viewport()
    position = await scroll_position(chat)
    await stack.model.finish(request)
    await chat.expect_status("answered")
    assert await scroll_position(chat) == position, "the end of a reply does not move the view"


async def test_a_small_scroll_up_stops_following(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    request = await start_gated_reply(stack, chat, "long", paragraphs("first", 60))
    await expect(chat.page.get_by_text("first 59")).to_be_in_viewport()
    for device in ("wheel", "keyboard"):
        end = await scroll_position(chat)
        if device == "wheel":
            await chat.page.locator("#scroll").hover()
            await chat.page.mouse.wheel(0, -6)
        else:
            await chat.page.locator("#scroll").focus()
            await chat.page.keyboard.press("ArrowUp")
        await chat.page.wait_for_function("end => document.getElementById('scroll').scrollTop < end", arg=end)
        position = await scroll_position(chat)
        assert end - position <= 40
        await stack.model.release(request, "\n\n" + paragraphs(f"{device} second", 40))
        await expect(chat.page.get_by_text(f"{device} second 39")).to_be_attached()
        assert await scroll_position(chat) == position
        await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_visible()
        await chat.page.keyboard.press("End") if device == "keyboard" else await chat.page.mouse.wheel(0, 90_000)
        await expect(chat.page.get_by_text(f"{device} second 39")).to_be_in_viewport()
        await stack.model.release(request, "\n\n" + paragraphs(f"{device} third", 40))
        await expect(chat.page.get_by_text(f"{device} third 39")).to_be_in_viewport()
    await stack.model.finish(request)


async def test_the_end_is_reached_during_a_smooth_scroll_up(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await stack.model.script(ScriptedResponse(text=paragraphs("line", 200)))
    await chat.send("long")
    await chat.expect_status("answered")
    await expect(chat.page.get_by_text("line 199")).to_be_in_viewport()
    for key in ("button", "End"):
        await chat.page.locator("#scroll").focus()
        for _ in range(3):
            await chat.page.keyboard.press("PageUp")
        if key == "End":
            await chat.page.keyboard.press("End")
        else:
            await chat.page.evaluate("() => document.getElementById('latest').click()")
        assert await distance_from_end(chat) < 1
        await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_hidden()


async def test_the_position_survives_a_reload_and_back(context: BrowserContext, stack: Stack) -> None:
    chat = await open_seeded_chat(stack, context, 61)
    await chat.expect_reply("reply 61")
    message = chat.messages.filter(has_text="question 12")
    while not await message.count():
        await chat.page.evaluate(LOAD_OLDER)
    await message.first.scroll_into_view_if_needed()
    await expect(message.first).to_be_in_viewport()
    await chat.page.reload()
    await expect(message.first).to_be_in_viewport()
    await chat.page.get_by_role("button", name="New conversation").click()
    await expect(chat.questions).to_have_count(0)
    await chat.page.go_back()
    await expect(message.first).to_be_in_viewport()


async def test_a_message_that_is_too_long_for_the_model_is_reported(context: BrowserContext, stack: Stack) -> None:
    await stack.model.script(ScriptedResponse(text="a summary"), ScriptedResponse(text="yes"))
    chat = await open_chat(context)
    await chat.send("word " * 20_000)
    await chat.expect_reply("a summary")
    await expect(chat.last_reply.locator(".error")).to_contain_text("Its middle was left out")
    await chat.send("thank you")
    await chat.expect_reply("yes")
    await expect(chat.last_reply.locator(".error")).to_be_hidden()
