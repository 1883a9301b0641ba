"""A conversation of 2,000 messages: there at once, at its end; the rest comes as one scrolls."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import BrowserContext, expect

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack, eventually
from tests.web.browser import ChatPage, open_chat
from tests.web.page_actions import open_seeded_chat, start_gated_reply

pytestmark = pytest.mark.browser

TURNS = 1003
SCROLL_UP = """async () => {
    const box = document.getElementById('scroll');
    const all = () => [...document.querySelectorAll('.message')];
    const first = all()[0].id;
    box.scrollTop = 300;
    const edge = box.getBoundingClientRect().top;
    const read = all().find((one) => one.getBoundingClientRect().bottom > edge);
    const before = read.getBoundingClientRect().top;
    const until = Date.now() + 20000;
    while (all()[0].id === first && Date.now() < until) await new Promise(requestAnimationFrame);
    if (all()[0].id === first) throw new Error('no older messages came');
    return read.getBoundingClientRect().top - before;
}"""
"""Scroll near the top and wait for older messages: how far what was being read has moved."""


async def _said(chat: ChatPage) -> set[str]:
    return {text.split("\n")[0] for text in await chat.read_texts()}


async def test_two_thousand_messages_open_at_the_end_and_scroll_without_a_jump(
    context: BrowserContext, stack: Stack
) -> None:
    requests: list[str] = []
    context.on("request", lambda request: requests.append(request.url))
    chat = await open_seeded_chat(stack, context, TURNS)
    await chat.expect_reply("reply 1003")
    await expect(chat.last_reply).to_be_in_viewport()
    pages = [url for url in requests if "/api/conversations/long" in url]
    assert len(pages) <= 3, "one page of messages, not all of them"
    assert await chat.messages.count() < 100
    read, moves, most = await _said(chat), [], 0
    while "question 1" not in read:
        most = max(most, await chat.messages.count())
        moves.append(await chat.page.evaluate(SCROLL_UP))
        read |= await _said(chat)
        assert len(moves) < TURNS
    assert max(abs(move) for move in moves) < 1.5, moves
    assert read == {text for turn in range(1, TURNS + 1) for text in (f"question {turn}", f"reply {turn}")}
    assert most <= 280, "the page holds a part of a long conversation, wherever one reads"
    await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_visible()
    await chat.page.get_by_role("button", name="Jump to latest").click()
    await expect(chat.last_reply).to_be_in_viewport()
    await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_hidden()


async def test_the_view_follows_only_who_is_at_the_bottom(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await stack.model.script(ScriptedResponse(text="\n\n".join(f"line {n}" for n in range(60))))
    await chat.send("long")
    await chat.expect_status("answered")
    await stack.model.script(ScriptedResponse(kind="gate"))
    number = await stack.model.count_requests()
    await chat.send("more")
    asked = (await stack.model.wait_for_question("more", number)).number
    await stack.model.release(asked, "\n\n".join(f"first {n}" for n in range(40)))
    await expect(chat.page.get_by_text("first 39")).to_be_in_viewport()
    await chat.page.locator("#scroll").hover()
    await chat.page.mouse.wheel(0, -600)
    await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_visible()

    async def place() -> float:
        return float(await chat.page.evaluate("document.getElementById('scroll').scrollTop"))

    held = await _at_rest(place)
    await stack.model.release(asked, "\n\n".join(["", *(f"second {n}" for n in range(40))]))
    await expect(chat.page.get_by_text("second 39")).to_be_attached()
    assert await place() == held, "who reads further up is left there"
    await chat.page.get_by_role("button", name="Jump to latest").click()
    await expect(chat.page.get_by_text("second 39")).to_be_in_viewport()
    before = await _at_rest(place)
    await stack.model.finish(asked)
    await chat.expect_status("answered")
    assert await _at_rest(place) == before, "the end of a reply moves nothing"


@pytest.mark.parametrize("nudge", ["wheel", "key"])
async def test_the_smallest_step_up_lets_go_of_the_end(context: BrowserContext, stack: Stack, nudge: str) -> None:
    chat = await open_chat(context)
    asked = await start_gated_reply(stack, chat, "long", "\n\n".join(f"first {n}" for n in range(60)))
    await expect(chat.page.get_by_text("first 59")).to_be_in_viewport()

    async def place() -> float:
        return float(await chat.page.evaluate("document.getElementById('scroll').scrollTop"))

    end = await _at_rest(place)
    if nudge == "wheel":
        await chat.page.locator("#scroll").hover()
        await chat.page.mouse.wheel(0, -6)
    else:
        await chat.page.locator("#scroll").focus()
        await chat.page.keyboard.press("ArrowUp")
    await eventually(place, lambda now: now < end)
    held = await _at_rest(place)
    assert end - held <= 40, "a small step"
    await stack.model.release(asked, "\n\n".join(["", *(f"second {n}" for n in range(40))]))
    await expect(chat.page.get_by_text("second 39")).to_be_attached()
    assert await _at_rest(place) == held
    await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_visible()
    await chat.page.keyboard.press("End") if nudge == "key" else await chat.page.mouse.wheel(0, 90_000)
    await expect(chat.page.get_by_text("second 39")).to_be_in_viewport()
    await stack.model.release(asked, "\n\n".join(["", *(f"third {n}" for n in range(40))]))
    await expect(chat.page.get_by_text("third 39")).to_be_in_viewport()
    await stack.model.finish(asked)


async def test_the_end_is_reached_also_while_the_keyboard_glides_away_from_it(
    context: BrowserContext, stack: Stack
) -> None:
    chat = await open_chat(context)
    asked = await start_gated_reply(stack, chat, "long", "\n\n".join(f"line {n}" for n in range(200)))
    await stack.model.finish(asked)
    await chat.expect_status("answered")
    await expect(chat.page.get_by_text("line 199")).to_be_in_viewport()

    async def distance() -> float:
        return float(
            await chat.page.evaluate(
                "() => { const one = document.getElementById('scroll');"
                " return one.scrollHeight - one.clientHeight - one.scrollTop; }"
            )
        )

    for key in ("button", "End"):
        await chat.page.locator("#scroll").focus()
        for _ in range(3):
            await chat.page.keyboard.press("PageUp")
        if key == "End":
            await chat.page.keyboard.press("End")
        else:
            await chat.page.evaluate("() => document.getElementById('latest').click()")
        assert await _at_rest(distance) < 1
        await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_hidden()


async def _at_rest(place) -> float:  # type: ignore[no-untyped-def]
    while True:
        before = await place()
        await asyncio.sleep(0.1)
        if await place() == before:
            return float(before)


async def test_the_place_survives_a_reload_and_back(context: BrowserContext, stack: Stack) -> None:
    chat = await open_seeded_chat(stack, context, 61)
    await chat.expect_reply("reply 61")
    target = chat.messages.filter(has_text="question 12")
    while not await target.count():
        await chat.page.evaluate(SCROLL_UP)
    await target.first.scroll_into_view_if_needed()
    await expect(target.first).to_be_in_viewport()
    await chat.page.reload()
    await expect(target.first).to_be_in_viewport()
    await chat.page.get_by_role("button", name="New conversation").click()
    await expect(chat.questions).to_have_count(0)
    await chat.page.go_back()
    await expect(target.first).to_be_in_viewport()


async def test_who_writes_more_than_the_model_can_read_is_told(context: BrowserContext, stack: Stack) -> None:
    await stack.model.script(ScriptedResponse(text="a summary"), ScriptedResponse(text="yes"))
    chat = await open_chat(context)
    await chat.send("word " * 20_000)
    await chat.expect_reply("a summary")
    await expect(chat.last_reply.locator(".error")).to_contain_text("Its middle was left out")
    await chat.send("thank you")
    await chat.expect_reply("yes")
    await expect(chat.last_reply.locator(".error")).to_be_hidden()
