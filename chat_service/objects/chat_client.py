"""Sends by name, for the objects that answer back to `Chat`.

`Chat` imports the objects it calls; what these send in return goes by name, so that the imports do not turn round.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

from pydantic import BaseModel
from restate import Context
from restate.context import SendHandle

CHAT = "Chat"
CHANNEL = "Channel"
M = TypeVar("M", bound=BaseModel)


def send_to_chat(
    ctx: Context, key: str, handler: str, payload: BaseModel, delay: timedelta | None = None
) -> SendHandle:
    """Send to a handler of the conversation `key`, durably, once."""
    return ctx.generic_send(CHAT, handler, payload.model_dump_json().encode(), key=key, send_delay=delay)


async def ask_chat(ctx: Context, key: str, handler: str, payload: BaseModel, answer: type[M]) -> M:
    """Call a handler of the conversation `key`, and wait for its answer."""
    body = await ctx.generic_call(CHAT, handler, payload.model_dump_json().encode(), key=key)
    return answer.model_validate_json(body)
