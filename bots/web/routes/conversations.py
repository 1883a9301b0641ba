"""The page's API. Every key is composed of the person behind the request, so no address can name another's."""

from __future__ import annotations

import time
from typing import Any, Literal

from aiohttp import web

from bots.web.feed import FeedRegistry
from bots.web.middleware import PERSON
from bots.web.routes.request import ID, body_as, conversation_key
from chat_service.contracts import (
    Accepted,
    ConfigureRequest,
    Contract,
    DirectoryPage,
    DirectoryRequest,
    History,
    HistoryRequest,
    Inbound,
    RenameRequest,
    SettingsView,
    StopResult,
    StopRequest,
    WithdrawRequest,
    utc,
)
from chat_service.ingress import IngressClient
from chat_service.live import LiveBus, LiveEvent


class ConversationRoutes:
    """The handlers, and what they share."""

    def __init__(self, ingress: IngressClient, bus: LiveBus, hub: FeedRegistry) -> None:
        self._ingress = ingress
        self._bus = bus
        self._hub = hub

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        one = "/api/conversations/{conversation}"
        return [
            web.get("/api/conversations", self.conversations),
            web.get(one, self.history),
            web.patch(one, self.rename),
            web.delete(one, self.delete),
            web.post(f"{one}/messages", self.send),
            web.post(f"{one}/stop", self.stop),
            web.post(f"{one}/withdraw", self.withdraw),
            web.post(f"{one}/reset", self.reset),
            web.get(f"{one}/settings", self.settings),
            web.patch(f"{one}/settings", self.configure),
        ]

    async def conversations(self, request: web.Request) -> web.Response:
        """A page of the person's conversations, newest first."""
        owner = f"person:web:{request[PERSON]}"
        asked = DirectoryRequest.model_validate(dict(request.query))
        page = await self._ingress.call("Directory", owner, "list", asked, DirectoryPage)
        prefix = f"web:{request[PERSON]}:"
        entries = [
            {**entry.model_dump(mode="json"), "conversation": entry.conversation.removeprefix(prefix)}
            for entry in page.entries
        ]
        return web.json_response({"entries": entries, "cursor": page.cursor})

    async def history(self, request: web.Request) -> web.Response:
        """A page of a conversation; the newest one also says what the running turn has said so far."""
        key = conversation_key(request)
        page = await self._ingress.call(
            "Chat", key, "get_history", HistoryRequest.model_validate(dict(request.query)), History
        )
        shown: dict[str, Any] = page.model_dump(mode="json", exclude_none=True)
        if page.running:
            feed = await self._hub.feed(request[PERSON])
            feed.watch(key, page.running.invocation)
            del shown["running"]["invocation"]
            shown["running"]["text"] = shown["running"].pop("said")
            said = await self._bus.get_preview(key)
            if said and said.turn == page.running.turn:
                shown["running"] |= {"attempt": said.attempt, "text": said.text}
            pause = await self._bus.get_retry_wait(key)
            if pause and pause.turn == page.running.turn:
                # Seconds from now, and no time of day: the browser's clock may be wrong.
                shown["running"]["pause"] = {"seconds": max(0.0, pause.until - time.time()), "why": pause.reason}
        return web.json_response(shown)

    async def send(self, request: web.Request) -> web.Response:
        """Take a message in. The browser names it, so that sending again is harmless."""
        key = conversation_key(request)
        inbound = await body_as(request, _FromBrowser)
        if not inbound.id or not ID.fullmatch(inbound.id):
            raise web.HTTPBadRequest(text="a message needs an id of letters, digits, - and _")
        now = utc(time.time())
        # What identifies a repeat in years is the time it was written: the browser's, but never a future one.
        inbound.undated = inbound.at is None or inbound.at > now
        inbound.at = min(inbound.at or now, now)
        inbound.author, inbound.expects_reply = None, True
        # A refusal for want of room is kept under its key as any answer is: the next try needs another.
        once = f"{key}/{inbound.id}" + (f"/{inbound.again}" if inbound.again else "")
        message = Inbound.model_validate(inbound.model_dump(exclude={"again"}))
        accepted = await self._ingress.call("Inbox", key, "accept", message, Accepted, timeout=20, idempotency_key=once)
        feed = await self._hub.feed(request[PERSON])
        feed.watch(key, accepted.invocation)
        if not accepted.duplicate:
            self._bus.publish(LiveEvent(conversation=key, kind="waiting", message=message))
        return web.json_response({"place": accepted.place, "at": inbound.at.isoformat()}, status=202)

    async def stop(self, request: web.Request) -> web.Response:
        """End the running turn; with `all`, take back what waits."""
        asked = await body_as(request, StopRequest)
        stopped = await self._ingress.call("Chat", conversation_key(request), "stop", asked, StopResult, timeout=30)
        if asked.all:
            self._hub.touched(conversation_key(request))
        return web.json_response(stopped.model_dump())

    async def withdraw(self, request: web.Request) -> web.Response:
        """Take a waiting message back; it is given to the window that asked, to be edited. Asked again, the answer
        having been lost, it is given again: nobody else has the words by then."""
        key = conversation_key(request)
        asked = await body_as(request, WithdrawRequest)
        if asked.id and not ID.fullmatch(asked.id):
            raise web.HTTPBadRequest(text="no message has such an id")
        once = f"{key}/withdraw/{asked.id}" if asked.id else None
        taken = await self._ingress.call("Inbox", key, "withdraw", asked, _Taken, idempotency_key=once)
        self._hub.touched(key)
        return web.json_response(taken.model_dump(mode="json"))

    async def rename(self, request: web.Request) -> web.Response:
        """Give a title. It shows at once, also while a turn runs."""
        key = conversation_key(request)
        title = await body_as(request, RenameRequest)
        there = await self._ingress.call("Chat", key, "get_history", HistoryRequest(limit=1), History)
        if there.forgotten:  # or it would be listed again, by a window that has not heard of it yet
            raise web.HTTPNotFound(text="this conversation was deleted")
        await self._ingress.call("Inbox", key, "rename", title, Contract, timeout=20)
        self._hub.touched(key)
        return web.json_response({})

    async def reset(self, request: web.Request) -> web.Response:
        """Start afresh."""
        done = await self._ingress.call_or_queue("Chat", conversation_key(request), "reset", None, Contract)
        return web.json_response({"queued": done is None})

    async def delete(self, request: web.Request) -> web.Response:
        """Forget the conversation."""
        done = await self._ingress.call_or_queue("Chat", conversation_key(request), "forget", None, Contract, timeout=5)
        return web.json_response({"queued": done is None})

    async def settings(self, request: web.Request) -> web.Response:
        """The settings in force, and where each came from."""
        view = await self._ingress.call("Chat", conversation_key(request), "get_settings", None, SettingsView)
        return web.json_response(view.model_dump())

    async def configure(self, request: web.Request) -> web.Response:
        """Change settings; None while a turn runs, after which the change takes effect."""
        asked = await body_as(request, ConfigureRequest)
        view = await self._ingress.call_or_queue("Chat", conversation_key(request), "configure", asked, SettingsView)
        return web.json_response(view.model_dump() if view else {"queued": True})


class _FromBrowser(Inbound):
    """A message as a browser sends it: `queued` is a word between the chat service's own objects. `again` is how often
    it was refused for want of room."""

    again: int = 0
    queued: Literal[False] = False


class _Taken(Contract):
    messages: list[Inbound] = []
