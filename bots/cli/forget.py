"""`threadwell forget`: one conversation, or one person in all of theirs."""

from __future__ import annotations

from chat_service.contracts import Contract
from chat_service.conversation.housekeeping import Forgotten, Person
from chat_service.errors import UserError
from chat_service.ingress import IngressClient, IngressError
from chat_service.settings import Settings

PATIENCE_SECONDS = 30.0


async def forget(settings: Settings, key: str | None, person: str | None) -> None:
    """Forget a conversation, or a person; says what was done.

    Raises:
        UserError: when neither or both are named, or Restate does not answer.
    """
    if (key is None) == (person is None):
        raise UserError("name one conversation (threadwell forget KEY) or one person (threadwell forget --person ID)")
    try:
        async with IngressClient.connected(settings.ingress_url) as ingress:
            print(await _forget(ingress, key, person), flush=True)  # noqa: T201
    except IngressError as error:
        raise UserError(f"{error}; is `threadwell up` running?") from error


async def _forget(ingress: IngressClient, key: str | None, person: str | None) -> str:
    if person is not None:
        request = Person(person=person)
        done = await ingress.call("Housekeeping", None, "forget_person", request, Forgotten, timeout=PATIENCE_SECONDS)
        return f"{person}: being forgotten in {done.conversations} conversations"
    gone = await ingress.soon("Chat", key or "", "forget", None, Contract, timeout=PATIENCE_SECONDS)
    return f"{key}: forgotten" if gone is not None else f"{key}: will be forgotten when its running turn has ended"
