"""The conversation as a handler works with it, and the rules by which it changes. No I/O and no clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from chat_service.contracts import Inbound, Message, RunningTurn, Status
from chat_service.contracts.deletion import DeletionScope
from chat_service.domain.deletion import deletion_predicate, without_feedback_of
from chat_service.domain.replies import apply_result, is_worse, new_reply
from chat_service.domain.versions import MAX_VERSIONS, VersionTree, parent_of_next, parent_seq, reattach_children
from chat_service.domain.window import count_scrolled_out, latest_time
from chat_service.storage.state import UNKNOWN_TIME, Meta, Recent, TurnResult

MAX_STOP_ALL_BARRIERS = 50
MAX_PEOPLE = 100
"""People whose ids a conversation stores. The directories of further people are updated each time they write."""


class Conversation:
    """The state of a conversation: loaded by a handler, changed by these methods, then saved.

    Attributes:
        stale_summary_upto: the end of a summary that covered messages which are no longer shown and was dropped; it has
            to be written again. 0: there is none.
        new_people: people whose directories do not list this conversation yet, as far as its state shows.
    """

    def __init__(self, meta: Meta, recent: Recent) -> None:
        self.meta = meta
        self.recent = recent
        self.stale_summary_upto = 0
        self.new_people: list[str] = []

    # --- what the model sees -------------------------------------------------------------------------------
    @property
    def verbatim_after(self) -> int:
        """The sequence number after which the model may see messages word for word."""
        return max(self.meta.summary_upto, self.meta.context_start_seq - 1)

    def verbatim_messages(self) -> list[Message]:
        """Return the recent messages that the model may see word for word."""
        return [m for m in self.recent.messages if m.seq > self.verbatim_after]

    def reset_context(self) -> None:
        """Hide all messages so far from the model."""
        self.meta.context_start_seq = self.meta.next_seq
        self.drop_summary()

    def drop_summary(self, seq: int = 0) -> int:
        """Invalidate the summary, and one that is being written, because message `seq` was removed or changed.

        Returns the end of the dropped summary. Returns 0 and keeps the summary when it does not cover `seq`.
        """
        self.meta.summary_epoch += 1
        if seq > self.meta.summary_upto:
            self.meta.summary_requested_upto = self.meta.summary_upto
            return 0
        upto, self.meta.summary, self.meta.summary_upto = self.meta.summary_upto, "", 0
        return upto

    def apply_summary(self, text: str, upto: int, epoch: int) -> bool:
        """Store a summary of everything up to `upto`. Returns False when it is outdated."""
        if epoch != self.meta.summary_epoch or upto <= self.verbatim_after or upto >= self.meta.next_seq:
            return False
        self.meta.summary, self.meta.summary_upto = text, upto
        return True

    # --- messages ------------------------------------------------------------------------------------------
    def find(self, message_id: str) -> Message | None:
        """Return the message with this platform id if it is recent or in the running turn."""
        question = self.meta.running.question if self.meta.running else []
        return next((m for m in (*self.recent.messages, *question) if m.id == message_id), None)

    def may_be_repeat(self, inbound: Inbound) -> bool:
        """Whether this may repeat a message that scrolled out or was forgotten; only the Transcript can decide."""
        if inbound.id is None or self.meta.latest_removed_at is None:
            return False
        if inbound.at is None or inbound.undated:
            return True
        return inbound.at <= max(self.meta.latest_removed_at, self.meta.latest_future_at or self.meta.latest_removed_at)

    def find_reply(self, turn: int) -> Message | None:
        """Return the shown reply of a turn, or its newest version when the whole turn is not shown."""
        versions = [m for m in reversed(self.recent.messages) if m.turn == turn and m.role == "assistant"]
        return next((m for m in versions if not m.replaced), versions[0] if versions else None)

    def count_reply_versions(self, turn: int) -> int:
        """Return how many versions of a turn's reply are held."""
        return sum(m.turn == turn and m.role == "assistant" for m in self.recent.messages)

    def last_reply(self) -> Message | None:
        """Return the last reply that is shown, if the model may still see it and its question."""
        shown = [m for m in self.recent.messages if m.seq >= self.meta.context_start_seq and not m.replaced]
        last = next((m for m in reversed(shown) if m.role == "assistant"), None)
        has_question = last and any(
            m.turn == last.turn and m.role == "user" and m.status != "forgotten" for m in self.recent.messages
        )
        return last if has_question else None

    def is_first_shown_turn(self, turn: int) -> bool:
        """Whether no message is shown before this turn."""
        return all(m.replaced or m.turn >= turn for m in self.recent.messages)

    def add_person(self, person: str) -> None:
        """Remember a person who writes here or rates a reply: a request to forget them has to find the conversation."""
        if person and person not in self.meta.people:
            self.new_people = list(dict.fromkeys([*self.new_people, person]))
            if len(self.meta.people) < MAX_PEOPLE:
                self.meta.people = sorted([*self.meta.people, person])

    def add_unanswered(self, inbound: list[Inbound], now: datetime, status: Literal["noted", "withdrawn"]) -> int:
        """Store messages that get no answer. Returns their turn."""
        turn = self._new_turn()
        messages = self._new_messages(inbound, turn, now, status)
        self._clamp_to_now(messages, now)
        self.recent.messages += messages
        return turn

    # --- turns ---------------------------------------------------------------------------------------------
    def open_turn(self, question: list[Inbound], invocation: str, at: datetime | None) -> RunningTurn:
        """Write the question to the state before the model is called, so that every window shows it immediately.

        When the time is not known (`at` is None), the model step sets it: a separate step before that one would cost
        a journal entry and a round trip.
        """
        turn = self._new_turn()
        self.meta.running = RunningTurn(
            turn=turn,
            invocation=invocation,
            question=self._new_messages(question, turn, at or UNKNOWN_TIME),
            started_at=at,
        )
        return self.meta.running

    def replace_question(self, seq: int) -> bool:
        """Show the question that was just opened instead of question `seq` and of everything that followed that.

        Returns False when question `seq` has scrolled out or has too many versions.
        """
        question = self.meta.running.question if self.meta.running else []
        messages = self.recent.messages
        named = next((m for m in messages if m.seq == seq and m.role == "user" and m.status != "noted"), None)
        if named is None or not question:
            return False
        replaced = next(m for m in messages if m.turn == named.turn and m.role == "user")
        if len(VersionTree(messages, self.meta.shown_versions).versions(replaced)) >= MAX_VERSIONS:
            return False
        previous_parent, question[0].after = question[0].after, parent_seq(replaced)
        if not self._show(question[0].seq, question):
            question[0].after = previous_parent
            return False
        return True

    def show_version(self, seq: int) -> bool:
        """Show this version of a message and what was last shown below it. Returns False when that is impossible."""
        named = next((m for m in self.recent.messages if m.seq == seq and m.status != "noted"), None)
        return named is not None and self._show(seq)

    def reopen_turn(self, invocation: str, at: datetime, partial_text: str = "") -> RunningTurn | None:
        """Open the last turn again, to regenerate its reply or to continue it after `partial_text`.

        A regenerated reply is stored beside the old one, which is marked as replaced. A regeneration that fails, or
        that is stopped before its first word, leaves a good old reply shown. Returns None when there is no last reply.
        """
        last = self.last_reply()
        if last is None:
            return None
        self.meta.version += 1
        self.meta.running = RunningTurn(turn=last.turn, invocation=invocation, started_at=at, partial_text=partial_text)
        return self.meta.running

    def close_turn(self, result: TurnResult) -> Message:
        """Store the reply of the running turn, with any result, and end the turn.

        Raises:
            ValueError: no turn is running.
        """
        running = self.meta.running
        if running is None:
            raise ValueError("no turn is running")
        self._clamp_to_now(running.question, result.at)
        previous = self.find_reply(running.turn)
        if running.partial_text and previous is not None:
            reply = previous
            apply_result(reply, result)
            reply.text = result.text or running.partial_text
        else:
            reply = new_reply(self.meta.next_seq, running.turn, result)
            self.meta.next_seq += 1
            self.recent.messages += [*running.question, reply]
            if not running.question:  # regenerated
                question = [m.seq for m in self.recent.messages if m.turn == running.turn and m.role == "user"]
                reply.after = question[-1] if question else None
                self._show(previous.seq if previous and is_worse(reply, previous) else reply.seq)
        self.meta.running = None
        self.meta.version += 1
        if result.stop_all_marker and result.stop_all_marker not in self.meta.stop_all_barriers:
            self.meta.stop_all_marker = result.stop_all_marker
        return reply

    def pass_stop_all_barrier(self, marker: str) -> None:
        """End a "stop all": later messages are answered again, unless a later "stop all" withdraws them."""
        self.meta.stop_all_barriers = [*self.meta.stop_all_barriers, marker][-MAX_STOP_ALL_BARRIERS:]
        if self.meta.stop_all_marker == marker:
            self.meta.stop_all_marker = None

    # --- removal -------------------------------------------------------------------------------------------
    def scroll_out(self) -> list[Message]:
        """Remove and return the messages that leave the window, for the Transcript."""
        held = self.recent.messages
        count = count_scrolled_out(held, self.verbatim_after)
        removed, self.recent.messages = held[:count], held[count:]
        self.meta.latest_removed_at = latest_time(self.meta.latest_removed_at, removed)
        return removed

    def prune(self, scope: DeletionScope, outbox: list[Message]) -> tuple[list[Message], list[Message]]:
        """Remove the messages in `scope`. Returns the removed messages, and what remains of `outbox`."""
        held = [*outbox, *self.recent.messages]
        is_deleted = deletion_predicate(held, scope)
        removed = [m for m in held if is_deleted(m)]
        self.recent.messages = without_feedback_of([m for m in self.recent.messages if not is_deleted(m)], scope)
        reattach_children(self.recent.messages, removed)
        self.meta.latest_removed_at = latest_time(self.meta.latest_removed_at, removed)
        self.meta.version += 1
        return removed, without_feedback_of([m for m in outbox if not is_deleted(m)], scope)

    def forget(self) -> list[str]:
        """Empty everything but the counters. Returns the message ids that must stay known without their texts."""
        ids = [m.id for m in self.recent.messages if m.id]
        old = self.meta
        self.meta = Meta(
            epoch=old.epoch + 1,
            version=old.version + 1,
            next_seq=old.next_seq,
            next_turn=old.next_turn,
            context_start_seq=old.next_seq,
            summary_epoch=old.summary_epoch + 1,
            title_epoch=old.title_epoch + 1,
            latest_removed_at=latest_time(old.latest_removed_at, self.recent.messages),
            latest_future_at=old.latest_future_at,
            stop_all_barriers=old.stop_all_barriers,
        )
        self.recent = Recent()
        return ids

    # --- helpers -------------------------------------------------------------------------------------------
    def _new_turn(self) -> int:
        turn = self.meta.next_turn
        self.meta.next_turn += 1
        self.meta.version += 1
        return turn

    def _new_messages(
        self, inbound: list[Inbound], turn: int, at: datetime, status: Status = "answered"
    ) -> list[Message]:
        messages = [self._new_message(message, turn, at, status) for message in inbound]
        messages[0].after = parent_of_next(self.recent.messages)
        return messages

    def _new_message(self, inbound: Inbound, turn: int, at: datetime, status: Status) -> Message:
        message = Message(
            seq=self.meta.next_seq,
            turn=turn,
            role="user",
            text=inbound.message,
            at=inbound.at or at,
            id=inbound.id,
            author=inbound.author,
            attachments=inbound.attachments,
            status=status,
        )
        self.meta.next_seq += 1
        self.add_person(inbound.author.id if inbound.author else "")
        return message

    def _clamp_to_now(self, messages: list[Message], now: datetime) -> None:
        """Replace times in the future. A message's time comes from its sender: a time in the future would sort it last
        forever, and it would never reach the retention age."""
        for message in messages:
            if message.at > now:
                self.meta.latest_future_at = max(self.meta.latest_future_at or message.at, message.at)
                message.at = now

    def _show(self, seq: int, question: Sequence[Message] = ()) -> bool:
        changed = VersionTree([*self.recent.messages, *question], self.meta.shown_versions).show(seq)
        first = min((m.seq for m in changed or ()), default=None)
        if first is not None and first <= max(self.meta.summary_upto, self.meta.summary_requested_upto):
            self.stale_summary_upto = max(self.stale_summary_upto, self.drop_summary(first))
        return changed is not None
