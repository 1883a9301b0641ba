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
from tests.processes import Stack, eventually, new_session_key

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


async def answer_queued(ingress: IngressClient, key: str, text: str, message_id: str, **more: object) -> Reply:
    """Add a message to an empty queue, and wait until its turn has ended."""
    queued = await queue_message(ingress, key, text, message_id, **more)
    return await ingress.attach(queued.invocation, Reply)


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


async def read_shown_texts(ingress: IngressClient, key: str) -> list[str]:
    """Return the texts of the shown messages."""
    page = await read_history(ingress, key, limit=200)
    return [m.text for m in page.messages if not m.replaced]


async def read_last_prompt(stack: Stack) -> str:
    """Return the last prompt of a turn as one text."""
    return str((await stack.model.requests())[-1].body["messages"])
