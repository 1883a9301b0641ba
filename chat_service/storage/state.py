"""The state of a conversation, as the virtual object `Chat` holds it. All records are limited in size.

State keys: `meta` (counters, settings, the running turn) and `recent` (the newest messages) are sent along with every
call; `outbox` holds messages on their way to the Transcript until the Transcript has confirmed them.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import Field

from chat_service.contracts import CutOff, Message, Overrides, RunningTurn, Status, Time, Usage
from chat_service.storage.record import StateRecord

UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""Time of a question that came without one, until its model step has set it; see `set_start_time`."""


class TurnResult(StateRecord):
    """The result of answering a turn.

    Attributes:
        seconds: duration from the first call of the model to the end, including pauses.
        shortened: the question did not fit into the prompt and its middle was left out.
        at: when the turn ended.
        stop_all_marker: the marker of a "stop all" that ended the turn; see `Meta`.
    """

    status: Status
    text: str = ""
    error: str | None = None
    model: str | None = None
    usage: Usage | None = None
    seconds: float = 0
    cut: CutOff | None = None
    shortened: bool = False
    at: Time
    stop_all_marker: str | None = None


class ModelLimits(StateRecord):
    """Figures about a model, learned from its provider.

    Attributes:
        chars_per_token: from the provider's usage figures.
        context_tokens: the size of the model's context, from the rejection of a longer prompt.
    """

    chars_per_token: float = 3.5
    context_tokens: int | None = None


class Meta(StateRecord):
    """Counters, settings, and the running turn.

    Attributes:
        epoch: grows with every deletion of the whole conversation; pages of an older epoch are dropped.
        version: grows with every change that a person can see.
        next_seq: sequence number of the next message.
        next_turn: number of the next turn.
        running: the turn that is being answered.
        latest_removed_at: the latest time of a message that scrolled out or was deleted. A newer message cannot repeat
            one of those, so only older ones are looked up in the Transcript.
        latest_future_at: the latest time in the future that a message came with. A message up to that time may be a
            repeat too, because stored times are limited to the present.
        has_retention_timer: a durable timer is set that deletes what has reached the age `RETENTION_DAYS`.
        shown_versions: the version shown last, for messages with several; see `domain.versions.ShownVersions`.
        context_start_seq: the model sees no message before this sequence number (set by a reset).
        summary: replaces everything up to `summary_upto` in the prompt.
        summary_upto: the last message that the summary covers; 0: there is no summary.
        summary_requested_upto: how far the last requested summary goes.
        summary_epoch: grows with every change that invalidates a summary which is being written.
        stop_all_marker: the marker of a "stop all". Messages are withdrawn until its barrier is reached.
        stop_all_barriers: markers of the last barriers reached, newest last. Two stops may come close together, and a
            caller that waits for the first barrier has to find it after the second.
        title: the title; empty until one is written.
        renamed: a person has chosen the title.
        title_epoch: grows with every change that invalidates a title which is being written: it may quote deleted text.
        people: ids of the people who wrote here or rated a reply; their directories list the conversation.
        overrides: this conversation's own settings.
        model_limits: learned limits of the models that answered here, by name; the one that answered last is last.
    """

    epoch: int = 0
    version: int = 0
    next_seq: int = 1
    next_turn: int = 1
    running: RunningTurn | None = None
    latest_removed_at: Time | None = None
    latest_future_at: Time | None = None
    has_retention_timer: bool = False
    shown_versions: dict[int, int] = Field(default_factory=dict)
    context_start_seq: int = 1
    summary: str = ""
    summary_upto: int = 0
    summary_requested_upto: int = 0
    summary_epoch: int = 0
    stop_all_marker: str | None = None
    stop_all_barriers: list[str] = Field(default_factory=list)
    title: str = ""
    renamed: bool = False
    title_epoch: int = 0
    people: list[str] = Field(default_factory=list)
    overrides: Overrides = Field(default_factory=Overrides)
    model_limits: dict[str, ModelLimits] = Field(default_factory=dict)


class Recent(StateRecord):
    """The newest messages, oldest first."""

    messages: list[Message] = Field(default_factory=list)


class Outbox(StateRecord):
    """Messages on their way to the Transcript. Readers find them here until they have arrived."""

    messages: list[Message] = Field(default_factory=list)


def set_start_time(running: RunningTurn, at: datetime) -> None:
    """Set the start of a turn, and the time of its question, where it is not known yet."""
    if running.started_at is None:
        running.started_at = at
        running.question = fill_in_time(running.question, at)


def fill_in_time(question: list[Message], at: datetime) -> list[Message]:
    """Return the question with `at` instead of `UNKNOWN_TIME`."""
    return [m.model_copy(update={"at": at}) if m.at == UNKNOWN_TIME else m for m in question]
