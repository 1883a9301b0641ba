"""The sizes of a run: normal, quick or deep."""

from __future__ import annotations

from dataclasses import dataclass, replace

MAX_CELL_TURNS = 1280
"""Limit for the turns of all conversations in one measurement of the throughput row."""


@dataclass(frozen=True)
class Sizes:
    """The sizes of all rows.

    Attributes:
        rounds: interleaved rounds of the throughput row.
        at_once: numbers of concurrent conversations.
        turns: turns of each conversation in the throughput row.
        alone: conversations, one after the other, where one runs at a time.
        depth: turns of the one long conversation.
        depth_tail: its last turns, which are measured.
        flat_depth: turns of the long conversation that is compared with short ones.
        flat_short: turns of these short conversations.
        flat_rounds: interleaved rounds of that comparison.
        window_turns: replies whose first text is timed in a page.
        idle: idle conversations.
        idle_rounds: interleaved rounds of 20 turns with and without them.
        warm: conversations before them, because a process reaches its full size only after some work.
        rest_seconds: time in which idle processes are watched, and for pending writes to reach the disk.
    """

    rounds: int = 3
    at_once: tuple[int, ...] = (1, 8, 32, 128)
    turns: int = 25
    alone: int = 4
    depth: int = 1000
    depth_tail: int = 50
    flat_depth: int = 2000
    flat_short: tuple[int, ...] = (10, 30)
    flat_rounds: int = 15
    window_turns: int = 20
    idle: int = 5000
    idle_rounds: int = 7
    warm: int = 1000
    rest_seconds: float = 5.0

    def turns_of(self, at_once: int) -> int:
        """Return the turns of each conversation: fewer for many conversations, so that no measurement takes minutes."""
        return max(min(self.turns, MAX_CELL_TURNS // at_once), 1)


NORMAL = Sizes()
DEEP = replace(NORMAL, depth=10_000, flat_depth=10_000, idle=100_000)
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
