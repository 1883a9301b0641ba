"""What a conversation remembers of people's messages: what is compared with the platform after an outage, since nobody
tells afterwards what was edited or deleted meanwhile."""

from __future__ import annotations

from chat_service.contracts import History, HistoryRequest, Inbound, Message
from chat_service.ingress import IngressClient

MOST = 200
"""Messages that are compared: the newest."""


async def remembered(ingress: IngressClient, conversation: str) -> dict[str, Message | Inbound]:
    """The newest messages of people, by their platform id: those answered, noted, being answered, and waiting.

    Raises:
        IngressError, TimeoutError: Restate is away.
    """
    page = await ingress.call("Chat", conversation, "get_history", HistoryRequest(limit=MOST), History, timeout=10)
    held, before = page.messages, page.next_before
    while before is not None and len(held) < MOST:  # large ones come in several pages
        request = HistoryRequest(before=before, limit=MOST - len(held))
        older = await ingress.call("Chat", conversation, "get_history", request, History, timeout=10)
        held, before = older.messages + held, older.next_before
    said: list[Message | Inbound] = [one for one in held if one.role == "user" and one.status != "forgotten"]
    said += [*(page.running.question if page.running else []), *page.waiting]
    return {one.id: one for one in said if one.id}
