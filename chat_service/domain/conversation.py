"""A conversation in the hands of one handler, and the rules by which it changes. All of it is pure: nothing here reads
a clock or talks to anyone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from chat_service.contracts import Inbound, Message, Reply, RunningTurn, Status
from chat_service.domain.deletion import DeletionScope, deletion_predicate, without_feedback_of
from chat_service.domain.versions import MAX_VERSIONS, VersionTree, parent_of_next, parent_seq, reattach_children
from chat_service.domain.window import count_scrolled_out
from chat_service.storage.state import UNKNOWN_TIME, Meta, Recent, TurnResult

MAX_STOP_ALL_BARRIERS = 50
MAX_PEOPLE = 500
"""People that a conversation knows by heart; the directories of later ones are told of it each time they speak."""


class Conversation:
    """A conversation in the hands of one handler: loaded, changed by the methods, then saved."""

    def __init__(self, meta: Meta, recent: Recent) -> None:
        self.meta = meta
        self.recent = recent
        self.stale_summary_upto = 0
        """How far the summary went that told of what is no longer shown; it is to be written anew."""
        self.new_people: list[str] = []
        """People whose directories do not list this conversation yet, as far as it knows."""

    @property
    def verbatim_after(self) -> int:
        """The sequence number up to which the model sees nothing word for word."""
        return max(self.meta.summary_upto, self.meta.context_start_seq - 1)

    def verbatim_messages(self) -> list[Message]:
        """The recent messages that the model may see word for word."""
        return [m for m in self.recent.messages if m.seq > self.verbatim_after]

    def reset_context(self) -> None:
        """From here on the model sees nothing of what was said before."""
        self.meta.context_start_seq = self.meta.next_seq
        self.drop_summary()

    def drop_summary(self, seq: int = 0) -> int:
        """Take the summary back, also one that is being written, because message `seq` (or more) is gone from what it
        may tell; gives how far a summary went that covered it, else 0."""
        self.meta.summary_epoch += 1
        if seq > self.meta.summary_upto:
            self.meta.summary_requested_upto = self.meta.summary_upto
            return 0
        upto, self.meta.summary, self.meta.summary_upto = self.meta.summary_upto, "", 0
        return upto

    def apply_summary(self, text: str, upto: int, epoch: int) -> bool:
        """Let a summary stand for everything up to `upto`; whether it was of use (it may come too late)."""
        if epoch != self.meta.summary_epoch or upto <= self.verbatim_after or upto >= self.meta.next_seq:
            return False
        self.meta.summary, self.meta.summary_upto = text, upto
        return True

    # --- messages ------------------------------------------------------------------------------------------
    def find(self, message_id: str) -> Message | None:
        """The message with this platform id, if it is recent or in flight."""
        inflight = self.meta.running.question if self.meta.running else []
        return next((m for m in (*self.recent.messages, *inflight) if m.id == message_id), None)

    def may_be_repeat(self, inbound: Inbound) -> bool:
        """Whether this could repeat a message that scrolled out or was forgotten: then the Transcript knows."""
        if inbound.id is None or self.meta.latest_removed_at is None:
            return False
        if inbound.at is None or inbound.undated:
            return True
        return inbound.at <= max(self.meta.latest_removed_at, self.meta.latest_future_at or self.meta.latest_removed_at)

    def _not_ahead(self, messages: list[Message], now: datetime) -> None:
        """A message's time is its author's word: what lies in the future would stand above all for ever, and reach no
        age."""
        for message in messages:
            if message.at > now:
                self.meta.latest_future_at = max(self.meta.latest_future_at or message.at, message.at)
                message.at = now

    def find_reply(self, turn: int) -> Message | None:
        """The reply that stands for a turn: the version that is shown, or the newest where all of the turn is not."""
        versions = [m for m in reversed(self.recent.messages) if m.turn == turn and m.role == "assistant"]
        return next((m for m in versions if not m.replaced), versions[0] if versions else None)

    def _message(self, inbound: Inbound, turn: int, at: datetime, status: Status = "answered") -> Message:
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

    def add_person(self, person: str) -> None:
        """Remember somebody who says something here, or thinks something of a reply: whoever wants to be forgotten must
        be found in it."""
        if person and person not in self.meta.people:
            self.new_people = list(dict.fromkeys([*self.new_people, person]))
            if len(self.meta.people) < MAX_PEOPLE:
                self.meta.people = sorted([*self.meta.people, person])

    def _lines(self, inbound: list[Inbound], turn: int, at: datetime, status: Status = "answered") -> list[Message]:
        lines = [self._message(one, turn, at, status) for one in inbound]
        lines[0].after = parent_of_next(self.recent.messages)
        return lines

    def _new_turn(self) -> int:
        turn = self.meta.next_turn
        self.meta.next_turn += 1
        self.meta.version += 1
        return turn

    def add_unanswered(self, inbound: list[Inbound], now: datetime, status: Literal["noted", "withdrawn"]) -> int:
        """Keep messages that get no answer; returns their turn."""
        turn = self._new_turn()
        lines = self._lines(inbound, turn, now, status)
        self._not_ahead(lines, now)
        self.recent.messages += lines
        return turn

    # --- turns ---------------------------------------------------------------------------------------------
    def open_turn(self, question: list[Inbound], invocation: str, at: datetime | None) -> RunningTurn:
        """Write the question down before the model is called, so that every window shows it at once.

        Where nobody knows the time (`at` None), the model step tells it: a step of its own in front of that one would
        cost a journal entry and a round trip.
        """
        turn = self._new_turn()
        self.meta.running = RunningTurn(
            turn=turn,
            invocation=invocation,
            question=self._lines(question, turn, at or UNKNOWN_TIME),
            started_at=at,
        )
        return self.meta.running

    def replace_question(self, seq: int) -> bool:
        """Let the question that was just opened stand in the place of another, and of all that followed that; whether
        it could: the other one may have scrolled out, or have too many versions."""
        question = self.meta.running.question if self.meta.running else []
        messages = self.recent.messages
        named = next((m for m in messages if m.seq == seq and m.role == "user" and m.status != "noted"), None)
        if named is None or not question:
            return False
        old = next(m for m in messages if m.turn == named.turn and m.role == "user")
        if len(VersionTree(messages, self.meta.shown_versions).versions(old)) >= MAX_VERSIONS:
            return False
        at_end, question[0].after = question[0].after, parent_seq(old)
        if not self._show(question[0].seq, question):
            question[0].after = at_end
            return False
        return True

    def show_version(self, seq: int) -> bool:
        """Show this version and what was shown below it last; whether it could be."""
        named = next((m for m in self.recent.messages if m.seq == seq and m.status != "noted"), None)
        return named is not None and self._show(seq)

    def _show(self, seq: int, question: Sequence[Message] = ()) -> bool:
        changed = VersionTree([*self.recent.messages, *question], self.meta.shown_versions).show(seq)
        first = min((m.seq for m in changed or ()), default=None)
        if first is not None and first <= max(self.meta.summary_upto, self.meta.summary_requested_upto):
            self.stale_summary_upto = max(self.stale_summary_upto, self.drop_summary(first))
        return changed is not None

    def reopen_turn(self, invocation: str, at: datetime, partial_text: str = "") -> RunningTurn | None:
        """Answer the last turn anew, or go on after what was `said`; None when there is nothing to answer again.

        Answered anew, the old reply stays where it is, marked as replaced when the new one comes. One that failed, or
        was stopped before its first word, leaves a good old one standing.
        """
        last = self.last_reply()
        if last is None:
            return None
        self.meta.version += 1
        self.meta.running = RunningTurn(turn=last.turn, invocation=invocation, started_at=at, partial_text=partial_text)
        return self.meta.running

    def count_reply_versions(self, turn: int) -> int:
        """How many versions of its reply are held of a turn."""
        return sum(m.turn == turn and m.role == "assistant" for m in self.recent.messages)

    def is_first_shown_turn(self, turn: int) -> bool:
        """Whether nothing is shown before this turn."""
        return all(m.replaced or m.turn >= turn for m in self.recent.messages)

    def last_reply(self) -> Message | None:
        """The last reply that is shown, if the model may still see it and its question."""
        after = [m for m in self.recent.messages if m.seq >= self.meta.context_start_seq and not m.replaced]
        last = next((m for m in reversed(after) if m.role == "assistant"), None)
        asked = last and any(
            m.turn == last.turn and m.role == "user" and m.status != "forgotten" for m in self.recent.messages
        )
        return last if asked else None

    def close_turn(self, answer: TurnResult) -> Message:
        """Write the reply down, whatever became of it, and leave the conversation ready for the next message."""
        running = self.meta.running
        if running is None:
            raise ValueError("no turn is running")
        self._not_ahead(running.question, answer.at)
        standing = self.find_reply(running.turn)
        if running.partial_text and standing is not None:
            reply = standing
            reply.text = answer.text or running.partial_text
            reply.at, reply.status, reply.error = answer.at, answer.status, answer.error
            reply.model, reply.usage, reply.seconds = answer.model, answer.usage, answer.seconds
            reply.cut, reply.shortened = answer.cut, answer.shortened
        else:
            reply = Message(
                seq=self.meta.next_seq,
                turn=running.turn,
                role="assistant",
                text=answer.text,
                at=answer.at,
                status=answer.status,
                error=answer.error,
                model=answer.model,
                usage=answer.usage,
                seconds=answer.seconds,
                cut=answer.cut,
                shortened=answer.shortened,
            )
            self.meta.next_seq += 1
            self.recent.messages += [*running.question, reply]
            if not running.question:  # answered anew
                asked = [m.seq for m in self.recent.messages if m.turn == running.turn and m.role == "user"]
                reply.after = asked[-1] if asked else None
                self._show(standing.seq if standing and _in_vain(reply, standing) else reply.seq)
        self.meta.running = None
        self.meta.version += 1
        if answer.stop_all_marker and answer.stop_all_marker not in self.meta.stop_all_barriers:
            self.meta.stop_all_marker = answer.stop_all_marker
        return reply

    def to_reply(self, message: Message) -> Reply:
        """A reply message as the contract's `Reply`."""
        return Reply(
            reply=message.text,
            status=message.status,
            turn=message.turn,
            seq=message.seq,
            error=message.error,
            model=message.model,
            usage=message.usage,
            seconds=message.seconds,
            cut=message.cut,
            shortened=message.shortened,
        )

    def pass_stop_all_barrier(self, mark: str) -> None:
        """The end of a "stop all": what comes after is answered again, but for what a later one is to withdraw."""
        self.meta.stop_all_barriers = [*self.meta.stop_all_barriers, mark][-MAX_STOP_ALL_BARRIERS:]
        if self.meta.stop_all_marker == mark:
            self.meta.stop_all_marker = None

    # --- what scrolls out ----------------------------------------------------------------------------------
    def scroll_out(self) -> list[Message]:
        """Take out what leaves the window; gives it, for the Transcript."""
        held = self.recent.messages
        cut = count_scrolled_out(held, self.verbatim_after)
        out, self.recent.messages = held[:cut], held[cut:]
        self.meta.latest_removed_at = latest_time(self.meta.latest_removed_at, out)
        return out

    def prune(self, cut: DeletionScope, outbox: list[Message]) -> tuple[list[Message], list[Message]]:
        """Take messages out; gives those that went, and what remains of `outbox`."""
        held = [*outbox, *self.recent.messages]
        goes = deletion_predicate(held, cut)
        gone = [m for m in held if goes(m)]
        self.recent.messages = without_feedback_of([m for m in self.recent.messages if not goes(m)], cut)
        reattach_children(self.recent.messages, gone)
        self.meta.latest_removed_at = latest_time(self.meta.latest_removed_at, gone)
        self.meta.version += 1
        return gone, without_feedback_of([m for m in outbox if not goes(m)], cut)

    def forget(self) -> list[str]:
        """Empty everything but the counters; returns the ids whose textless marks must remain."""
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


def _in_vain(reply: Message, standing: Message) -> bool:
    """Whether a reply that was answered anew came to less than the one that stands, which then goes on standing."""
    good = bool(standing.text) and standing.status != "failed"
    return good and (reply.status == "failed" or not reply.text)


def participant_ids(known: Iterable[str], *held: Iterable[Message]) -> tuple[str, ...]:
    """The ids of those who have a part in it, each once: the `known` ones, who wrote what is `held`, and who thought
    something of it."""
    messages = [m for some in held for m in some]
    wrote = (m.author.id for m in messages if m.author and m.author.id)
    return tuple(dict.fromkeys([*known, *wrote, *(person for m in messages for person in m.feedback)]))


def latest_time(horizon: datetime | None, messages: list[Message]) -> datetime | None:
    """The latest of a time and the messages' times."""
    times = [m.at for m in messages]
    return max([*times, horizon] if horizon else times, default=None)
