"""Calls of `Queue`, which holds the messages that wait for their turn."""

from __future__ import annotations

from chat_service.contracts.base import Contract
from chat_service.contracts.messages import Inbound


class TakeRequest(Contract):
    """Names the message whose turn it is; `together` also takes messages that belong to the same question."""

    id: str
    together: bool


class QueuedMessages(Contract):
    """Messages in the order in which they were accepted.

    Attributes:
        messages: the messages.
        title: a title that waits with them; empty when there is none.
        again: the messages were taken before.
    """

    messages: list[Inbound] = []
    title: str = ""
    again: bool = False
