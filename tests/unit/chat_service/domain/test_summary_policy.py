"""Rules for when a summary is needed and which messages it covers. Prompt and summary contain every message."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat_service.contracts import Inbound, Message
from chat_service.domain import context, summary_policy
from chat_service.domain.conversation import Conversation
from chat_service.domain.window import SUMMARY_THRESHOLD
from chat_service.storage.state import Meta, Recent, TurnResult

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def make_conversation(sizes: list[int]) -> Conversation:
    """Return a conversation with messages of these sizes, questions and replies in turn."""
    messages = [
        Message(seq=seq, turn=(seq + 1) // 2, role="user" if seq % 2 else "assistant", text="x" * size, at=START)
        for seq, size in enumerate(sizes, 1)
    ]
    return Conversation(Meta(next_seq=len(sizes) + 1), Recent(messages=messages))


@given(st.lists(st.integers(1, 4_000), max_size=2 * SUMMARY_THRESHOLD), st.integers(500, 50_000))
@settings(max_examples=80)
def test_summary_ends_with_a_complete_turn_and_omits_the_newest_messages(sizes: list[int], characters: int) -> None:
    even = sizes[: len(sizes) // 2 * 2]
    conversation = make_conversation(even)
    upto = summary_policy.needed_summary_upto(conversation, context.Budget(characters))
    if upto is not None:
        assert upto % 2 == 0 and upto < len(even)
        conversation.meta.summary_requested_upto = upto
        assert summary_policy.needed_summary_upto(conversation, context.Budget(characters)) is None, (
            "it was requested already"
        )
        assert conversation.apply_summary("s", upto, 0) and not conversation.apply_summary("s", upto, 0)
        assert conversation.verbatim_messages()[0].seq == upto + 1
    elif len(even) >= SUMMARY_THRESHOLD:
        pytest.fail("a long conversation needs a summary")


@given(
    st.lists(st.tuples(st.floats(0.0, 0.2), st.floats(0.0, 0.2)), max_size=40),
    st.integers(5_000, 50_000),
    st.floats(0.0, 3.0),
)
@settings(max_examples=60)
def test_messages_that_do_not_fit_the_prompt_are_summarized(
    sizes: list[tuple[float, float]], characters: int, instructions: float
) -> None:
    """This holds for questions, replies and system prompts of any size, as long as one turn fits."""
    budget = context.Budget(characters)
    system = "s" * int(characters * instructions)
    conversation = Conversation(Meta(), Recent())
    room = characters - len(summary_policy.prompt_with_summary(system, "long\n" * characters, budget))
    for number, (question_share, reply_share) in enumerate(sizes):
        question = f"<{number}>" + "q" * int(question_share * room)
        history = conversation.verbatim_messages()
        conversation.open_turn([Inbound(message=question)], "inv", START)
        assert conversation.meta.running
        system_prompt = summary_policy.prompt_with_summary(system, conversation.meta.summary, budget)
        prompt = context.build_prompt(system_prompt, history, conversation.meta.running.question, budget)
        text = "".join(m.text for m in prompt.messages)
        assert all(m.text in text for m in history), "messages that no summary covers are in the prompt"
        conversation.close_turn(
            TurnResult(status="answered", text=f"[{number}]" + "a" * int(reply_share * room), at=START)
        )
        upto = summary_policy.needed_summary_upto(conversation, budget, system)
        if upto is not None:
            conversation.meta.summary_requested_upto = upto
            assert conversation.apply_summary("long\n" * characters, upto, 0)


def test_regenerated_turn_is_summarized_completely_or_not_at_all() -> None:
    for offset in range(12):
        messages = make_conversation([10] * 2 * SUMMARY_THRESHOLD).recent.messages
        messages[-14 + offset].turn = messages[-1].turn  # conversation was regenerated last
        upto = summary_policy.needed_summary_upto(
            Conversation(Meta(next_seq=len(messages) + 1), Recent(messages=messages)), context.Budget(50_000)
        )
        assert upto
        assert not {m.turn for m in messages if m.seq <= upto} & {m.turn for m in messages if m.seq > upto}


@given(st.lists(st.integers(1, 9_000), max_size=60), st.integers(1_500, 50_000))
@settings(max_examples=80)
def test_each_transcript_chunk_fits_the_summary_prompt(sizes: list[int], characters: int) -> None:
    budget = context.Budget(characters)
    for lines in summary_policy.transcript_chunks(make_conversation(sizes).recent.messages, budget):
        assert context.prompt_size(summary_policy.summary_prompt("s" * characters, lines, budget)) <= characters + 200


def test_summary_in_the_prompt_is_clipped() -> None:
    budget = context.Budget(5_000)
    assert len(summary_policy.prompt_with_summary("system", "long\n" * 5_000, budget)) < 1_500
    assert summary_policy.prompt_with_summary("system", "", budget) == "system"
