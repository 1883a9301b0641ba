"""The chat service as commands reach it: through Restate, which waits for one that is away."""

from __future__ import annotations

from chat_service.contracts import History, HistoryRequest
from chat_service.ingress import IngressClient

ANSWER_SECONDS = 5.0
"""A read takes milliseconds; a chat service that just restarts gets this long."""
UNREACHABLE = "the chat service does not answer: start it (`threadwell up` or `threadwell serve`), or ask `threadwell doctor`"


async def read_newest(ingress: IngressClient, key: str, limit: int = 1) -> History:
    """The newest messages of a conversation.

    Raises:
        TimeoutError: the chat service is away.
        IngressError: Restate is.
    """
    return await ingress.call("Chat", key, "get_history", HistoryRequest(limit=limit), History, timeout=ANSWER_SECONDS)


async def is_reachable(ingress: IngressClient) -> bool:
    """Whether the chat service is there.

    Raises:
        IngressError: Restate is not.
    """
    try:
        await read_newest(ingress, "doctor")
    except TimeoutError:
        return False
    return True
