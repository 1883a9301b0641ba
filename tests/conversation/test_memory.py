"""The rolling summary: made beside the conversation, delaying nobody, losing nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_service import handlers
from chat_service.contracts import (
    Author,
    ConfigureRequest,
    EditRequest,
    Inbound,
    Message,
    Overrides,
)
from chat_service.domain import context, summary_policy
from chat_service.domain.conversation import Conversation
from chat_service.domain.window import MAX_SHOWN, MIN_SHOWN, PAGE_SIZE, SUMMARY_THRESHOLD
from chat_service.ingress import IngressClient
from chat_service.storage.state import Meta, ModelLimits, Recent, TurnResult
from tests.conversation.talk import read_history, send_message
from tests.conversation.test_context import START
from tests.fakes.model.protocol import ScriptedResponse, ModelRequest, text_of
from tests.processes import Stack, eventually

TURNS_TO_A_SUMMARY = SUMMARY_THRESHOLD // 2


async def talk(ingress: IngressClient, key: str, turns: int) -> None:
    for number in range(turns):
        assert (await send_message(ingress, key, f"line {number}")).status == "answered"


async def last_prompt(stack: Stack, text: str, after: int) -> list[str]:
    return [text_of(m) for m in (await stack.model.wait_for_question(text, after)).body["messages"]]


async def read_summary(stack: Stack, key: str) -> dict[str, object]:
    meta = await meta_of(stack, key)
    return {"text": meta.summary, "upto": meta.summary_upto}


async def meta_of(stack: Stack, key: str) -> Meta:
    rows = await stack.query(
        f"SELECT value_utf8 FROM state WHERE service_name = 'Chat' AND service_key = '{key}' AND key = 'meta'"
    )
    return Meta.model_validate_json(rows[0]["value_utf8"])


async def test_a_fact_from_turn_3_is_answered_at_turn_300(ingress: IngressClient, key: str) -> None:
    await talk(ingress, key, 2)
    await send_message(ingress, key, "by the way, my name is Ada, and I like tea")
    await talk(ingress, key, 296)
    reply = await send_message(ingress, key, "what is my name?")
    assert (reply.turn, reply.reply) == (300, "Your name is Ada.")


async def test_the_summary_stands_for_what_it_covers_and_the_rest_stays_word_for_word(
    ingress: IngressClient, stack: Stack, key: str
) -> None:
    first = await stack.model.count_requests()
    await send_message(ingress, key, "my name is Ada", author=Author(id="1", name="A. L."))
    await talk(ingress, key, TURNS_TO_A_SUMMARY - 1)
    summary = await eventually(lambda: read_summary(stack, key), lambda seen: seen["upto"])
    assert summary["text"] == "A. L.: my name is Ada"
    asked = next(one for one in await stack.model.all_requests(first) if one.is_summary)
    for kept in ("name", "decision", "preference", "open question"):
        assert kept in text_of(asked.body["messages"][0])
    number = await stack.model.count_requests()
    await send_message(ingress, key, "yes")
    system, *rest = await last_prompt(stack, "yes", number)
    assert f"{summary_policy.HEADING}\nA. L.: my name is Ada" in system
    upto = int(str(summary["upto"]))
    assert rest[0] == f"line {upto // 2 - 1}", "what is in the summary is not sent twice, and nothing is left out"
    assert rest[-1] == "yes" and len(rest) == 2 * (TURNS_TO_A_SUMMARY - upto // 2) + 1


async def test_while_a_summary_is_being_made_messages_are_answered_as_ever(
    ingress: IngressClient, stack: Stack, key: str
) -> None:
    number = await stack.model.count_requests()
    await stack.model.script_summaries(ScriptedResponse(kind="gate"))
    await talk(ingress, key, TURNS_TO_A_SUMMARY)
    asked = await stack.model.wait_for_summary(number)
    await talk(ingress, key, 3)
    await stack.model.release(asked, "They counted lines.")
    await stack.model.finish(asked)
    summary = await eventually(lambda: read_summary(stack, key), lambda seen: seen["upto"])
    assert summary["text"] == "They counted lines."


async def test_words_that_were_edited_are_told_by_no_summary(ingress: IngressClient, stack: Stack, key: str) -> None:
    await send_message(ingress, key, "my name is Ada", id="m1")
    await talk(ingress, key, TURNS_TO_A_SUMMARY - 1)
    await eventually(lambda: read_summary(stack, key), lambda seen: seen["text"] == "Person: my name is Ada")
    await ingress.send(handlers.QUEUE_EDIT, key, EditRequest(id="m1", message="my name is Bob"))
    await eventually(lambda: read_summary(stack, key), lambda seen: seen["text"] == "Person: my name is Bob")
    assert (await send_message(ingress, key, "what is my name?")).reply == "Your name is Bob."


async def test_a_summary_that_fails_loses_nothing(ingress: IngressClient, stack: Stack, key: str) -> None:
    """What scrolled out meanwhile is read from the history by the next one."""
    refused = ScriptedResponse(kind="fail", status=400, body={"error": {"message": "no"}})
    await stack.model.script_summaries(*[refused] * 50)
    await send_message(ingress, key, "my name is Ada")
    await talk(ingress, key, MAX_SHOWN // 2)  # so the first page has scrolled out
    assert (await read_summary(stack, key))["upto"] == 0
    await stack.model.clear_script()
    await talk(ingress, key, summary_policy.RETRY_AFTER_MESSAGES)
    await eventually(lambda: read_summary(stack, key), lambda seen: seen["upto"])
    assert (await send_message(ingress, key, "what is my name?")).reply == "Your name is Ada."


async def test_a_reset_is_not_undone_by_a_summary_that_comes_late(
    ingress: IngressClient, stack: Stack, key: str
) -> None:
    number = await stack.model.count_requests()
    await stack.model.script_summaries(ScriptedResponse(kind="gate"))
    await send_message(ingress, key, "my name is Ada")
    await talk(ingress, key, TURNS_TO_A_SUMMARY)
    asked = await stack.model.wait_for_summary(number)
    await ingress.call(handlers.CHAT_RESET, key, None)
    await stack.model.release(asked, "my name is Ada")
    await stack.model.finish(asked)

    async def unfinished() -> int:
        rows = await stack.query("SELECT count(1) AS n FROM sys_invocation WHERE status != 'completed'")
        return int(rows[0]["n"])

    await eventually(unfinished, lambda n: n == 0)
    assert (await send_message(ingress, key, "what is my name?")).reply == "I do not know your name."


async def test_the_prompt_is_append_only_between_two_summaries(ingress: IngressClient, stack: Stack, key: str) -> None:
    first = await stack.model.count_requests()
    await talk(ingress, key, 60)
    prompts = [s.body["messages"] for s in (await stack.model.requests()) if s.number >= first and _of(s, "line")]
    kept = sum(later[: len(earlier)] == earlier for earlier, later in pairwise(prompts))
    broken = len(prompts) - 1 - kept
    summaries = await eventually(lambda: summaries_since(stack, first))
    assert 0 < broken <= summaries


async def test_what_a_token_is_worth_is_learned_from_the_providers_own_figures(
    ingress: IngressClient, stack: Stack, key: str
) -> None:
    """Told that a prompt had one token a character, the budget shrinks; told nothing, it stays as it was."""
    characters = 400
    await send_message(ingress, key, "x" * characters)
    assert (first := await learned(stack, key)) != ModelLimits().chars_per_token
    for _ in range(6):
        number = await stack.model.count_requests()
        await send_message(ingress, key, "x" * characters)
    body = (await stack.model.wait_for_request(number)).body
    told = sum(len(text_of(m)) + context.MESSAGE_OVERHEAD for m in body["messages"])
    usage = (await read_history(ingress, key)).messages[-1].usage
    assert usage and usage.prompt
    real = told / usage.prompt
    assert abs(await learned(stack, key) - real) < abs(first - real), "it comes nearer with every turn"


async def test_what_is_learned_of_one_model_holds_for_that_one_alone(
    ingress: IngressClient, stack: Stack, key: str
) -> None:
    """One that can read little leaves the first turn out; the one with room gets it back."""

    async def prompt_of(model: str | None, text: str, *refusals: ScriptedResponse) -> str:
        request = ConfigureRequest(set=Overrides(model=model)) if model else ConfigureRequest(unset=["model"])
        await ingress.call(handlers.CHAT_CONFIGURE, key, request)
        await stack.model.script(*refusals)
        number = await stack.model.count_requests()
        assert (await send_message(ingress, key, text)).status == "answered"
        return "\n".join(await last_prompt(stack, text, number + len(refusals)))

    small = ScriptedResponse(
        kind="fail",
        status=400,
        body={
            "error": {"message": "too long", "type": "exceed_context_size_error", "n_prompt_tokens": 1000, "n_ctx": 600}
        },
    )
    # For the one that can read little all that was said is too much from now on: its summary is not to come here.
    await stack.model.script_summaries(*[ScriptedResponse(kind="fail", status=400)] * 3)
    await send_message(ingress, key, "wombat " * 400)
    assert "wombat" in await prompt_of(None, "one")
    assert "wombat" not in await prompt_of("scripted-large", "two", small)
    assert "wombat" not in await prompt_of("scripted-large", "three")
    assert "wombat" in await prompt_of(None, "four")
    assert "wombat" not in await prompt_of("scripted-large", "five")


async def learned(stack: Stack, key: str) -> float:
    (model,) = (await meta_of(stack, key)).model_limits.values()
    return model.chars_per_token


async def test_a_person_who_comes_back_after_days_is_told_to_the_model(
    ingress: IngressClient, stack: Stack, key: str
) -> None:
    left = datetime(2029, 1, 1, 10, 0, tzinfo=UTC)
    await send_message(ingress, key, "see you", at=left)
    number = await stack.model.count_requests()
    await send_message(ingress, key, "I am back", at=left + timedelta(days=3), author=Author(id="1", name="Ada"))
    _, asked, _, again = [text_of(m) for m in (await stack.model.wait_for_request(number)).body["messages"]]
    assert (asked, again) == ("see you", "[Ada, Thursday 04 January 2029 10:00 UTC]\nI am back")


async def summaries_since(stack: Stack, first: int) -> int:
    return sum(one.is_summary for one in await stack.model.all_requests() if one.number >= first)


def _of(seen: ModelRequest, text: str) -> bool:
    return text in text_of(seen.body["messages"][-1])


# --- the pure part -----------------------------------------------------------------------------------------------


def conversation(sizes: list[int]) -> Conversation:
    messages = [
        Message(seq=seq, turn=(seq + 1) // 2, role="user" if seq % 2 else "assistant", text="x" * size, at=START)
        for seq, size in enumerate(sizes, 1)
    ]
    return Conversation(Meta(next_seq=len(sizes) + 1), Recent(messages=messages))


@given(st.lists(st.integers(1, 4_000), max_size=2 * SUMMARY_THRESHOLD), st.integers(500, 50_000))
def test_what_is_summarised_ends_with_a_turn_and_leaves_the_newest(sizes: list[int], characters: int) -> None:
    even = sizes[: len(sizes) // 2 * 2]
    it = conversation(even)
    upto = summary_policy.needed_summary_upto(it, context.Budget(characters))
    if upto is not None:
        assert upto % 2 == 0 and upto < len(even)
        it.meta.summary_requested_upto = upto
        assert summary_policy.needed_summary_upto(it, context.Budget(characters)) is None, "not asked for twice"
        assert it.apply_summary("s", upto, 0) and not it.apply_summary("s", upto, 0)
        assert it.verbatim_messages()[0].seq == upto + 1
    elif len(even) >= SUMMARY_THRESHOLD:
        pytest.fail("a long conversation wants a summary")


@given(
    st.lists(st.tuples(st.floats(0.0, 0.2), st.floats(0.0, 0.2)), max_size=40),
    st.integers(5_000, 50_000),
    st.floats(0.0, 3.0),
)
def test_what_no_longer_fits_is_in_the_summary(
    sizes: list[tuple[float, float]], characters: int, instructions: float
) -> None:
    """However large questions, replies and the system prompt are, as long as a turn fits at all."""
    budget, system, it = (
        context.Budget(characters),
        "s" * int(characters * instructions),
        Conversation(Meta(), Recent()),
    )
    room = characters - len(summary_policy.prompt_with_summary(system, "long\n" * characters, budget))
    for number, (asked, answered) in enumerate(sizes):
        text = f"<{number}>" + "q" * int(asked * room)
        history = it.verbatim_messages()
        it.open_turn([Inbound(message=text)], "inv", START)
        assert it.meta.running
        told = summary_policy.prompt_with_summary(system, it.meta.summary, budget)
        prompt = context.build_prompt(told, history, it.meta.running.question, budget)
        said = "".join(m.text for m in prompt.messages)
        assert all(m.text in said for m in history), "what no summary covers is there word for word"
        it.close_turn(TurnResult(status="answered", text=f"[{number}]" + "a" * int(answered * room), at=START))
        upto = summary_policy.needed_summary_upto(it, budget, system)
        if upto is not None:
            it.meta.summary_requested_upto = upto
            assert it.apply_summary("long\n" * characters, upto, 0)


def test_a_turn_that_was_answered_anew_after_others_is_summarised_whole_or_not_at_all() -> None:
    for offset in range(12):
        again = conversation([10] * 2 * SUMMARY_THRESHOLD).recent.messages
        again[-14 + offset].turn = again[-1].turn  # its reply came last
        upto = summary_policy.needed_summary_upto(
            Conversation(Meta(next_seq=len(again) + 1), Recent(messages=again)), context.Budget(50_000)
        )
        assert upto
        assert not {m.turn for m in again if m.seq <= upto} & {m.turn for m in again if m.seq > upto}


@given(st.lists(st.integers(1, 9_000), max_size=60), st.integers(1_500, 50_000))
def test_every_piece_fits_beside_the_summary(sizes: list[int], characters: int) -> None:
    budget = context.Budget(characters)
    for lines in summary_policy.transcript_chunks(conversation(sizes).recent.messages, budget):
        assert context.prompt_size(summary_policy.summary_prompt("s" * characters, lines, budget)) <= characters + 200


def test_a_summary_is_clipped_to_its_share() -> None:
    budget = context.Budget(5_000)
    assert len(summary_policy.prompt_with_summary("system", "long\n" * 5_000, budget)) < 1_500
    assert summary_policy.prompt_with_summary("system", "", budget) == "system"


def grown(turns: int, lag: int = 1, lines: int = 1) -> list[int]:
    """How many messages lie in the window before each turn; a summary comes `lag` turns after it was asked for."""
    it = Conversation(Meta(), Recent())
    held: list[int] = []
    coming: list[tuple[int, int]] = []
    scrolled = 0
    for turn in range(1, turns + 1):
        held.append(len(it.recent.messages))
        it.open_turn([Inbound(message="hi")] * lines, "inv", START)
        it.close_turn(TurnResult(status="answered", text="ho", at=START))
        upto = summary_policy.needed_summary_upto(it, context.Budget(50_000))
        if upto is not None:
            it.meta.summary_requested_upto = upto
            coming.append((turn + lag, upto))
        while coming and coming[0][0] <= turn:
            it.apply_summary("s", coming.pop(0)[1], 0)
        late = len(it.recent.messages) > MAX_SHOWN
        unseen = [m.seq for m in it.scroll_out()]
        assert unseen == list(range(scrolled + 1, scrolled + 1 + len(unseen))), "no gap, and nothing twice"
        scrolled += len(unseen)
        assert late or scrolled <= it.verbatim_after, "what no summary covers stays in sight"
        assert len(it.recent.messages) >= min(MIN_SHOWN, it.meta.next_seq - 1)
    return held


@pytest.mark.parametrize("lag", [0, 1, 2])
def test_from_turn_10_on_the_window_goes_through_the_same_sizes_every_ten_turns(lag: int) -> None:
    held = grown(1_000, lag)
    assert len({tuple(sorted(held[start : start + PAGE_SIZE // 2])) for start in range(10, 990)}) == 1


@given(st.integers(0, 6), st.integers(1, 4))
def test_the_window_is_bounded_however_people_write(lag: int, lines: int) -> None:
    assert max(grown(150, lag, lines)) <= MAX_SHOWN


def test_without_a_summary_the_oldest_page_leaves_the_window_in_the_end() -> None:
    it = conversation([10] * (MAX_SHOWN + 2))
    assert [m.seq for m in it.scroll_out()] == list(range(1, PAGE_SIZE + 1))
    assert not it.scroll_out()
