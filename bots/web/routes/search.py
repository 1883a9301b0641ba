"""The API of the page for searching conversations and exporting one."""

from __future__ import annotations

import asyncio
import re

from aiohttp import web
from pydantic import Field

from bots.web.middleware import PERSON
from bots.web.routes.request import conversation_key
from chat_service import handlers
from chat_service.contracts import (
    Contract,
    DirectoryEntry,
    DirectoryRequest,
    ExportRequest,
    Message,
    SearchRequest,
    SearchResult,
)
from chat_service.ingress import IngressClient, IngressError

CONVERSATIONS_PER_REQUEST = 40
"""Conversations that one request searches. The page continues from the cursor and shows how much was searched."""
MAX_PARALLEL_SEARCHES = 8
MATCHES_PER_CONVERSATION = 3
EXCERPT_BEFORE, EXCERPT_AFTER = 40, 120
"""Characters shown before and after a match."""
SEARCH_TIMEOUT_SECONDS = 10.0
_MARKDOWN_SYNTAX = re.compile(r"[*`#|]+|^[ ]*[->][ ]|:?-{3,}:?", re.MULTILINE)
"""Markdown characters that an excerpt omits, unless the search text contains them."""


class SearchRoutes:
    """Search the person's conversations, and export a conversation as a file."""

    def __init__(self, ingress: IngressClient) -> None:
        self._ingress = ingress

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/api/search", self.search),
            web.get("/api/conversations/{conversation}/export", self.export),
        ]

    async def search(self, request: web.Request) -> web.Response:
        """Search the titles and texts of the next conversations from `cursor` on, the most recently active first.

        In the answer, `searched` is the number of searched conversations and `oldest` the time of the last one.
        `incomplete` counts those that were not searched to the end: the chat service did not answer, or only newer
        messages were read.
        """
        query = _SearchQuery.model_validate(dict(request.query))
        page = await self._ingress.call(
            handlers.DIRECTORY_LIST,
            f"person:web:{request[PERSON]}",
            DirectoryRequest(cursor=query.cursor, limit=CONVERSATIONS_PER_REQUEST),
        )
        slots = asyncio.Semaphore(MAX_PARALLEL_SEARCHES)
        results = await asyncio.gather(*(self._search_one(entry, query.text, slots) for entry in page.entries))
        prefix = f"web:{request[PERSON]}:"
        found = [_hit(entry, result, query.text, prefix) for entry, result in zip(page.entries, results, strict=True)]
        body = {
            "hits": [hit for hit in found if hit],
            "searched": len(results),
            "incomplete": sum(not _is_complete(result) for result in results),
            "cursor": page.cursor,
        }
        if page.entries:
            body["oldest"] = page.entries[-1].at.isoformat()
        return web.json_response(body)

    async def _search_one(self, entry: DirectoryEntry, text: str, slots: asyncio.Semaphore) -> SearchResult | None:
        """Return the matches in one conversation; None when the chat service did not answer."""
        async with slots:
            try:
                return await self._ingress.call(
                    handlers.CHAT_SEARCH,
                    entry.conversation,
                    SearchRequest(text=text, limit=MATCHES_PER_CONVERSATION),
                    timeout=SEARCH_TIMEOUT_SECONDS,
                )
            except (IngressError, TimeoutError):
                return None

    async def export(self, request: web.Request) -> web.Response:
        """Return the whole conversation as a file, `?format=markdown` or `json`."""
        query = ExportRequest.model_validate(dict(request.query))
        export = await self._ingress.call(handlers.CHAT_EXPORT, conversation_key(request), query)
        content_type, suffix = ("text/markdown", "md") if query.format == "markdown" else ("application/json", "json")
        return web.Response(
            text=export.text,
            content_type=content_type,
            headers={"Content-Disposition": f'attachment; filename="conversation.{suffix}"'},
        )


class _SearchQuery(Contract):
    text: str = Field(min_length=1, max_length=200)
    cursor: str | None = None


def _hit(entry: DirectoryEntry, result: SearchResult | None, text: str, prefix: str) -> dict[str, object] | None:
    """Return a conversation for the list of hits; None when neither its title nor a message matches."""
    messages = result.messages if result else []
    if not messages and text.casefold() not in entry.title.casefold():
        return None
    return {
        **entry.model_dump(mode="json", include={"title", "at"}),
        "conversation": entry.conversation.removeprefix(prefix),
        "matches": [_match(message, text) for message in messages],
    }


def _is_complete(result: SearchResult | None) -> bool:
    """Return whether the conversation was searched to its beginning, or enough matches were found before."""
    return result is not None and (result.next_before is None or len(result.messages) >= MATCHES_PER_CONVERSATION)


def _match(message: Message, text: str) -> dict[str, object]:
    """Return a matching message with an excerpt around the match."""
    wanted = " ".join(text.casefold().split())
    original = " ".join(message.text.split())
    plain = " ".join(_MARKDOWN_SYNTAX.sub(" ", message.text).split())
    searched = plain if wanted in plain.casefold() else original
    position = max(searched.casefold().find(wanted), 0)
    start, end = max(position - EXCERPT_BEFORE, 0), position + len(text) + EXCERPT_AFTER
    excerpt = ("… " if start else "") + searched[start:end].strip() + (" …" if end < len(searched) else "")
    return {"seq": message.seq, "role": message.role, "at": message.at.isoformat(), "text": excerpt}
