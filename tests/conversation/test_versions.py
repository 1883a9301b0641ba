"""Versions: a reply answered anew, a question asked in other words, and which of them the model sees."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_service import handlers
from chat_service.contracts import (
    Author,
    ChooseRequest,
    ContinueRequest,
    Contract,
    ExportRequest,
    History,
    Inbound,
    Message,
    Reply,
    SearchRequest,
    TurnRequest,
)
from chat_service.contracts.deletion import DeletionScope
from chat_service.domain import context, summary_policy, versions
from chat_service.domain.conversation import Conversation
from chat_service.domain.versions import MAX_VERSIONS
from chat_service.ingress import IngressClient, IngressError
from chat_service.storage.state import Meta, Recent, TurnResult
from tests.conversation.talk import new_web_key, queue_message, read_history, wait_for_turn, send_message, start_message, stop_turn, read_all_texts
from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack, eventually, new_session_key

START = datetime(2026, 1, 1, tzinfo=UTC)
GATE = ScriptedResponse(kind="gate")


class Nothing(Contract):
    """An answer of no interest."""


# --- the rules, as pure functions on a conversation ----------------------------------------------------------------
class Talk:
    """A conversation without an engine, beside the plainest account of what it should show."""

    def __init__(self) -> None:
        self.conversation = Conversation(Meta(), Recent())
        self.count = 0
        self.parents: dict[str, str] = {}
        self.chosen: dict[str, str] = {}

    def _next(self) -> tuple[int, datetime]:
        self.count += 1
        return self.count, START + timedelta(minutes=self.count)

    def _follow(self, text: str, parent: str) -> None:
        self.parents[text] = parent
        while text in self.parents:
            self.chosen[self.parents[text]] = text
            text = self.parents[text]

    @property
    def path(self) -> list[str]:
        """What should be shown: from the beginning, at every fork what was chosen last."""
        path = [""]
        while path[-1] in self.chosen:
            path.append(self.chosen[path[-1]])
        return path[1:]

    @property
    def shown(self) -> list[Message]:
        return [m for m in self.conversation.recent.messages if not m.replaced]

    def say(self, *, replaces: Message | None = None, person: str = "A") -> None:
        number, at = self._next()
        talk, text = self.conversation, f"q{number}"
        parent = self.path[-1] if self.path else ""
        talk.open_turn([Inbound(message=text, id=text, author=Author(id=person))], f"inv{number}", at)
        if replaces is not None and talk.replace_question(replaces.seq):
            parent = self.parents[replaces.text]
        self._follow(text, parent)
        talk.close_turn(TurnResult(status="answered", text=f"a{number}", at=at))
        self._follow(f"a{number}", text)

    def regenerate(self) -> None:
        number, at = self._next()
        running = self.conversation.reopen_turn(f"inv{number}", at)
        if running is None:
            return
        question = self.shown[-2].text
        self.conversation.close_turn(TurnResult(status="answered", text=f"a{number}", at=at))
        self._follow(f"a{number}", question)

    def note(self) -> None:
        number, at = self._next()
        self.conversation.add_unanswered([Inbound(message=f"n{number}", id=f"n{number}")], at, "noted")

    def choose(self, message: Message) -> None:
        assert self.conversation.show_version(message.seq)
        self._follow(message.text, self.parents[message.text])


@given(st.lists(st.tuples(st.sampled_from("sssreecccn"), st.integers(0, 10**6)), max_size=18))
def test_what_is_shown_is_the_path_that_was_chosen_last(steps: list[tuple[str, int]]) -> None:
    talk = Talk()
    for step, pick in steps:
        held = talk.conversation.recent.messages
        questions = [m for m in held if m.role == "user" and m.status != "noted"]
        if step == "s":
            talk.say()
        elif step == "r" and talk.shown and talk.shown[-1].role == "assistant":
            talk.regenerate()
        elif step == "e" and questions:
            talk.say(replaces=questions[pick % len(questions)])
        elif step == "c" and questions:
            nodes = [m for m in held if m.status != "noted"]
            talk.choose(nodes[pick % len(nodes)])
        elif step == "n":
            talk.note()
        texts = [m.text for m in talk.shown]
        assert [text for text in texts if not text.startswith("n")] == talk.path
        assert len(texts) - len(talk.path) == sum(m.status == "noted" for m in held), "notes belong to the thread"
        prompt = context.included_turns(talk.conversation.verbatim_messages())
        seen = [m.text for turn in prompt for m in turn if m.status != "noted"]
        assert seen == talk.path, "only what is shown enters the context"
        _versions_are_siblings(talk)


def _versions_are_siblings(talk: Talk) -> None:
    held = [m.model_copy() for m in talk.conversation.recent.messages]
    versions.annotate_versions(held, held, talk.conversation.meta.shown_versions)
    text = {m.seq: m.text for m in held}
    for message in held:
        if message.replaced or message.status == "noted":
            assert message.versions == []
            continue
        parent = talk.parents[message.text]
        beside = [m.text for m in held if talk.parents.get(m.text) == parent]
        assert [text[seq] for seq in message.versions] == (beside if len(beside) > 1 else [])


@given(st.integers(0, 4), st.integers(0, 4))
def test_what_scrolled_out_is_not_switched_and_the_rest_is_sound(cut: int, later: int) -> None:
    """A fork is cut through by what scrolls out: either both sides are here to be switched, or it stays as shown."""
    talk = Talk()
    for _ in range(3):
        talk.say()
    question = talk.shown[2]
    talk.say(replaces=question)
    talk.choose(question)
    for _ in range(later):
        talk.say()
    before = talk.path
    talk.conversation.recent.messages = talk.conversation.recent.messages[cut * 2 :]
    other = next((m for m in talk.conversation.recent.messages if m.text == "q4"), None)
    here = [m.text for m in talk.shown]
    if other is None:
        return
    if talk.conversation.show_version(other.seq):
        assert cut <= 1, "the question that was shown is here"
        assert [m.text for m in talk.shown][-2:] == ["q4", "a4"] and "q2" not in [m.text for m in talk.shown]
    else:
        assert here == [m.text for m in talk.shown] == before[len(before) - len(here) :]


def test_an_old_conversation_with_replaced_replies_can_be_switched() -> None:
    """State of a version that knew of no `after`: the reply that was replaced lies before the one that stands."""
    talk = Talk()
    talk.say()
    talk.regenerate()
    for message in talk.conversation.recent.messages:
        message.after = None
    old = talk.conversation.recent.messages[1]
    assert old.replaced and talk.conversation.show_version(old.seq)
    assert [m.text for m in talk.shown] == ["q1", "a1"]


def test_a_conversation_without_versions_stores_nothing_of_them() -> None:
    talk = Talk()
    for _ in range(5):
        talk.say()
        talk.note()
    stored = talk.conversation.recent.model_dump_json(exclude_defaults=True)
    stored += talk.conversation.meta.model_dump_json(exclude_defaults=True)
    assert not any(word in stored for word in ("after", "versions", "shown_versions", "replaced"))


def test_versions_that_are_not_shown_do_not_push_out_what_is() -> None:
    talk = Talk()
    for _ in range(10):
        talk.say()
    for _ in range(MAX_VERSIONS - 1):
        talk.regenerate()
    assert talk.conversation.scroll_out() == []
    assert summary_policy.needed_summary_upto(talk.conversation, context.Budget(100_000)) is None, (
        "nor bring a summary on"
    )
    prompt = context.included_turns(talk.conversation.verbatim_messages())
    assert len(prompt) == 10
    for _ in range(40):
        talk.say(replaces=talk.shown[-2])
        talk.conversation.scroll_out()
    assert len(talk.conversation.recent.messages) <= 120 + 2, "and yet they are bounded"


def test_what_is_pruned_leaves_no_gap_in_what_follows() -> None:
    talk = Talk()
    talk.say()
    talk.say(person="B")
    talk.say()
    first = talk.shown[0]
    talk.say(replaces=first)
    talk.conversation.prune(DeletionScope(person="B"), [])
    assert talk.conversation.show_version(first.seq)
    assert [m.text for m in talk.shown] == ["q1", "a1", "q3", "a3"]


def test_a_summary_is_written_anew_over_all_that_scrolled_out() -> None:
    talk = Talk()
    for _ in range(20):
        talk.say()
    conversation = talk.conversation
    conversation.recent.messages = conversation.recent.messages[10:]
    conversation.meta.summary, conversation.meta.summary_upto = "all of it", 30
    talk.say(replaces=talk.shown[-8])  # word for word still: the summary stands
    assert conversation.meta.summary_upto == 30
    talk.say(replaces=conversation.recent.messages[4])
    assert conversation.meta.summary == "" and conversation.stale_summary_upto == 30
    assert summary_policy.replacement_summary_upto(conversation, context.Budget(100_000)) == 10, (
        "what stands is few: it stays word for word"
    )


# --- through the engine, in both modes -----------------------------------------------------------------------------
async def shown(ingress: IngressClient, key: str) -> list[str]:
    """What is said, as a reader sees it."""
    page = await read_history(ingress, key, limit=200)
    return [m.text for m in page.messages if not m.replaced]


async def named(ingress: IngressClient, key: str, text: str) -> Message:
    """The message with this text."""
    return next(m for m in (await read_history(ingress, key, limit=200)).messages if m.text == text)


async def choose(ingress: IngressClient, key: str, seq: int) -> None:
    await ingress.call(handlers.CHAT_CHOOSE_VERSION, key, ChooseRequest(seq=seq))


async def regenerate(ingress: IngressClient, key: str) -> Reply:
    return await ingress.call(handlers.CHAT_REGENERATE, key, TurnRequest())


async def edited(ingress: IngressClient, key: str, old: str, new: str) -> Reply:
    """Ask a question in other words, the way the page does."""
    seq = (await named(ingress, key, old)).seq
    await queue_message(ingress, key, new, f"id {new}", replaces=seq)
    return await wait_for_turn(ingress, key, f"id {new}")


async def asked(stack: Stack) -> str:
    """The last prompt of a turn, as one text."""
    return str((await stack.model.requests())[-1].body["messages"])


async def test_an_edited_question_is_answered_in_place_of_the_old_one(stack: Stack, ingress: IngressClient) -> None:
    key = new_web_key()
    for number, text in enumerate(("my name is Ada", "my name is Grace", "thanks")):
        await queue_message(ingress, key, text, f"m{number}")
        await wait_for_turn(ingress, key, f"m{number}")
    assert (await edited(ingress, key, "my name is Grace", "what is my name?")).reply == "Your name is Ada."
    assert await shown(ingress, key) == [
        "my name is Ada",
        "echo: my name is Ada",
        "what is my name?",
        "Your name is Ada.",
    ]
    question = await named(ingress, key, "what is my name?")
    old = await named(ingress, key, "my name is Grace")
    assert question.versions == [old.seq, question.seq] and old.replaced

    await choose(ingress, key, old.seq)
    assert (await shown(ingress, key))[2:] == [
        "my name is Grace",
        "echo: my name is Grace",
        "thanks",
        "echo: thanks",
    ]
    await queue_message(ingress, key, "what is my name, please?", "m9")
    assert (await wait_for_turn(ingress, key, "m9")).reply == "Your name is Grace."
    await choose(ingress, key, question.seq)
    assert (await shown(ingress, key))[-1] == "Your name is Ada."
    await choose(ingress, key, old.seq)
    assert (await shown(ingress, key))[-1] == "Your name is Grace.", "what followed last comes back"


async def test_replies_answered_anew_are_versions_and_the_shown_one_is_remembered(
    stack: Stack, ingress: IngressClient
) -> None:
    key = new_session_key()
    await stack.model.script(*(ScriptedResponse(text=text) for text in ("one", "two", "three")))
    first = await send_message(ingress, key, "count")
    await regenerate(ingress, key)
    await regenerate(ingress, key)
    last = await named(ingress, key, "three")
    assert last.versions == [first.seq, first.seq + 1, first.seq + 2]
    await choose(ingress, key, first.seq)
    assert await shown(ingress, key) == ["count", "one"]
    await send_message(ingress, key, "and on")
    prompt = await asked(stack)
    assert "'one'" in prompt and "'two'" not in prompt and "'three'" not in prompt
    await choose(ingress, key, last.seq)
    assert await shown(ingress, key) == ["count", "three"]
    await choose(ingress, key, first.seq)
    assert (await shown(ingress, key))[-2:] == ["and on", "echo: and on"]


async def test_a_reply_answered_anew_in_vain_leaves_the_good_one(stack: Stack, ingress: IngressClient) -> None:
    key = new_session_key()
    refusal = ScriptedResponse(kind="fail", status=401, body={"error": {"message": "no", "code": "invalid_api_key"}})
    await stack.model.script(ScriptedResponse(text="one"), refusal, ScriptedResponse(text="two"))
    first = await send_message(ingress, key, "count")
    assert (await regenerate(ingress, key)).status == "failed"
    assert await shown(ingress, key) == ["count", "one"]
    assert (await named(ingress, key, "one")).versions == [], "what says nothing is no version"
    await regenerate(ingress, key)
    assert await shown(ingress, key) == ["count", "two"]
    assert (await named(ingress, key, "two")).versions == [first.seq, first.seq + 2]
    await choose(ingress, key, first.seq)
    await stack.model.script(refusal)
    await regenerate(ingress, key)
    await send_message(ingress, key, "and on")
    prompt = await asked(stack)
    assert "'one'" in prompt and "'two'" not in prompt
    assert await shown(ingress, key) == ["count", "one", "and on", "echo: and on"]


async def test_searches_and_documents_show_what_is_shown(ingress: IngressClient) -> None:
    key = new_web_key()
    await queue_message(ingress, key, "about tea", "m1")
    await wait_for_turn(ingress, key, "m1")
    await edited(ingress, key, "about tea", "about coffee")

    async def find(text: str) -> int:
        found = await ingress.call(handlers.CHAT_SEARCH, key, SearchRequest(text=text))
        return len(found.messages)

    assert (await find("tea"), await find("coffee")) == (0, 2)
    document = (await ingress.call(handlers.CHAT_EXPORT, key, ExportRequest())).text
    assert "tea" not in document and "coffee" in document
    kept = (await ingress.call(handlers.CHAT_EXPORT, key, ExportRequest(format="json"))).text
    assert len(History.model_validate_json(kept).messages) == 4, "everything that is kept"


async def test_an_edit_waits_its_turn_and_is_answered_once(stack: Stack, ingress: IngressClient) -> None:
    key = new_web_key()
    await queue_message(ingress, key, "first", "m1")
    await wait_for_turn(ingress, key, "m1")
    seq = (await named(ingress, key, "first")).seq
    number = await stack.model.count_requests()
    await stack.model.script(GATE)
    await queue_message(ingress, key, "second", "m2")
    await stack.model.wait_for_request(number)
    for _ in range(3):
        await queue_message(ingress, key, "first, in other words", "m3", replaces=seq)
    await queue_message(ingress, key, "third", "m4")
    page = await read_history(ingress, key)
    assert [(one.id, one.replaces) for one in page.waiting] == [("m3", seq), ("m4", None)]
    assert not any(m.replaced for m in page.messages)
    await stack.model.finish(number)
    await wait_for_turn(ingress, key, "m4")
    assert await shown(ingress, key) == [
        "first, in other words",
        "echo: first, in other words",
        "third",
        "echo: third",
    ]
    again = await queue_message(ingress, key, "first, in other words", "m3", replaces=seq)
    assert (await ingress.attach(again.invocation, Reply)).reply == "echo: first, in other words"
    assert len(await read_all_texts(ingress, key)) == 8


async def test_what_an_edit_replaces_is_hidden_as_soon_as_it_is_answered(stack: Stack, ingress: IngressClient) -> None:
    key = new_session_key()
    await send_message(ingress, key, "first")
    number = await stack.model.count_requests()
    await stack.model.script(GATE)
    answering = start_message(ingress, key, "better", replaces=1)
    await stack.model.wait_for_request(number)
    page = await read_history(ingress, key)
    assert [m.replaced for m in page.messages] == [True, True]
    assert page.running and page.running.question[0].versions == [1, page.running.question[0].seq]
    await stop_turn(ingress, key)
    assert (await answering).status == "stopped"
    assert await shown(ingress, key) == ["better", ""]
    await regenerate(ingress, key)
    assert await shown(ingress, key) == ["better", "echo: better"]
    assert (await read_history(ingress, key)).messages[-1].versions == [], "what says nothing is no version"


async def test_two_windows_choosing_at_once_leave_one_path(ingress: IngressClient) -> None:
    key = new_session_key()
    await send_message(ingress, key, "a")
    await send_message(ingress, key, "b", replaces=1)
    await send_message(ingress, key, "c", replaces=1)
    await asyncio.gather(*(choose(ingress, key, seq) for seq in (1, 3, 5, 1, 3)))
    assert await shown(ingress, key) in (["a", "echo: a"], ["b", "echo: b"], ["c", "echo: c"])


async def test_what_is_too_far_back_is_told_and_the_words_are_kept(ingress: IngressClient) -> None:
    key = new_session_key()
    await send_message(ingress, key, "hello")
    reply = await send_message(ingress, key, "other words", replaces=999)
    assert reply.status == "failed" and "too far back" in (reply.error or "")
    assert await shown(ingress, key) == ["hello", "echo: hello", "other words", ""]
    assert (await regenerate(ingress, key)).reply == "echo: other words"
    with pytest.raises(IngressError, match="too far back"):
        await choose(ingress, key, 999)
    assert (await send_message(ingress, key, "on")).status == "answered"


async def test_a_history_says_what_can_still_be_replaced(ingress: IngressClient) -> None:
    key = new_session_key()
    for number in range(32):
        await send_message(ingress, key, f"line {number}")
    page = await eventually(lambda: read_history(ingress, key, limit=200), lambda p: p.replaceable > 1)
    assert len(page.messages) == 64
    held = next(m for m in page.messages if m.role == "user" and m.seq >= page.replaceable)
    await send_message(ingress, key, "in time", replaces=held.seq)
    assert (await shown(ingress, key))[-3:] == [f"echo: line {held.turn - 2}", "in time", "echo: in time"]


async def test_a_summary_of_what_is_no_longer_shown_is_dropped(stack: Stack, ingress: IngressClient) -> None:
    key = new_session_key()
    await send_message(ingress, key, "my name is Ada")
    for number in range(14):
        await send_message(ingress, key, f"line {number}")

    async def told() -> str:
        await send_message(ingress, key, "on")
        return await asked(stack)

    await eventually(told, lambda prompt: summary_policy.HEADING in prompt and "name is Ada" in prompt)
    await send_message(ingress, key, "my dog is Rex", replaces=1)
    assert "Ada" not in await asked(stack) and summary_policy.HEADING not in await asked(stack)
    await choose(ingress, key, 1)
    assert (await send_message(ingress, key, "what is my name?")).reply == "Your name is Ada."


async def cut_off(stack: Stack, ingress: IngressClient, question: str, text: str) -> tuple[str, Reply]:
    """A conversation whose reply was stopped after `text`, and that reply. The model cannot know how much of what it
    wrote was read, so this may take more than one."""
    while True:
        key = new_session_key()
        number = await stack.model.count_requests()
        await stack.model.script(ScriptedResponse(kind="stall", text=text))
        told = start_message(ingress, key, question)
        await stack.model.wait_for_request(number, "written")
        await stop_turn(ingress, key)
        if (await told).reply == text:
            assert (await told).status == "stopped"
            return key, await told


async def test_a_stopped_reply_goes_on_where_it_ended(stack: Stack, ingress: IngressClient) -> None:
    key, stopped = await cut_off(stack, ingress, "a story", "Once upon")
    await stack.model.script(ScriptedResponse(text="a time."))
    rest = await ingress.call(handlers.CHAT_CONTINUE_REPLY, key, ContinueRequest(seq=stopped.seq))
    assert (rest.status, rest.reply, rest.seq) == ("answered", "Once upon a time.", stopped.seq)
    messages = (await stack.model.requests())[-1].body["messages"]
    assert [m["role"] for m in messages[-3:]] == ["user", "assistant", "user"] and messages[-2][
        "content"
    ] == "Once upon"
    assert await shown(ingress, key) == ["a story", "Once upon a time."]
    with pytest.raises(IngressError, match="nothing to continue"):
        await ingress.call(handlers.CHAT_CONTINUE_REPLY, key, ContinueRequest())
    await send_message(ingress, key, "and then?")
    assert "Once upon a time." in await asked(stack), "it counts as an answer now"


async def test_going_on_that_is_stopped_or_fails_keeps_every_word(stack: Stack, ingress: IngressClient) -> None:
    refusal: dict[str, Any] = {"error": {"message": "no", "code": "invalid_api_key"}}
    key, _ = await cut_off(stack, ingress, "count", "One,")
    number = await stack.model.count_requests()
    await stack.model.script(
        ScriptedResponse(kind="fail", status=401, body=refusal),
        ScriptedResponse(kind="stall", text=" two,"),
        ScriptedResponse(text=" three."),
    )
    failed = await ingress.call(handlers.CHAT_CONTINUE_REPLY, key, ContinueRequest())
    assert (failed.status, failed.reply) == ("failed", "One,") and failed.error
    going = asyncio.create_task(ingress.call(handlers.CHAT_CONTINUE_REPLY, key, ContinueRequest()))
    refused = await stack.model.wait_for_request(number)
    await stack.model.wait_for_request(refused.number + 1, "written")
    await stop_turn(ingress, key)
    said = await going
    assert said.status == "stopped" and said.reply in ("One,", "One, two,")
    ended = await ingress.call(handlers.CHAT_CONTINUE_REPLY, key, ContinueRequest())
    assert (ended.status, ended.reply, ended.error) == ("answered", f"{said.reply} three.", None)
