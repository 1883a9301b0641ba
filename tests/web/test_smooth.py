"""Typing and scrolling while a reply streams into a conversation of 2,000 messages, most of which were read.

A machine's own pace is what the same does in a new conversation: with all 2,000 messages in the page, a key took 6 to
14 times as long to its frame; as it is, as long.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, expect

from tests.processes import Stack
from tests.web.browser import Window, window
from tests.web.test_long import SCROLL_UP, TURNS, opened
from tests.web.test_windows import gated

pytestmark = pytest.mark.browser

WATCH = """() => {
    window.seen = { tasks: [], keys: [], frames: [] };
    new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map((one) => one.duration)))
        .observe({ type: 'longtask' });
    const box = document.getElementById('composer-text');
    box.addEventListener('keydown', () => {
        const at = performance.now();
        requestAnimationFrame(() => setTimeout(() => seen.keys.push(performance.now() - at)));
    });
    let last = performance.now();
    requestAnimationFrame(function next(now) {
        seen.frames.push(now - last);
        last = now;
        requestAnimationFrame(next);
    });
}"""
"""Tasks over 50 ms, the time from a key to its frame, and the time between frames."""
PIECES = 150


AS_SMOOTH = 4
"""Times as long as in a new conversation: room for a busy machine, none for a page that carries everything."""
FRAME = 17.0
"""Milliseconds; nothing is shown faster than this."""


async def _measured(stack: Stack, one: Window, question: str) -> dict[str, float]:
    asked = await gated(stack, one, question, "It begins.\n\n")
    await expect(one.last.locator(".body")).to_contain_text("It begins.")
    await one.page.evaluate(WATCH)

    async def stream() -> None:
        for n in range(PIECES):
            words = f"Sentence {n} of a story that goes on and on. "
            await stack.model.release(asked, words + ("\n\n" if n % 6 == 5 else ""))

    async def type_() -> None:
        await one.box.focus()
        for letter in "a draft that is written while the reply comes":
            await one.page.keyboard.press(letter if letter != " " else "Space")

    async def scroll() -> None:
        await one.page.locator("#scroll").hover()
        for n in range(20):
            await one.page.mouse.wheel(0, -400 if n % 4 else 300)
            await asyncio.sleep(0.03)

    await asyncio.gather(stream(), type_())
    await asyncio.gather(scroll())
    seen = await one.page.evaluate("seen")
    await stack.model.finish(asked)
    await expect(one.last.locator(".body")).to_contain_text(f"Sentence {PIECES - 1}")
    return figures(seen)


def figures(seen: dict[str, Any]) -> dict[str, float]:
    """What a person would notice of it, in milliseconds."""

    def at(values: list[float], part: float) -> float:
        return round(sorted(values)[int(len(values) * part)], 1)

    return {
        "long tasks": len(seen["tasks"]),
        "longest task": round(max(seen["tasks"], default=0)),
        "key to frame, median": at(seen["keys"], 0.5),
        "key to frame, 95 %": at(seen["keys"], 0.95),
        "between frames, median": at(seen["frames"], 0.5),
        "between frames, 95 %": at(seen["frames"], 0.95),
    }


async def test_typing_and_scrolling_stay_smooth_in_a_long_conversation(person: BrowserContext, stack: Stack) -> None:
    new = await window(person)
    short = await _measured(stack, new, "a long story")
    await new.page.close()
    one = await opened(stack, person, TURNS)
    for _ in range(30):
        await one.page.evaluate(SCROLL_UP)
    await one.page.get_by_role("button", name="Jump to latest").click()
    long = await _measured(stack, one, "another long story")
    if report := os.environ.get("SMOOTHNESS_REPORT"):
        Path(report).write_text(json.dumps({"new": short, "2,000 messages": long}, indent=2))
    for what in ("key to frame, median", "between frames, median"):
        assert long[what] < AS_SMOOTH * max(short[what], FRAME), (what, short, long)
