"""Helpers that read a request: the conversation's key and the body."""

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
    """Return the key of the conversation in the path. It contains the person's id, so it is always their own.

    Raises:
        HTTPNotFound: the path has no valid conversation id.
    """
    conversation = request.match_info["conversation"]
    if not ID.fullmatch(conversation):
        raise web.HTTPNotFound(text="there is no such conversation")
    return keys.web(request[PERSON], conversation)


async def body_as(request: web.Request, model: type[M]) -> M:
    """Return the request's JSON body as a contract; an empty body counts as `{}`.

    Raises:
        ValidationError: the body does not match. The middleware answers it with 400.
    """
    return model.model_validate_json(await request.read() or b"{}")
