"""The few words a test needs to talk to a conversation through the ingress."""

from __future__ import annotations

import asyncio

from chat_service import keys
from chat_service.contracts import Accepted, History, HistoryRequest, Inbound, Reply, Stopped, StopRequest, TurnRequest
from chat_service.ingress import IngressClient
from tests.processes import eventually, session_name

PERSON = "a" * 26


def chat_key() -> str:
    """The key of a conversation of a platform (the browser's), nobody has used."""
    return keys.web(PERSON, session_name())


async def say(ingress: IngressClient, key: str, text: str, **more: object) -> Reply:
    """Say something and wait for the reply."""
    inbound = Inbound.model_validate({"message": text, **more})
    return await ingress.call("Chat", key, "message", inbound, Reply)


def saying(ingress: IngressClient, key: str, text: str, **more: object) -> asyncio.Task[Reply]:
    """Say something, and wait for the reply in a task."""
    return asyncio.create_task(say(ingress, key, text, **more))


async def hand_in(ingress: IngressClient, key: str, text: str, message_id: str, **more: object) -> Accepted:
    """Hand a message to the Inbox, as adapters do."""
    inbound = Inbound.model_validate({"message": text, "id": message_id, **more})
    return await ingress.call("Inbox", key, "accept", inbound, Accepted)


async def reply_to(ingress: IngressClient, key: str, message_id: str) -> Reply:
    """Wait until the turn of a message has ended."""

    async def look() -> Reply:
        return await ingress.call("Chat", key, "get_turn", TurnRequest(id=message_id), Reply)

    return await eventually(look, lambda reply: reply.status not in ("waiting", "running"))


async def stop(ingress: IngressClient, key: str, **more: object) -> Stopped:
    """Stop what runs."""
    return await ingress.call("Chat", key, "stop", StopRequest.model_validate(more), Stopped)


async def read(ingress: IngressClient, key: str, **more: int) -> History:
    """A page of history, the newest by default."""
    return await ingress.call("Chat", key, "get_history", HistoryRequest(**more), History)


async def whole(ingress: IngressClient, key: str) -> list[str]:
    """All texts of a conversation, read page by page."""
    texts: list[str] = []
    before: int | None = None
    while True:
        page = await read(ingress, key, limit=11, **({"before": before} if before else {}))
        texts = [m.text for m in page.messages] + texts
        before = page.next_before
        if before is None:
            return texts
