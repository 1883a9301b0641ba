"""The link by which a second device becomes the same person: good once, and for minutes.

Its token is the only key to what lies in the engine: that is named by a hash of the token, and sealed with a pad that
follows from it, so neither the engine's state nor its logs hold anything to come in with. A token is used once and is
random, and so is its pad.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from typing import Literal

from aiohttp import web

from chat_service.contracts import Contract
from chat_service.ingress import IngressClient, IngressError
from chat_service.objects.invitation import Invitation

MINUTES = 10
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_OVER = "This link was used already, or is older than ten minutes. Make a new one on the other device."


class Invitations:
    """Makes tokens, and takes each one once; looking at one leaves it good."""

    def __init__(self, ingress: IngressClient) -> None:
        self._ingress = ingress

    async def make(self, secret: str) -> str:
        """A token for a person's secret."""
        token = secrets.token_urlsafe(32)
        sealed = base64.b64encode(_padded(secret.encode(), token)).decode()
        note = Invitation(sealed=sealed, seconds=MINUTES * 60)
        await self._ingress.call("Handover", _name(token), "leave", note, Contract, timeout=10)
        return token

    async def take(self, token: str) -> str:
        """The secret that a token stands for, which is used up by it.

        Raises:
            HTTPGone: for a token that was used, is too old, or never was.
        """
        return await self._unsealed(token, "take")

    async def look(self, token: str) -> str:
        """The secret that a token stands for, and still does.

        Raises:
            HTTPGone: for a token that was used, is too old, or never was.
        """
        return await self._unsealed(token, "look")

    async def _unsealed(self, token: str, handler: Literal["take", "look"]) -> str:
        if not _TOKEN.fullmatch(token):
            raise web.HTTPGone(text=_OVER)
        try:
            note = await self._ingress.call("Handover", _name(token), handler, None, Invitation, timeout=10)
        except IngressError as error:
            if error.from_handler and error.status == 404:
                raise web.HTTPGone(text=_OVER) from error
            raise
        return _padded(base64.b64decode(note.sealed), token).decode()


def _name(token: str) -> str:
    return hashlib.sha256(b"threadwell invitation\0" + token.encode()).hexdigest()


def _padded(text: bytes, token: str) -> bytes:
    pad = hashlib.shake_256(b"threadwell pad\0" + token.encode()).digest(len(text))
    return bytes(one ^ other for one, other in zip(text, pad, strict=True))
