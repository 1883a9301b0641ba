"""The API of the page for conversations.

Every key contains the id of the person who sends the request, so a request cannot reach another person's data.
"""

from __future__ import annotations

import time
from typing import Any, Literal

from aiohttp import web

from bots.web.feed import FeedRegistry
from bots.web.middleware import PERSON
from bots.web.routes.request import ID, body_as, conversation_key
from chat_service import handlers
from chat_service.contracts import (
    ConfigureRequest,
    DirectoryRequest,
    HistoryRequest,
    Inbound,
    RenameRequest,
    RunningTurn,
    StopRequest,
    WithdrawRequest,
    utc,
)
from chat_service.ingress import IngressClient, Queued
from chat_service.live import LiveBus, LiveEvent


class ConversationRoutes:
    """List, read, change and delete conversations, and send and stop messages."""

    def __init__(self, ingress: IngressClient, bus: LiveBus, feeds: FeedRegistry) -> None:
        self._ingress = ingress
        self._bus = bus
        self._feeds = feeds

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        path = "/api/conversations/{conversation}"
        return [
            web.get("/api/conversations", self.list_conversations),
            web.get(path, self.history),
            web.patch(path, self.rename),
            web.delete(path, self.delete),
            web.post(f"{path}/messages", self.send),
            web.post(f"{path}/stop", self.stop),
            web.post(f"{path}/withdraw", self.withdraw),
            web.post(f"{path}/reset", self.reset),
            web.get(f"{path}/settings", self.settings),
            web.patch(f"{path}/settings", self.configure),
        ]

    async def list_conversations(self, request: web.Request) -> web.Response:
        """Return a page of the person's conversations, the newest first."""
        owner = f"person:web:{request[PERSON]}"
        query = DirectoryRequest.model_validate(dict(request.query))
        page = await self._ingress.call(handlers.DIRECTORY_LIST, owner, query)
        prefix = f"web:{request[PERSON]}:"
        entries = [
            {**entry.model_dump(mode="json"), "conversation": entry.conversation.removeprefix(prefix)}
            for entry in page.entries
        ]
        return web.json_response({"entries": entries, "cursor": page.cursor})

    async def history(self, request: web.Request) -> web.Response:
        """Return a page of a conversation. The newest page also has the reply of the running turn so far."""
        key = conversation_key(request)
        query = HistoryRequest.model_validate(dict(request.query))
        page = await self._ingress.call(handlers.CHAT_GET_HISTORY, key, query)
        hidden = {"running": {"invocation", "partial_text"}}
        body: dict[str, Any] = page.model_dump(mode="json", exclude_none=True, exclude=hidden)
        if page.running:
            feed = await self._feeds.open(request[PERSON])
            feed.watch_turn(key, page.running.invocation)
            body["running"] |= await self._progress(key, page.running)
        return web.json_response(body)

    async def _progress(self, key: str, running: RunningTurn) -> dict[str, object]:
        """Return the text of the running turn so far, its attempt, and the wait before the next attempt."""
        progress: dict[str, object] = {"text": running.partial_text}
        preview = await self._bus.get_preview(key)
        if preview and preview.turn == running.turn:
            progress |= {"attempt": preview.attempt, "text": preview.text}
        wait = await self._bus.get_retry_wait(key)
        if wait and wait.turn == running.turn:
            # Seconds from now instead of a time of day: the browser's clock may be wrong.
            progress["retry_wait"] = {"seconds": max(0.0, wait.until - time.time()), "reason": wait.reason}
        return progress

    async def send(self, request: web.Request) -> web.Response:
        """Accept a message. Its id comes from the browser, so that sending it again is harmless."""
        key = conversation_key(request)
        inbound = await body_as(request, _BrowserMessage)
        if not inbound.id or not ID.fullmatch(inbound.id):
            raise web.HTTPBadRequest(text="a message needs an id of letters, digits, - and _")
        now = utc(time.time())
        # A repeat is recognized by the time of writing, even years later: the browser's time, but never a future one.
        inbound.undated = inbound.at is None or inbound.at > now
        inbound.at = min(inbound.at or now, now)
        inbound.author, inbound.expects_reply = None, True
        # Restate also stores a rejection (queue full) under the idempotency key, so the next attempt needs another one.
        idempotency_key = f"{key}/{inbound.id}" + (f"/{inbound.again}" if inbound.again else "")
        message = Inbound.model_validate(inbound.model_dump(exclude={"again"}))
        accepted = await self._ingress.call(
            handlers.QUEUE_ADD, key, message, timeout=20, idempotency_key=idempotency_key
        )
        feed = await self._feeds.open(request[PERSON])
        feed.watch_turn(key, accepted.invocation)
        if not accepted.duplicate:
            self._bus.publish(LiveEvent(conversation=key, kind="waiting", message=message))
        return web.json_response({"position": accepted.place, "at": inbound.at.isoformat()}, status=202)

    async def stop(self, request: web.Request) -> web.Response:
        """Stop the running turn; with `all`, also withdraw the queued messages."""
        body = await body_as(request, StopRequest)
        result = await self._ingress.call(handlers.CHAT_STOP, conversation_key(request), body, timeout=30)
        if body.all:
            self._feeds.publish_used(conversation_key(request))
        return web.json_response(result.model_dump())

    async def withdraw(self, request: web.Request) -> web.Response:
        """Withdraw a queued message and return it to the window for editing.

        A repeated request gets the same message again, because the first answer may have been lost.
        """
        key = conversation_key(request)
        body = await body_as(request, WithdrawRequest)
        if body.id and not ID.fullmatch(body.id):
            raise web.HTTPBadRequest(text="no message has such an id")
        idempotency_key = f"{key}/withdraw/{body.id}" if body.id else None
        withdrawn = await self._ingress.call(handlers.QUEUE_WITHDRAW, key, body, idempotency_key=idempotency_key)
        self._feeds.publish_used(key)
        return web.json_response(withdrawn.model_dump(mode="json", include={"messages"}))

    async def rename(self, request: web.Request) -> web.Response:
        """Set the title. It takes effect at once, also while a turn runs."""
        key = conversation_key(request)
        title = await body_as(request, RenameRequest)
        page = await self._ingress.call(handlers.CHAT_GET_HISTORY, key, HistoryRequest(limit=1))
        if page.forgotten:  # a window that does not know of the deletion would list the conversation again
            raise web.HTTPNotFound(text="this conversation was deleted")
        await self._ingress.call(handlers.QUEUE_RENAME, key, title, timeout=20)
        self._feeds.publish_used(key)
        return web.json_response({})

    async def reset(self, request: web.Request) -> web.Response:
        """Start the conversation again without its context."""
        done = await self._ingress.call_or_queue(handlers.CHAT_RESET, conversation_key(request), None)
        return web.json_response({"queued": isinstance(done, Queued)})

    async def delete(self, request: web.Request) -> web.Response:
        """Delete the conversation."""
        done = await self._ingress.call_or_queue(handlers.CHAT_FORGET, conversation_key(request), None, timeout=5)
        return web.json_response({"queued": isinstance(done, Queued)})

    async def settings(self, request: web.Request) -> web.Response:
        """Return the settings in effect and the scope that each value comes from."""
        view = await self._ingress.call(handlers.CHAT_GET_SETTINGS, conversation_key(request), None)
        return web.json_response(view.model_dump())

    async def configure(self, request: web.Request) -> web.Response:
        """Change settings. While a turn runs, the change is queued until the turn has ended."""
        body = await body_as(request, ConfigureRequest)
        view = await self._ingress.call_or_queue(handlers.CHAT_CONFIGURE, conversation_key(request), body)
        return web.json_response({"queued": True} if isinstance(view, Queued) else view.model_dump())


class _BrowserMessage(Inbound):
    """A message from a browser.

    `again` counts how often it was rejected because the queue was full. A browser must not set `queued`, which only the
    objects of the chat service use.
    """

    again: int = 0
    queued: Literal[False] = False
