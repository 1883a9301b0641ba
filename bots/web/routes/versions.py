"""The page's API for saying it again: a reply answered anew, one that goes on, and the choice between versions."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web

from bots.web.feed import FeedRegistry
from bots.web.middleware import PERSON
from bots.web.routes.request import body_as, conversation_key
from chat_service.contracts import ChooseRequest, ContinueRequest, Contract, TurnRequest
from chat_service.ingress import IngressClient


class VersionRoutes:
    """The handlers, and what they share. Pressed in two windows for the same reply, each is done once."""

    def __init__(self, ingress: IngressClient, hub: FeedRegistry) -> None:
        self._ingress = ingress
        self._hub = hub

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        one = "/api/conversations/{conversation}"
        return [
            web.post(f"{one}/regenerate", self.regenerate),
            web.post(f"{one}/go-on", self.go_on),
            web.post(f"{one}/choose", self.choose),
        ]

    async def regenerate(self, request: web.Request) -> web.Response:
        """Answer the last turn anew."""
        key = conversation_key(request)
        asked = await body_as(request, _Again)
        again = f"{key}/again/{asked.reply}" if asked.reply else None
        body = TurnRequest(turn=asked.turn, id=asked.id)
        sent = await self._ingress.send("Chat", key, "regenerate", body, idempotency_key=again)
        self._hub.touched(key)
        (await self._hub.feed(request[PERSON])).watch(key, sent.invocationId)
        return web.json_response({}, status=202)

    async def go_on(self, request: web.Request) -> web.Response:
        """Let the last reply go on where it was stopped."""
        key = conversation_key(request)
        asked = await body_as(request, _GoOn)
        # Its time tells apart what was stopped once more before a new word came.
        seen = f"{asked.length}/{asked.at.timestamp() if asked.at else ''}"
        again = f"{key}/on/{asked.reply}/{seen}" if asked.reply else None
        sent = await self._ingress.send("Chat", key, "go_on", ContinueRequest(seq=asked.reply), idempotency_key=again)
        self._hub.touched(key)
        (await self._hub.feed(request[PERSON])).watch(key, sent.invocationId)
        return web.json_response({}, status=202)

    async def choose(self, request: web.Request) -> web.Response:
        """Show another version; while a turn runs, when that has ended."""
        asked = await body_as(request, ChooseRequest)
        done = await self._ingress.call_or_queue("Chat", conversation_key(request), "choose", asked, Contract)
        self._hub.touched(conversation_key(request))
        return web.json_response({"queued": done is None})


class _Again(TurnRequest):
    """`reply` is the sequence number of the newest version of the reply that the person wants answered anew."""

    reply: int | None = None


class _GoOn(Contract):
    """`reply` is to go on; `length` is how much of it the person has seen, and `at` when it ended."""

    reply: int | None = None
    length: int = 0
    at: datetime | None = None
