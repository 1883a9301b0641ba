"""The buttons beneath replies. Permissions are checked when a button is pressed, not when it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bots.common import texts
from bots.common.access import CALL_SECONDS, Requester, claim_quota_by_ingress, find_refusal, is_blocked
from chat_service import handlers
from chat_service.contracts import FeedbackRequest, HistoryRequest, Reply, StopRequest, TurnRequest
from chat_service.ingress import IngressClient, IngressError
from chat_service.settings import Settings

REGENERATE_SECONDS = 20.0
"""How long an outcome of `regenerate` is waited for that must be shown to the person; the turn goes on by itself."""
RECENT_MESSAGES = 20

ButtonKind = Literal["stop", "retry", "up", "down"]


@dataclass(frozen=True, slots=True)
class ButtonAction:
    """A pressed button. `id` identifies the press; `turn` and `seq` the reply above the button."""

    kind: ButtonKind
    id: str
    requester: Requester
    turn: int
    seq: int = 0


async def run_button_action(ingress: IngressClient, settings: Settings, action: ButtonAction) -> str | None:
    """Carry out a button; return a text for the person who pressed it, or None.

    The platform has checked that the person may read the conversation.

    Raises:
        IngressError, TimeoutError: Restate cannot be reached.
    """
    conversation = action.requester.conversation
    if action.kind == "retry":
        return await _regenerate(ingress, settings, action)
    if await is_blocked(ingress, settings, action.requester):
        return texts.NOT_ALLOWED
    if action.kind == "stop":
        await ingress.send(handlers.CHAT_STOP, conversation, StopRequest(turn=action.turn))
        return None
    feedback = FeedbackRequest(seq=action.seq, person=action.requester.person, value=action.kind)
    await ingress.send(handlers.CHAT_SET_FEEDBACK, conversation, feedback)
    return texts.FEEDBACK_RECORDED[action.kind]


async def _regenerate(ingress: IngressClient, settings: Settings, action: ButtonAction) -> str | None:
    """Have the last reply written again, which counts as a question; return the reason if it is not."""
    if (reason := await find_refusal(ingress, settings, action.requester)) is not None:
        return reason
    if (reason := await _find_obstacle(ingress, action)) is not None:
        return reason
    if (reason := await claim_quota_by_ingress(ingress, settings, action.requester, action.id)) is not None:
        return reason
    conversation, request = action.requester.conversation, TurnRequest(turn=action.turn)
    # Pressed twice, also by two people, the reply is regenerated once.
    key = f"retry:{action.seq}"
    sent = await ingress.send(handlers.CHAT_REGENERATE, conversation, request, idempotency_key=key)
    try:
        await ingress.attach(sent.invocationId, Reply, timeout=REGENERATE_SECONDS)
    except IngressError as error:
        if error.status in (404, 409) and error.from_handler and not sent.repeated:
            return texts.NOT_THE_LAST
    except TimeoutError:
        pass  # the turn is running
    return None


async def _find_obstacle(ingress: IngressClient, action: ButtonAction) -> str | None:
    """Return why the reply cannot be regenerated: the conversation has gone on, or its question was deleted."""
    conversation, request = action.requester.conversation, HistoryRequest(limit=RECENT_MESSAGES)
    page = await ingress.call(handlers.CHAT_GET_HISTORY, conversation, request, timeout=CALL_SECONDS)
    if page.running is not None:
        return None if page.running.turn == action.turn else texts.NOT_THE_LAST
    last_reply = next((message for message in reversed(page.messages) if message.role == "assistant"), None)
    if page.waiting or last_reply is None or last_reply.turn != action.turn:
        return texts.NOT_THE_LAST
    return texts.QUESTION_DELETED if last_reply.status == "forgotten" else None
