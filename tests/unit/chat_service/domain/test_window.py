"""How many messages `Chat` holds while a conversation grows, and which of them scroll out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat_service.contracts import Inbound, Message
from chat_service.domain import context, summary_policy
from chat_service.domain.conversation import Conversation
from chat_service.domain.window import MAX_SHOWN, MIN_SHOWN, PAGE_SIZE
from chat_service.storage.state import Meta, Recent, TurnResult

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def window_sizes(turns: int, lag: int = 1, messages_per_turn: int = 1) -> list[int]:
    """Return the number of held messages before each turn. A summary arrives `lag` turns after it was requested."""
    conversation = Conversation(Meta(), Recent())
    held: list[int] = []
    requested: list[tuple[int, int]] = []
    scrolled = 0
    for turn in range(1, turns + 1):
        held.append(len(conversation.recent.messages))
        conversation.open_turn([Inbound(message="hi")] * messages_per_turn, "inv", START)
        conversation.close_turn(TurnResult(status="answered", text="ho", at=START))
        upto = summary_policy.needed_summary_upto(conversation, context.Budget(50_000))
        if upto is not None:
            conversation.meta.summary_requested_upto = upto
            requested.append((turn + lag, upto))
        while requested and requested[0][0] <= turn:
            conversation.apply_summary("s", requested.pop(0)[1], 0)
        is_late = len(conversation.recent.messages) > MAX_SHOWN
        removed = [m.seq for m in conversation.scroll_out()]
        assert removed == list(range(scrolled + 1, scrolled + 1 + len(removed))), "no gap, no duplicate"
        scrolled += len(removed)
        assert is_late or scrolled <= conversation.verbatim_after, "messages that no summary covers are held"
        assert len(conversation.recent.messages) >= min(MIN_SHOWN, conversation.meta.next_seq - 1)
    return held


@pytest.mark.parametrize("lag", [0, 1, 2])
def test_window_sizes_repeat_every_ten_turns_from_turn_10_on(lag: int) -> None:
    held = window_sizes(1_000, lag)
    assert len({tuple(sorted(held[start : start + PAGE_SIZE // 2])) for start in range(10, 990)}) == 1


@given(st.integers(0, 6), st.integers(1, 4))
@settings(max_examples=28)
def test_window_is_bounded(lag: int, messages_per_turn: int) -> None:
    assert max(window_sizes(80, lag, messages_per_turn)) <= MAX_SHOWN


def test_oldest_page_scrolls_out_without_a_summary() -> None:
    messages = [
        Message(seq=n, turn=(n + 1) // 2, role="user" if n % 2 else "assistant", text="x", at=START)
        for n in range(1, MAX_SHOWN + 3)
    ]
    conversation = Conversation(Meta(next_seq=len(messages) + 1), Recent(messages=messages))
    assert [m.seq for m in conversation.scroll_out()] == list(range(1, PAGE_SIZE + 1))
    assert not conversation.scroll_out()
