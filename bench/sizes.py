"""How much is measured: the whole, a quick look, or deep."""

from __future__ import annotations

from dataclasses import dataclass, replace


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
    idle: conversations that lie idle; 0 leaves that out.
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
    idle: int = 0


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
)
