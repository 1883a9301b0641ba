"""How long people wait for an answer: medians over some questions, one after the other."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable

from tests.fakes.model.protocol import Behaviour

QUESTIONS = 20
STREAMED = Behaviour(text="a word after another " * 40, chunk=20, delay=0.05)
"""A model that begins to speak at once, and speaks for some seconds."""


async def show(ask: Callable[[int], Awaitable[dict[str, float]]]) -> None:
    """Ask and print. `ask` gives what was waited for, in seconds, by name."""
    await ask(0)  # the first also learns who everybody is
    found = [await ask(number) for number in range(1, QUESTIONS + 1)]
    for name in found[0]:
        waits = [one[name] for one in found]
        print(f"{name}: median {statistics.median(waits) * 1000:.0f} ms, worst {max(waits) * 1000:.0f} ms")  # noqa: T201
