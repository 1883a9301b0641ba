"""`threadwell forget`: delete a conversation, or a person's messages in all conversations."""

from __future__ import annotations

from bots.cli.reachability import UNREACHABLE, is_reachable
from chat_service import handlers
from chat_service.contracts.background import ForgetPersonRequest
from chat_service.errors import UserError
from chat_service.ingress import IngressClient, IngressError, Queued
from chat_service.keys import PERSON, is_person
from chat_service.settings import Settings

TIMEOUT_SECONDS = 30.0


async def forget(settings: Settings, key: str | None, person: str | None) -> None:
    """Delete a conversation or a person's messages, and print the result.

    Raises:
        UserError: when not exactly one of them is given, the id is invalid, or Restate does not answer.
    """
    if bool(key) == bool(person):
        raise UserError("name one conversation (threadwell forget KEY) or one person (threadwell forget --person ID)")
    if person and not is_person(person):
        raise UserError(f"{person!r} is not the id of a person: {PERSON}")
    try:
        async with IngressClient.connected(settings.ingress_url) as ingress:
            if not await is_reachable(ingress):
                await _send_request(ingress, key, person)
                print(f"{key or person}: will be forgotten when the chat service runs again", flush=True)  # noqa: T201
                raise UserError(UNREACHABLE)
            print(await _call_and_describe(ingress, key, person), flush=True)  # noqa: T201
    except IngressError as error:
        raise UserError(f"{error}; is `threadwell up` running?") from error


async def _send_request(ingress: IngressClient, key: str | None, person: str | None) -> None:
    """Send the request to Restate, which holds it until the chat service runs."""
    if person:
        await ingress.send(handlers.BACKGROUND_FORGET_PERSON, None, ForgetPersonRequest(person=person))
    else:
        await ingress.send(handlers.CHAT_FORGET, key, None)


async def _call_and_describe(ingress: IngressClient, key: str | None, person: str | None) -> str:
    if person:
        request = ForgetPersonRequest(person=person)
        try:
            done = await ingress.call(handlers.BACKGROUND_FORGET_PERSON, None, request, timeout=TIMEOUT_SECONDS)
        except TimeoutError:  # very many conversations: Restate continues in the background
            return f"{person}: being forgotten"
        return f"{person}: being forgotten in {done.conversations} conversations"
    result = await ingress.call_or_queue(handlers.CHAT_FORGET, key, None, timeout=TIMEOUT_SECONDS)
    if isinstance(result, Queued):
        return f"{key}: will be forgotten when its running turn has ended"
    return f"{key}: forgotten"
