"""Reading from the chat service through Restate, which holds a call while the chat service is not running."""

from __future__ import annotations

from chat_service import handlers
from chat_service.contracts import History, HistoryRequest
from chat_service.ingress import IngressClient

ANSWER_SECONDS = 5.0
"""A read takes milliseconds. A chat service that is just restarting gets this long."""
UNREACHABLE = (
    "the chat service does not answer: start it (`threadwell up` or `threadwell serve`), or run `threadwell doctor`"
)


async def read_newest(ingress: IngressClient, key: str, limit: int = 1) -> History:
    """Return the newest messages of a conversation.

    Raises:
        TimeoutError: when the chat service does not answer.
        IngressError: when Restate does not answer.
    """
    return await ingress.call(handlers.CHAT_GET_HISTORY, key, HistoryRequest(limit=limit), timeout=ANSWER_SECONDS)


async def is_reachable(ingress: IngressClient) -> bool:
    """Return whether the chat service answers.

    Raises:
        IngressError: when Restate does not answer.
    """
    try:
        await read_newest(ingress, "doctor")
    except TimeoutError:
        return False
    return True
