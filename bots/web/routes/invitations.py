"""The API of the page for using it on a second device: an invitation link makes another browser the same person.

A link is valid once and for ten minutes. Its token is the only key to the invitation in Restate: the object's key is a
hash of the token, and the person's secret is encrypted with a pad derived from the token. So neither Restate's state
nor its logs are enough to use an invitation. A token is random and used once, and so is its pad.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

from aiohttp import web

from bots.web.auth import Authenticator
from bots.web.routes.request import body_as
from chat_service import handlers
from chat_service.contracts import Contract
from chat_service.contracts.invitation import Invitation
from chat_service.handlers import Handler
from chat_service.ingress import IngressClient, IngressError

VALID_MINUTES = 10
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_INVALID = "This link was used already or is older than ten minutes. Make a new one on the other device."


class InvitationRoutes:
    """Create invitations, join another person by one, and restore the previous identity."""

    def __init__(self, ingress: IngressClient, authenticator: Authenticator) -> None:
        self._ingress = ingress
        self._authenticator = authenticator

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.post("/api/invitation", self.create),
            web.post("/api/join/check", self.check),
            web.post("/api/join", self.join),
            web.post("/api/restore-identity", self.restore_previous_person),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """Return a token that makes one other browser this person."""
        secret = self._authenticator.shareable_secret(request)
        token = secrets.token_urlsafe(32)
        sealed = base64.b64encode(_apply_pad(secret.encode(), token)).decode()
        invitation = Invitation(sealed=sealed, seconds=VALID_MINUTES * 60)
        await self._ingress.call(handlers.INVITATION_CREATE, _object_key(token), invitation, timeout=10)
        return web.json_response({"token": token, "minutes": VALID_MINUTES})

    async def check(self, request: web.Request) -> web.Response:
        """Check that a link is valid and belongs to another person. The link stays valid."""
        await self._valid_token(request)
        return web.json_response({})

    async def join(self, request: web.Request) -> web.Response:
        """Become the person who created the token. This uses the token up."""
        secret = await self._read_secret(await self._valid_token(request), handlers.INVITATION_TAKE)
        response = web.json_response({})
        self._authenticator.join(request, response, secret)
        return response

    async def restore_previous_person(self, request: web.Request) -> web.Response:
        """Become the person that this browser was before it joined another one."""
        response = web.json_response({})
        self._authenticator.restore_previous_person(request, response)
        return response

    async def _valid_token(self, request: web.Request) -> str:
        self._authenticator.check_join_attempt(request)
        token = (await body_as(request, _JoinRequest)).token
        secret = await self._read_secret(token, handlers.INVITATION_GET)
        self._authenticator.discount_attempt(request)
        if self._authenticator.is_person(request, secret):
            raise web.HTTPConflict(
                text="This browser shows those conversations already. "
                "The link is still valid: open it on the other device."
            )
        return token

    async def _read_secret(self, token: str, handler: Handler[None, Invitation]) -> str:
        """Return the person's secret that belongs to a token.

        Raises:
            HTTPGone: the token was used, is too old, or never existed.
        """
        if not _TOKEN.fullmatch(token):
            raise web.HTTPGone(text=_INVALID)
        try:
            invitation = await self._ingress.call(handler, _object_key(token), None, timeout=10)
        except IngressError as error:
            if error.from_handler and error.status == 404:
                raise web.HTTPGone(text=_INVALID) from error
            raise
        return _apply_pad(base64.b64decode(invitation.sealed), token).decode()


class _JoinRequest(Contract):
    token: str = ""


def _object_key(token: str) -> str:
    return hashlib.sha256(b"threadwell invitation\0" + token.encode()).hexdigest()


def _apply_pad(text: bytes, token: str) -> bytes:
    """Encrypt or decrypt a text with the token's pad (XOR)."""
    pad = hashlib.shake_256(b"threadwell pad\0" + token.encode()).digest(len(text))
    return bytes(byte ^ pad_byte for byte, pad_byte in zip(text, pad, strict=True))
