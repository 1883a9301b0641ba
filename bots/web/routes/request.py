"""What handlers take out of a request."""

from __future__ import annotations

import re
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel

from bots.web.middleware import PERSON
from chat_service import keys

M = TypeVar("M", bound=BaseModel)
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def conversation_key(request: web.Request) -> str:
    """The conversation in the address, as the person's own: no address can name another's.

    Raises:
        HTTPNotFound: for what cannot be a conversation.
    """
    conversation = request.match_info["conversation"]
    if not ID.fullmatch(conversation):
        raise web.HTTPNotFound(text="there is no such conversation")
    return keys.web(request[PERSON], conversation)


async def body_as(request: web.Request, model: type[M]) -> M:
    """The request's JSON as a contract; pydantic's own refusal is told by the middleware."""
    return model.model_validate_json(await request.read() or b"{}")
