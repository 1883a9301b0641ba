"""Typed calls and sends from one Restate handler to another.

They write the same journal entries as the SDK's `object_call` and `object_send`, but name the handler by its constant
in `handlers`, so that objects and bots do not import each other's handler functions.

Payloads are sent without fields that have their default value, which halves the size of a message in the journal.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import restate
from pydantic import BaseModel
from restate import Context
from restate.context import SendHandle

from chat_service import handlers
from chat_service.contracts import DirectoryRequest
from chat_service.handlers import Handler, Request, Response, parse_response

DIRECTORY_PAGE = 200
"""Entries that `list_directory` asks for at once."""


async def call(ctx: Context, handler: Handler[Request, Response], key: str | None, payload: Request) -> Response:
    """Call a handler and wait for its result. `key` is None for a service without keys."""
    return parse_response(
        handler.response, await ctx.generic_call(handler.service, handler.name, _encode(payload), key=key)
    )


async def call_all(
    ctx: Context, handler: Handler[Request, Response], requests: Iterable[tuple[str, Request]]
) -> list[Response]:
    """Call a handler for several (key, payload) pairs at the same time; results come in the order of the pairs."""
    futures = [ctx.generic_call(handler.service, handler.name, _encode(payload), key=key) for key, payload in requests]
    await restate.gather(*futures)
    return [parse_response(handler.response, await future) for future in futures]


def send(
    ctx: Context,
    handler: Handler[Request, Response],
    key: str | None,
    payload: Request,
    delay: timedelta | None = None,
) -> SendHandle:
    """Send to a handler durably, exactly once, without waiting for it; after `delay`, if one is given."""
    return ctx.generic_send(handler.service, handler.name, _encode(payload), key=key, send_delay=delay)


async def list_directory(ctx: Context, owner: str) -> list[str]:
    """Return the keys of all conversations of a `Directory`, the last used first."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        request = DirectoryRequest(cursor=cursor, limit=DIRECTORY_PAGE)
        page = await call(ctx, handlers.DIRECTORY_LIST, owner, request)
        found += [entry.conversation for entry in page.entries]
        cursor = page.cursor
        if cursor is None:
            return list(dict.fromkeys(found))  # a conversation that was used meanwhile has moved, and may come twice


def _encode(payload: BaseModel | None) -> bytes:
    return b"" if payload is None else payload.model_dump_json(exclude_defaults=True).encode()
