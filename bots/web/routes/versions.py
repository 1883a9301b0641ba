"""The API of the page for versions of a reply: regenerate it, continue it, and choose a version."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web

from bots.web.feed import FeedRegistry
from bots.web.middleware import PERSON
from bots.web.routes.request import body_as, conversation_key
from chat_service import handlers
from chat_service.contracts import ChooseRequest, ContinueRequest, Contract, TurnRequest
from chat_service.ingress import IngressClient, Queued


class VersionRoutes:
    """Regenerate, continue and choose replies. A request from two windows for the same reply has one effect."""

    def __init__(self, ingress: IngressClient, feeds: FeedRegistry) -> None:
        self._ingress = ingress
        self._feeds = feeds

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        path = "/api/conversations/{conversation}"
        return [
            web.post(f"{path}/regenerate", self.regenerate),
            web.post(f"{path}/continue", self.continue_reply),
            web.post(f"{path}/choose", self.choose),
        ]

    async def regenerate(self, request: web.Request) -> web.Response:
        """Generate another version of the last reply."""
        key = conversation_key(request)
        body = await body_as(request, _RegenerateRequest)
        idempotency_key = f"{key}/again/{body.reply}" if body.reply else None
        turn = TurnRequest(turn=body.turn, id=body.id)
        sent = await self._ingress.send(handlers.CHAT_REGENERATE, key, turn, idempotency_key=idempotency_key)
        self._feeds.publish_used(key)
        (await self._feeds.open(request[PERSON])).watch_turn(key, sent.invocationId)
        return web.json_response({}, status=202)

    async def continue_reply(self, request: web.Request) -> web.Response:
        """Continue the last reply where it was stopped."""
        key = conversation_key(request)
        body = await body_as(request, _ContinueRequest)
        # The time is part of the key because a continued reply can be stopped again before its length has changed.
        state = f"{body.length}/{body.at.timestamp() if body.at else ''}"
        idempotency_key = f"{key}/on/{body.reply}/{state}" if body.reply else None
        sent = await self._ingress.send(
            handlers.CHAT_CONTINUE_REPLY, key, ContinueRequest(seq=body.reply), idempotency_key=idempotency_key
        )
        self._feeds.publish_used(key)
        (await self._feeds.open(request[PERSON])).watch_turn(key, sent.invocationId)
        return web.json_response({}, status=202)

    async def choose(self, request: web.Request) -> web.Response:
        """Show another version. While a turn runs, the change is queued until the turn has ended."""
        body = await body_as(request, ChooseRequest)
        done = await self._ingress.call_or_queue(handlers.CHAT_CHOOSE_VERSION, conversation_key(request), body)
        self._feeds.publish_used(conversation_key(request))
        return web.json_response({"queued": isinstance(done, Queued)})


class _RegenerateRequest(TurnRequest):
    """`reply` is the sequence number of the newest version of the reply."""

    reply: int | None = None


class _ContinueRequest(Contract):
    """`reply` is the reply's sequence number, `length` its length in characters on the page, `at` when it ended."""

    reply: int | None = None
    length: int = 0
    at: datetime | None = None
