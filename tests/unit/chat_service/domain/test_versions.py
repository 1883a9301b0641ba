"""The rules for versions of questions and replies: which messages are shown after any sequence of changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from chat_service.contracts import Author, Inbound, Message
from chat_service.contracts.deletion import DeletionScope
from chat_service.domain import context, summary_policy, versions
from chat_service.domain.conversation import Conversation
from chat_service.domain.versions import MAX_VERSIONS
from chat_service.storage.state import Meta, Recent, TurnResult

START = datetime(2026, 1, 1, tzinfo=UTC)


class ConversationModel:
    """A conversation, and the simplest model of which messages it must show."""

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
        """The texts that must be shown: from the beginning, at each fork the version that was chosen last."""
        path = [""]
        while path[-1] in self.chosen:
            path.append(self.chosen[path[-1]])
        return path[1:]

    @property
    def shown(self) -> list[Message]:
        return [m for m in self.conversation.recent.messages if not m.replaced]

    def ask(self, *, replaces: Message | None = None, person: str = "A") -> None:
        number, at = self._next()
        conversation, text = self.conversation, f"q{number}"
        parent = self.path[-1] if self.path else ""
        conversation.open_turn([Inbound(message=text, id=text, author=Author(id=person))], f"inv{number}", at)
        if replaces is not None and conversation.replace_question(replaces.seq):
            parent = self.parents[replaces.text]
        self._follow(text, parent)
        conversation.close_turn(TurnResult(status="answered", text=f"a{number}", at=at))
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
@settings(max_examples=100)
def test_shown_messages_are_the_path_that_was_chosen_last(steps: list[tuple[str, int]]) -> None:
    model = ConversationModel()
    for step, pick in steps:
        held = model.conversation.recent.messages
        questions = [m for m in held if m.role == "user" and m.status != "noted"]
        if step == "s":
            model.ask()
        elif step == "r" and model.shown and model.shown[-1].role == "assistant":
            model.regenerate()
        elif step == "e" and questions:
            model.ask(replaces=questions[pick % len(questions)])
        elif step == "c" and questions:
            nodes = [m for m in held if m.status != "noted"]
            model.choose(nodes[pick % len(nodes)])
        elif step == "n":
            model.note()
        texts = [m.text for m in model.shown]
        assert [text for text in texts if not text.startswith("n")] == model.path
        assert len(texts) - len(model.path) == sum(m.status == "noted" for m in held), "notes are always shown"
        prompt = context.included_turns(model.conversation.verbatim_messages())
        seen = [m.text for turn in prompt for m in turn if m.status != "noted"]
        assert seen == model.path, "the context contains only shown messages"
        assert_versions_are_siblings(model)


def assert_versions_are_siblings(model: ConversationModel) -> None:
    held = [m.model_copy() for m in model.conversation.recent.messages]
    versions.annotate_versions(held, held, model.conversation.meta.shown_versions)
    text = {m.seq: m.text for m in held}
    for message in held:
        if message.replaced or message.status == "noted":
            assert message.versions == []
            continue
        parent = model.parents[message.text]
        siblings = [m.text for m in held if model.parents.get(m.text) == parent]
        assert [text[seq] for seq in message.versions] == (siblings if len(siblings) > 1 else [])


@given(st.integers(0, 4), st.integers(0, 4))
def test_versions_can_be_switched_after_a_part_scrolled_out(cut: int, later: int) -> None:
    """If a part of a fork has scrolled out, either both versions are still held, or the shown version stays."""
    model = ConversationModel()
    for _ in range(3):
        model.ask()
    question = model.shown[2]
    model.ask(replaces=question)
    model.choose(question)
    for _ in range(later):
        model.ask()
    before = model.path
    model.conversation.recent.messages = model.conversation.recent.messages[cut * 2 :]
    other = next((m for m in model.conversation.recent.messages if m.text == "q4"), None)
    shown = [m.text for m in model.shown]
    if other is None:
        return
    if model.conversation.show_version(other.seq):
        assert cut <= 1, "the shown question is still held"
        assert [m.text for m in model.shown][-2:] == ["q4", "a4"] and "q2" not in [m.text for m in model.shown]
    else:
        assert shown == [m.text for m in model.shown] == before[len(before) - len(shown) :]


def test_replaced_replies_without_after_can_be_shown_again() -> None:
    """Records without `after`, as older versions wrote them: the replaced reply precedes the shown one."""
    model = ConversationModel()
    model.ask()
    model.regenerate()
    for message in model.conversation.recent.messages:
        message.after = None
    old = model.conversation.recent.messages[1]
    assert old.replaced and model.conversation.show_version(old.seq)
    assert [m.text for m in model.shown] == ["q1", "a1"]


def test_conversation_without_versions_stores_no_version_fields() -> None:
    model = ConversationModel()
    for _ in range(5):
        model.ask()
        model.note()
    stored = model.conversation.recent.model_dump_json(exclude_defaults=True)
    stored += model.conversation.meta.model_dump_json(exclude_defaults=True)
    assert not any(word in stored for word in ("after", "versions", "shown_versions", "replaced"))


def test_hidden_versions_do_not_displace_shown_messages() -> None:
    model = ConversationModel()
    for _ in range(10):
        model.ask()
    for _ in range(MAX_VERSIONS - 1):
        model.regenerate()
    assert model.conversation.scroll_out() == []
    assert summary_policy.needed_summary_upto(model.conversation, context.Budget(100_000)) is None, (
        "and they request no summary"
    )
    prompt = context.included_turns(model.conversation.verbatim_messages())
    assert len(prompt) == 10
    for _ in range(40):
        model.ask(replaces=model.shown[-2])
        model.conversation.scroll_out()
    assert len(model.conversation.recent.messages) <= 120 + 2, "the held messages are bounded all the same"


def test_pruned_messages_leave_no_gap_in_the_shown_path() -> None:
    model = ConversationModel()
    model.ask()
    model.ask(person="B")
    model.ask()
    first = model.shown[0]
    model.ask(replaces=first)
    model.conversation.prune(DeletionScope(person="B"), [])
    assert model.conversation.show_version(first.seq)
    assert [m.text for m in model.shown] == ["q1", "a1", "q3", "a3"]


def test_summary_is_replaced_when_a_covered_question_is_replaced() -> None:
    model = ConversationModel()
    for _ in range(20):
        model.ask()
    conversation = model.conversation
    conversation.recent.messages = conversation.recent.messages[10:]
    conversation.meta.summary, conversation.meta.summary_upto = "all of it", 30
    model.ask(replaces=model.shown[-8])  # not covered by the summary, which therefore stays valid
    assert conversation.meta.summary_upto == 30
    model.ask(replaces=conversation.recent.messages[4])
    assert conversation.meta.summary == "" and conversation.stale_summary_upto == 30
    assert summary_policy.replacement_summary_upto(conversation, context.Budget(100_000)) == 10, (
        "few messages are left, which the prompt contains word for word"
    )
