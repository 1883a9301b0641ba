"""`threadwell forget`: one conversation, or one person in all of theirs."""

from __future__ import annotations

from bots.cli.reachability import UNREACHABLE, is_reachable
from chat_service.contracts import Contract
from chat_service.errors import UserError
from chat_service.ingress import IngressClient, IngressError
from chat_service.keys import PERSON, is_person
from chat_service.objects.erasure import ForgetResult, ForgetPersonRequest
from chat_service.settings import Settings

PATIENCE_SECONDS = 30.0


async def forget(settings: Settings, key: str | None, person: str | None) -> None:
    """Forget a conversation, or a person; says what was done.

    Raises:
        UserError: when neither or both are named, it is no person's id, or Restate does not answer.
    """
    if bool(key) == bool(person):
        raise UserError("name one conversation (threadwell forget KEY) or one person (threadwell forget --person ID)")
    if person and not is_person(person):
        raise UserError(f"{person!r} is no person's id: {PERSON}")
    try:
        async with IngressClient.connected(settings.ingress_url) as ingress:
            if not await is_reachable(ingress):
                await _leave(ingress, key, person)
                print(f"{key or person}: will be forgotten when the chat service is back", flush=True)  # noqa: T201
                raise UserError(UNREACHABLE)
            print(await _forget(ingress, key, person), flush=True)  # noqa: T201
    except IngressError as error:
        raise UserError(f"{error}; is `threadwell up` running?") from error


async def _leave(ingress: IngressClient, key: str | None, person: str | None) -> None:
    """Hand it to Restate, which keeps it until somebody can do it."""
    if person:
        await ingress.send("Housekeeping", None, "forget_person", ForgetPersonRequest(person=person))
    else:
        await ingress.send("Chat", key, "forget", None)


async def _forget(ingress: IngressClient, key: str | None, person: str | None) -> str:
    if person:
        request = ForgetPersonRequest(person=person)
        try:
            done = await ingress.call(
                "Housekeeping", None, "forget_person", request, ForgetResult, timeout=PATIENCE_SECONDS
            )
        except TimeoutError:  # in very many conversations; Restate goes on with it
            return f"{person}: being forgotten"
        return f"{person}: being forgotten in {done.conversations} conversations"
    gone = await ingress.call_or_queue("Chat", key, "forget", None, Contract, timeout=PATIENCE_SECONDS)
    return f"{key}: forgotten" if gone is not None else f"{key}: will be forgotten when its running turn has ended"
