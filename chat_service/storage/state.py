"""What `Chat` holds of a conversation, bounded in count and in bytes.

Two records, both preloaded with every call: `meta` (counters, settings, the turn in flight) and `recent` (the last
messages). What scrolls out waits in `outbox` until the Transcript has confirmed it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import Field

from chat_service.contracts import CutOff, Message, Overrides, RunningTurn, Status, Time, Usage
from chat_service.storage.serde import StateRecord

UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""When a question came that brought no time and is only now being asked: its model step tells (`date`)."""


class TurnResult(StateRecord):
    """How the answering of a turn ended: what the model step, or the guard around it, came to."""

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
    """What a model's provider told of it.

    Attributes:
        chars_per_token: from its usage figures.
        context_tokens: the size of its context, from a refusal of a longer prompt.
    """

    chars_per_token: float = 3.5
    context_tokens: int | None = None


class Meta(StateRecord):
    """Counters, settings, and the turn in flight.

    Attributes:
        epoch: grows with every forget; a late page or title of an older epoch is dropped.
        version: grows with every change of what a person sees.
        horizon: the latest time of any message that scrolled out or was forgotten. A message that is newer cannot
            be a repeat of one of those, so only older ones are looked up in the Transcript.
        ahead: the latest time that a message brought and that lay in the future: what is as new may be a repeat, too.
        expiry: whether a durable timer is set that will remove what has reached the age of `RETENTION_DAYS`.
        picked: see `versions`.
        context_from: the model sees nothing before this sequence number (a reset).
        summary: stands in the prompt for everything up to `summary_upto`; `summary_asked` is how far the last request
            for one went, and `summary_epoch` grows with everything that makes a summary on its way worthless.
        people: the ids of those who have a part in it; their directories list the conversation.
        drain: the mark of a "stop all": whatever comes before its fence is withdrawn.
        fences: the marks of the last fences that were reached, newest last. Two stops may come close together, and
            whoever waits for the fence of the first must find it behind that of the second.
        title_epoch: grows with everything that makes a title on its way worthless, since it may quote what is gone.
        learned: what is known of the models that answered here, by name; the one that answered last is the last.
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
    """The last messages, oldest first."""

    messages: list[Message] = Field(default_factory=list)


class Outbox(StateRecord):
    """Messages on their way to the Transcript; readers find them here meanwhile."""

    messages: list[Message] = Field(default_factory=list)


def set_start_time(running: RunningTurn, at: datetime) -> None:
    """Write down when a turn began, and its question came, where that is not known yet."""
    if running.started_at is None:
        running.started_at = at
        running.question = fill_in_time(running.question, at)


def fill_in_time(question: list[Message], at: datetime) -> list[Message]:
    """The question with that time, where it has none."""
    return [m.model_copy(update={"at": at}) if m.at == UNKNOWN_TIME else m for m in question]
