"""How much is measured: the whole, a quick look, or deep."""

from __future__ import annotations

from dataclasses import dataclass, replace

CROWD = 1280
"""Turns of all conversations of one cell, at most."""


@dataclass(frozen=True)
class Sizes:
    """Attributes:
    rounds: interleaved rounds of every cell of the throughput table.
    at_once: conversations at once.
    turns: of each conversation there.
    alone: conversations, one after the other, where one is at work at a time.
    depth: turns of the one long conversation.
    depth_tail: its last turns, which are the figure.
    flat_depth: turns of the conversation that is compared with a young one.
    flat_rounds: interleaved rounds of that comparison.
    window_turns: replies whose first text is timed in a browser window.
    idle: conversations that lie idle.
    warm: conversations before that: a process has its full size only when it has worked for a while.
    rest_seconds: how long idle processes are watched, and what a disk gets to settle.
    """

    rounds: int = 3
    at_once: tuple[int, ...] = (1, 8, 32, 128)
    turns: int = 25
    alone: int = 4
    depth: int = 1000
    depth_tail: int = 50
    flat_depth: int = 2000
    flat_rounds: int = 15
    window_turns: int = 20
    idle: int = 5000
    warm: int = 1000
    rest_seconds: float = 5.0

    def turns_of(self, at_once: int) -> int:
        """Of each conversation: fewer where there are many, so that no row takes minutes."""
        return max(min(self.turns, CROWD // at_once), 1)


WHOLE = Sizes()
DEEP = replace(WHOLE, depth=10_000, flat_depth=10_000, idle=100_000)
QUICK = Sizes(
    rounds=1,
    at_once=(1, 8, 32),
    turns=6,
    alone=1,
    depth=60,
    depth_tail=20,
    flat_depth=60,
    flat_rounds=3,
    window_turns=3,
    idle=300,
    warm=100,
    rest_seconds=1.0,
)
