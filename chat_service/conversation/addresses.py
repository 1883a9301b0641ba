"""Sends by name, for the objects that answer back to `Chat`.

`Chat` imports the objects it calls; what these send in return goes by name, so that the imports do not turn round.
"""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel
from restate import Context
from restate.context import SendHandle

CHAT = "Chat"


def send_to_chat(
    ctx: Context, key: str, handler: str, payload: BaseModel, delay: timedelta | None = None
) -> SendHandle:
    """Send to a handler of the conversation `key`, durably, once."""
    return ctx.generic_send(CHAT, handler, payload.model_dump_json().encode(), key=key, send_delay=delay)
