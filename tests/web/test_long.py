"""A conversation of 2,000 messages: there at once, at its end; the rest comes as one scrolls."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import BrowserContext, expect

from chat_service import handlers
from chat_service.contracts import HistoryRequest
from tests.fakes.model.protocol import Behaviour
from tests.processes import Stack, eventually
from tests.web.browser import Window, window
from tests.web.seeding import seed
from tests.web.test_windows import gated

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


async def opened(stack: Stack, person: BrowserContext, turns: int, path: str = "/c/long") -> Window:
    """A window on a conversation of this many turns."""
    one = await window(person)
    public = await one.page.evaluate("fetch('/api/me').then((answer) => answer.json()).then((me) => me.person)")
    key = f"web:{public}:long"
    await seed(stack, key, turns)
    async with stack.ingress() as ingress:

        async def there() -> bool:
            return bool((await ingress.call(handlers.CHAT_GET_HISTORY, key, HistoryRequest(limit=1))).messages)

        await eventually(there)
    await one.page.close()
    return await window(person, path)


async def _said(one: Window) -> set[str]:
    return {text.split("\n")[0] for text in await one.texts()}


async def test_two_thousand_messages_open_at_the_end_and_scroll_without_a_jump(
    person: BrowserContext, stack: Stack
) -> None:
    requests: list[str] = []
    person.on("request", lambda request: requests.append(request.url))
    one = await opened(stack, person, TURNS)
    await one.says("reply 1003")
    await expect(one.last).to_be_in_viewport()
    pages = [url for url in requests if "/api/conversations/long" in url]
    assert len(pages) <= 3, "one page of messages, not all of them"
    assert await one.messages.count() < 100
    read, moves, most = await _said(one), [], 0
    while "question 1" not in read:
        most = max(most, await one.messages.count())
        moves.append(await one.page.evaluate(SCROLL_UP))
        read |= await _said(one)
        assert len(moves) < TURNS
    assert max(abs(move) for move in moves) < 1.5, moves
    assert read == {text for turn in range(1, TURNS + 1) for text in (f"question {turn}", f"reply {turn}")}
    assert most <= 280, "the page holds a part of a long conversation, wherever one reads"
    await expect(one.page.get_by_role("button", name="Jump to latest")).to_be_visible()
    await one.page.get_by_role("button", name="Jump to latest").click()
    await expect(one.last).to_be_in_viewport()
    await expect(one.page.get_by_role("button", name="Jump to latest")).to_be_hidden()


async def test_the_view_follows_only_who_is_at_the_bottom(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    await stack.model.script(Behaviour(text="\n\n".join(f"line {n}" for n in range(60))))
    await one.say("long")
    await one.stands("answered")
    await stack.model.script(Behaviour(kind="gate"))
    number = await stack.model.count()
    await one.say("more")
    asked = (await stack.model.wait_for_question("more", number)).number
    await stack.model.release(asked, "\n\n".join(f"first {n}" for n in range(40)))
    await expect(one.page.get_by_text("first 39")).to_be_in_viewport()
    await one.page.locator("#scroll").hover()
    await one.page.mouse.wheel(0, -600)
    await expect(one.page.get_by_role("button", name="Jump to latest")).to_be_visible()

    async def place() -> float:
        return float(await one.page.evaluate("document.getElementById('scroll').scrollTop"))

    held = await _at_rest(place)
    await stack.model.release(asked, "\n\n".join(["", *(f"second {n}" for n in range(40))]))
    await expect(one.page.get_by_text("second 39")).to_be_attached()
    assert await place() == held, "who reads further up is left there"
    await one.page.get_by_role("button", name="Jump to latest").click()
    await expect(one.page.get_by_text("second 39")).to_be_in_viewport()
    before = await _at_rest(place)
    await stack.model.finish(asked)
    await one.stands("answered")
    assert await _at_rest(place) == before, "the end of a reply moves nothing"


@pytest.mark.parametrize("nudge", ["wheel", "key"])
async def test_the_smallest_step_up_lets_go_of_the_end(person: BrowserContext, stack: Stack, nudge: str) -> None:
    one = await window(person)
    asked = await gated(stack, one, "long", "\n\n".join(f"first {n}" for n in range(60)))
    await expect(one.page.get_by_text("first 59")).to_be_in_viewport()

    async def place() -> float:
        return float(await one.page.evaluate("document.getElementById('scroll').scrollTop"))

    end = await _at_rest(place)
    if nudge == "wheel":
        await one.page.locator("#scroll").hover()
        await one.page.mouse.wheel(0, -6)
    else:
        await one.page.locator("#scroll").focus()
        await one.page.keyboard.press("ArrowUp")
    await eventually(place, lambda now: now < end)
    held = await _at_rest(place)
    assert end - held <= 40, "a small step"
    await stack.model.release(asked, "\n\n".join(["", *(f"second {n}" for n in range(40))]))
    await expect(one.page.get_by_text("second 39")).to_be_attached()
    assert await _at_rest(place) == held
    await expect(one.page.get_by_role("button", name="Jump to latest")).to_be_visible()
    await one.page.keyboard.press("End") if nudge == "key" else await one.page.mouse.wheel(0, 90_000)
    await expect(one.page.get_by_text("second 39")).to_be_in_viewport()
    await stack.model.release(asked, "\n\n".join(["", *(f"third {n}" for n in range(40))]))
    await expect(one.page.get_by_text("third 39")).to_be_in_viewport()
    await stack.model.finish(asked)


async def test_the_end_is_reached_also_while_the_keyboard_glides_away_from_it(
    person: BrowserContext, stack: Stack
) -> None:
    one = await window(person)
    asked = await gated(stack, one, "long", "\n\n".join(f"line {n}" for n in range(200)))
    await stack.model.finish(asked)
    await one.stands("answered")
    await expect(one.page.get_by_text("line 199")).to_be_in_viewport()

    async def distance() -> float:
        return float(
            await one.page.evaluate(
                "() => { const one = document.getElementById('scroll');"
                " return one.scrollHeight - one.clientHeight - one.scrollTop; }"
            )
        )

    for key in ("button", "End"):
        await one.page.locator("#scroll").focus()
        for _ in range(3):
            await one.page.keyboard.press("PageUp")
        if key == "End":
            await one.page.keyboard.press("End")
        else:
            await one.page.evaluate("() => document.getElementById('latest').click()")
        assert await _at_rest(distance) < 1
        await expect(one.page.get_by_role("button", name="Jump to latest")).to_be_hidden()


async def _at_rest(place) -> float:  # type: ignore[no-untyped-def]
    while True:
        before = await place()
        await asyncio.sleep(0.1)
        if await place() == before:
            return float(before)


async def test_the_place_survives_a_reload_and_back(person: BrowserContext, stack: Stack) -> None:
    one = await opened(stack, person, 61)
    await one.says("reply 61")
    target = one.messages.filter(has_text="question 12")
    while not await target.count():
        await one.page.evaluate(SCROLL_UP)
    await target.first.scroll_into_view_if_needed()
    await expect(target.first).to_be_in_viewport()
    await one.page.reload()
    await expect(target.first).to_be_in_viewport()
    await one.page.get_by_role("button", name="New conversation").click()
    await expect(one.questions).to_have_count(0)
    await one.page.go_back()
    await expect(target.first).to_be_in_viewport()


async def test_who_writes_more_than_the_model_can_read_is_told(person: BrowserContext, stack: Stack) -> None:
    await stack.model.script(Behaviour(text="a summary"), Behaviour(text="yes"))
    one = await window(person)
    await one.say("word " * 20_000)
    await one.says("a summary")
    await expect(one.last.locator(".error")).to_contain_text("Its middle was left out")
    await one.say("thank you")
    await one.says("yes")
    await expect(one.last.locator(".error")).to_be_hidden()
