"""The two interfaces that a platform implements: `Messenger` for input, `ReplyWriter` for output."""

from __future__ import annotations

from typing import Any, Protocol

from pydantic import Field

from bots.common.events import MessageEvent, ThreadContext
from chat_service.contracts import Contract, QuestionMessage, Status
from chat_service.storage.record import StateRecord


class Messenger(Protocol):
    """Reads events and sends messages that are not replies. All methods except `add_status` run in durable steps.

    Any method may raise `PermanentError`; any other exception means that the step is tried again.
    """

    async def parse_event(self, conversation: str, raw: dict[str, Any]) -> MessageEvent | None:
        """Return the event as a `MessageEvent`, or None when the bot has nothing to do with it."""
        ...

    async def read_thread(self, conversation: str, event: MessageEvent, after: str) -> ThreadContext:
        """Return the messages of people in the thread after position `after` and before `event`, files included.

        Messages that are left out are reported in `ThreadContext.truncated_before`.
        """
        ...

    async def send_ephemeral(self, conversation: str, event: MessageEvent, text: str) -> None:
        """Send a text to the author of `event` only, where the platform can."""
        ...

    async def post_notice(self, conversation: str, name: str, text: str) -> None:
        """Post a text that everybody in the thread sees. A notice with the same `name` is not posted twice."""
        ...

    async def add_status(self, conversation: str, event: MessageEvent) -> None:
        """Show that the message was received. May be lost; never raises."""
        ...

    async def remove_status(self, conversation: str, ids: list[str], *, own_only: bool = False) -> None:
        """Remove the status of messages that will not be answered; with `own_only`, only if this process added it.

        Never raises.
        """
        ...

    async def show_history(self, conversation: str, event: MessageEvent) -> None:
        """Show the conversation's history to the author of `event`, if they may read it."""
        ...

    async def may_administer(self, conversation: str, person: str) -> bool:
        """Return whether the person may make decisions for others in this channel, asked of the platform now."""
        ...


class DeliveryTarget(Contract):
    """The turn that is delivered: its conversation, its number, and the messages that it answers."""

    conversation: str
    turn: int
    question: list[QuestionMessage] = Field(default_factory=list)


class PostedMessage(StateRecord):
    """A message that shows a reply.

    `streaming` is true while the platform's own stream is open on the message. `confirmed` is false when an earlier
    attempt to post it, whose response was lost, may still take effect.
    """

    id: str
    streaming: bool = False
    confirmed: bool = True


class TurnOutcome(Contract):
    """How the turn of a reply ended; decides which buttons are shown beneath the reply."""

    status: Status
    turn: int
    seq: int = 0
    last: bool = True


class ReplyWriter(Protocol):
    """Posts replies. `find` makes posting repeatable: a message is looked for before it is posted a second time.

    Methods raise `PermanentError`, `OutcomeUnknownError`, or any other exception when they should be tried again.
    """

    preview_interval: float
    """Seconds between two previews in one message."""

    def split(self, text: str) -> list[str]:
        """Return a finished text formatted for the platform, in parts that fit into one message each."""
        ...

    async def find(self, target: DeliveryTarget, part: int) -> PostedMessage | None:
        """Return the message of this turn with this part number, if it exists."""
        ...

    async def open(self, target: DeliveryTarget) -> PostedMessage:
        """Post the message in which the reply will appear."""
        ...

    async def reopen(self, target: DeliveryTarget, posted: PostedMessage) -> None:
        """Show in the existing message that the turn is being regenerated."""
        ...

    async def update_preview(
        self, target: DeliveryTarget, posted: PostedMessage, shown: str | None, text: str
    ) -> str | None:
        """Replace the preview `shown` (None: unknown) by `text`; return what the message shows now."""
        ...

    async def complete(
        self, target: DeliveryTarget, posted: PostedMessage, shown: str | None, part: str, outcome: TurnOutcome
    ) -> None:
        """Make the message show exactly `part`. `shown` is None when its present text is unknown. May run twice."""
        ...

    async def post(self, target: DeliveryTarget, number: int, part: str, outcome: TurnOutcome) -> PostedMessage:
        """Post a part that does not fit into the first message."""
        ...

    async def remove(self, target: DeliveryTarget, id: str) -> None:
        """Delete a message; succeeds when it does not exist any more."""
        ...

    async def remove_duplicates(self, target: DeliveryTarget, kept: list[str]) -> None:
        """Delete messages of this turn other than `kept`: an attempt that took effect late posted them."""
        ...

    async def clear_status(self, target: DeliveryTarget, outcome: TurnOutcome) -> None:
        """Remove the status that was shown for the turn's messages. May be lost; never raises."""
        ...
