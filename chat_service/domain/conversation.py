"""A conversation in the hands of one handler, and the rules by which it changes. All of it is pure: nothing here reads
a clock or talks to anyone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from chat_service.contracts import Inbound, Message, Reply, RunningTurn, Status
from chat_service.domain.deletion import DeletionScope, going, unjudged
from chat_service.domain.versions import MAX_VERSIONS, Tree, close_gaps, follows, place_of_next
from chat_service.domain.window import leaving
from chat_service.storage.state import UNDATED, Meta, Recent, TurnResult

FENCES = 50
PEOPLE = 500
"""People that a conversation knows by heart; the directories of later ones are told of it each time they speak."""


class Conversation:
    """A conversation in the hands of one handler: loaded, changed by the methods, then saved."""

    def __init__(self, meta: Meta, recent: Recent) -> None:
        self.meta = meta
        self.recent = recent
        self.lost_summary = 0
        """How far the summary went that told of what is no longer shown; it is to be written anew."""
        self.newcomers: list[str] = []
        """People whose directories do not list this conversation yet, as far as it knows."""

    @property
    def summarised(self) -> int:
        """The sequence number up to which the model sees nothing word for word."""
        return max(self.meta.summary_upto, self.meta.context_from - 1)

    def visible(self) -> list[Message]:
        """The recent messages that the model may see word for word."""
        return [m for m in self.recent.messages if m.seq > self.summarised]

    def start_afresh(self) -> None:
        """From here on the model sees nothing of what was said before."""
        self.meta.context_from = self.meta.next_seq
        self.drop_summary()

    def drop_summary(self, seq: int = 0) -> int:
        """Take the summary back, also one that is being written, because message `seq` (or more) is gone from what it
        may tell; gives how far a summary went that covered it, else 0."""
        self.meta.summary_epoch += 1
        if seq > self.meta.summary_upto:
            self.meta.summary_asked = self.meta.summary_upto
            return 0
        upto, self.meta.summary, self.meta.summary_upto = self.meta.summary_upto, "", 0
        return upto

    def apply_summary(self, text: str, upto: int, epoch: int) -> bool:
        """Let a summary stand for everything up to `upto`; whether it was of use (it may come too late)."""
        if epoch != self.meta.summary_epoch or upto <= self.summarised or upto >= self.meta.next_seq:
            return False
        self.meta.summary, self.meta.summary_upto = text, upto
        return True

    # --- messages ------------------------------------------------------------------------------------------
    def find(self, message_id: str) -> Message | None:
        """The message with this platform id, if it is recent or in flight."""
        inflight = self.meta.running.question if self.meta.running else []
        return next((m for m in (*self.recent.messages, *inflight) if m.id == message_id), None)

    def may_be_old(self, inbound: Inbound) -> bool:
        """Whether this could repeat a message that scrolled out or was forgotten: then the Transcript knows."""
        if inbound.id is None or self.meta.horizon is None:
            return False
        if inbound.at is None or inbound.undated:
            return True
        return inbound.at <= max(self.meta.horizon, self.meta.ahead or self.meta.horizon)

    def _not_ahead(self, messages: list[Message], now: datetime) -> None:
        """A message's time is its author's word: what lies in the future would stand above all for ever, and reach no
        age."""
        for message in messages:
            if message.at > now:
                self.meta.ahead = max(self.meta.ahead or message.at, message.at)
                message.at = now

    def reply_of(self, turn: int) -> Message | None:
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
        self.meet(inbound.author.id if inbound.author else "")
        return message

    def meet(self, person: str) -> None:
        """Remember somebody who says something here, or thinks something of a reply: whoever wants to be forgotten must
        be found in it."""
        if person and person not in self.meta.people:
            self.newcomers = list(dict.fromkeys([*self.newcomers, person]))
            if len(self.meta.people) < PEOPLE:
                self.meta.people = sorted([*self.meta.people, person])

    def _lines(self, inbound: list[Inbound], turn: int, at: datetime, status: Status = "answered") -> list[Message]:
        lines = [self._message(one, turn, at, status) for one in inbound]
        lines[0].after = place_of_next(self.recent.messages)
        return lines

    def _new_turn(self) -> int:
        turn = self.meta.next_turn
        self.meta.next_turn += 1
        self.meta.version += 1
        return turn

    def note(self, inbound: list[Inbound], now: datetime, status: Literal["noted", "withdrawn"]) -> int:
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
            question=self._lines(question, turn, at or UNDATED),
            started_at=at,
        )
        return self.meta.running

    def replace(self, seq: int) -> bool:
        """Let the question that was just opened stand in the place of another, and of all that followed that; whether
        it could: the other one may have scrolled out, or have too many versions."""
        question = self.meta.running.question if self.meta.running else []
        messages = self.recent.messages
        named = next((m for m in messages if m.seq == seq and m.role == "user" and m.status != "noted"), None)
        if named is None or not question:
            return False
        old = next(m for m in messages if m.turn == named.turn and m.role == "user")
        if len(Tree(messages, self.meta.picked).versions(old)) >= MAX_VERSIONS:
            return False
        at_end, question[0].after = question[0].after, follows(old)
        if not self._show(question[0].seq, question):
            question[0].after = at_end
            return False
        return True

    def choose(self, seq: int) -> bool:
        """Show this version and what was shown below it last; whether it could be."""
        named = next((m for m in self.recent.messages if m.seq == seq and m.status != "noted"), None)
        return named is not None and self._show(seq)

    def _show(self, seq: int, question: Sequence[Message] = ()) -> bool:
        changed = Tree([*self.recent.messages, *question], self.meta.picked).show(seq)
        first = min((m.seq for m in changed or ()), default=None)
        if first is not None and first <= max(self.meta.summary_upto, self.meta.summary_asked):
            self.lost_summary = max(self.lost_summary, self.drop_summary(first))
        return changed is not None

    def reopen_turn(self, invocation: str, at: datetime, said: str = "") -> RunningTurn | None:
        """Answer the last turn anew, or go on after what was `said`; None when there is nothing to answer again.

        Answered anew, the old reply stays where it is, marked as replaced when the new one comes. One that failed, or
        was stopped before its first word, leaves a good old one standing.
        """
        last = self.last_reply()
        if last is None:
            return None
        self.meta.version += 1
        self.meta.running = RunningTurn(turn=last.turn, invocation=invocation, started_at=at, partial_text=said)
        return self.meta.running

    def replies(self, turn: int) -> int:
        """How many versions of its reply are held of a turn."""
        return sum(m.turn == turn and m.role == "assistant" for m in self.recent.messages)

    def begins_with(self, turn: int) -> bool:
        """Whether nothing is shown before this turn."""
        return all(m.replaced or m.turn >= turn for m in self.recent.messages)

    def last_reply(self) -> Message | None:
        """The last reply that is shown, if the model may still see it and its question."""
        after = [m for m in self.recent.messages if m.seq >= self.meta.context_from and not m.replaced]
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
        standing = self.reply_of(running.turn)
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

    def reply(self, message: Message) -> Reply:
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
        self.meta.stop_all_barriers = [*self.meta.stop_all_barriers, mark][-FENCES:]
        if self.meta.stop_all_marker == mark:
            self.meta.stop_all_marker = None

    # --- what scrolls out ----------------------------------------------------------------------------------
    def scroll(self) -> list[Message]:
        """Take out what leaves the window; gives it, for the Transcript."""
        held = self.recent.messages
        cut = leaving(held, self.summarised)
        out, self.recent.messages = held[:cut], held[cut:]
        self.meta.horizon = latest(self.meta.horizon, out)
        return out

    def prune(self, cut: DeletionScope, outbox: list[Message]) -> tuple[list[Message], list[Message]]:
        """Take messages out; gives those that went, and what remains of `outbox`."""
        held = [*outbox, *self.recent.messages]
        goes = going(held, cut)
        gone = [m for m in held if goes(m)]
        self.recent.messages = unjudged([m for m in self.recent.messages if not goes(m)], cut)
        close_gaps(self.recent.messages, gone)
        self.meta.horizon = latest(self.meta.horizon, gone)
        self.meta.version += 1
        return gone, unjudged([m for m in outbox if not goes(m)], cut)

    def forget(self) -> list[str]:
        """Empty everything but the counters; returns the ids whose textless marks must remain."""
        ids = [m.id for m in self.recent.messages if m.id]
        old = self.meta
        self.meta = Meta(
            epoch=old.epoch + 1,
            version=old.version + 1,
            next_seq=old.next_seq,
            next_turn=old.next_turn,
            context_from=old.next_seq,
            summary_epoch=old.summary_epoch + 1,
            title_epoch=old.title_epoch + 1,
            horizon=latest(old.horizon, self.recent.messages),
            ahead=old.ahead,
            stop_all_barriers=old.stop_all_barriers,
        )
        self.recent = Recent()
        return ids


def _in_vain(reply: Message, standing: Message) -> bool:
    """Whether a reply that was answered anew came to less than the one that stands, which then goes on standing."""
    good = bool(standing.text) and standing.status != "failed"
    return good and (reply.status == "failed" or not reply.text)


def everybody(known: Iterable[str], *held: Iterable[Message]) -> tuple[str, ...]:
    """The ids of those who have a part in it, each once: the `known` ones, who wrote what is `held`, and who thought
    something of it."""
    messages = [m for some in held for m in some]
    wrote = (m.author.id for m in messages if m.author and m.author.id)
    return tuple(dict.fromkeys([*known, *wrote, *(person for m in messages for person in m.feedback)]))


def latest(horizon: datetime | None, messages: list[Message]) -> datetime | None:
    """The latest of a time and the messages' times."""
    times = [m.at for m in messages]
    return max([*times, horizon] if horizon else times, default=None)
