"""Calls of a conversation through the ingress, as the tests need them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import uuid4

from chat_service import handlers, keys
from chat_service.contracts import (
    AcceptedMessage,
    History,
    HistoryRequest,
    Inbound,
    Notes,
    Reply,
    StopRequest,
    StopResult,
    TurnRequest,
)
from chat_service.ingress import IngressClient
from tests.processes import eventually, new_session_key

PERSON_ID = "a" * 26


def new_web_key() -> str:
    """Return the key of a new conversation of the web page, whose messages go through the queue."""
    return keys.web(PERSON_ID, new_session_key())


def new_person_id() -> str:
    """Return the id of a new person."""
    return "".join(c if c in "abcdef" else "abcdefghij"[int(c)] for c in uuid4().hex[:26])


async def send_message(ingress: IngressClient, key: str, text: str, **more: object) -> Reply:
    """Send a message and wait for the reply."""
    inbound = Inbound.model_validate({"message": text, **more})
    return await ingress.call(handlers.CHAT_MESSAGE, key, inbound)


def start_message(ingress: IngressClient, key: str, text: str, **more: object) -> asyncio.Task[Reply]:
    """Send a message and return a task that waits for the reply."""
    return asyncio.create_task(send_message(ingress, key, text, **more))


async def queue_message(
    ingress: IngressClient, key: str, text: str, message_id: str, **more: object
) -> AcceptedMessage:
    """Add a message to the queue, as the bots and the page do."""
    inbound = Inbound.model_validate({"message": text, "id": message_id, **more})
    return await ingress.call(handlers.QUEUE_ADD, key, inbound)


async def wait_for_turn(ingress: IngressClient, key: str, message_id: str) -> Reply:
    """Wait until the turn of a message has ended, and return its reply."""

    async def read_turn() -> Reply:
        return await ingress.call(handlers.CHAT_GET_TURN, key, TurnRequest(id=message_id))

    return await eventually(read_turn, lambda reply: reply.status not in ("waiting", "running"))


async def add_notes(ingress: IngressClient, key: str, texts: Sequence[str], **more: object) -> None:
    """Add messages that are not answered: the fastest way to a long conversation."""
    notes = [Inbound.model_validate({"message": text, **more}) for text in texts]
    await ingress.call(handlers.CHAT_ADD_NOTES, key, Notes(messages=notes))


async def stop_turn(ingress: IngressClient, key: str, **more: object) -> StopResult:
    """Stop the running turn."""
    return await ingress.call(handlers.CHAT_STOP, key, StopRequest.model_validate(more))


async def read_history(ingress: IngressClient, key: str, **more: int) -> History:
    """Read a page of the history, by default the newest one."""
    return await ingress.call(handlers.CHAT_GET_HISTORY, key, HistoryRequest(**more))


async def read_all_texts(ingress: IngressClient, key: str, limit: int = 11) -> list[str]:
    """Read the texts of all messages, page by page."""
    texts: list[str] = []
    before: int | None = None
    while True:
        page = await read_history(ingress, key, limit=limit, **({"before": before} if before else {}))
        texts = [m.text for m in page.messages] + texts
        before = page.next_before
        if before is None:
            return texts
