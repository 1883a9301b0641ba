"""Finding what was said, and taking it along: search over titles and texts, and a conversation as a document."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from aiohttp import web
from pydantic import Field

from bots.web.middleware import PERSON
from bots.web.routes.request import conversation_key
from chat_service.contracts import (
    Contract,
    DirectoryPage,
    DirectoryRequest,
    DirectoryEntry,
    Export,
    ExportRequest,
    SearchResult,
    Message,
    SearchRequest,
)
from chat_service.ingress import IngressClient, IngressError

CONVERSATIONS = 40
"""How many one request looks through; the page goes on from its cursor, and says how far it has looked."""
SIDE_BY_SIDE = 8
PLACES = 3
"""How many places of one conversation are shown."""
BEFORE, AFTER = 40, 120
"""Characters shown around what was found."""
SECONDS = 10.0
_MARKS = re.compile(r"[*`#|]+|^[ ]*[->][ ]|:?-{3,}:?", re.MULTILINE)
"""Of Markdown; they say nothing in a line of text, unless they are what is looked for."""


class SearchRoutes:
    """The handlers for searching and exporting."""

    def __init__(self, ingress: IngressClient) -> None:
        self._ingress = ingress

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [
            web.get("/api/search", self.search),
            web.get("/api/conversations/{conversation}/export", self.export),
        ]

    async def search(self, request: web.Request) -> web.Response:
        """Conversations whose title or texts contain `text`: the next few from `cursor` on, newest first.

        `looked` says how many were looked through and `back_to` how far back that goes; `partly` counts those of
        which only the newest messages were seen, or none, because the chat service did not answer.
        """
        asked = _Search.model_validate(dict(request.query))
        page = await self._ingress.call(
            "Directory",
            f"person:web:{request[PERSON]}",
            "list",
            DirectoryRequest(cursor=asked.cursor, limit=CONVERSATIONS),
            DirectoryPage,
        )
        turnstile = asyncio.Semaphore(SIDE_BY_SIDE)

        async def look(entry: DirectoryEntry) -> SearchResult | None:
            async with turnstile:
                try:
                    wanted = SearchRequest(text=asked.text, limit=PLACES)
                    return await self._ingress.call(
                        "Chat", entry.conversation, "search", wanted, SearchResult, timeout=SECONDS
                    )
                except (IngressError, TimeoutError):
                    return None

        looks = await asyncio.gather(*(look(entry) for entry in page.entries))
        prefix = f"web:{request[PERSON]}:"
        hits = []
        for entry, found in zip(page.entries, looks, strict=True):
            named = asked.text.casefold() in entry.title.casefold()
            if named or (found and found.messages):
                shown = entry.model_dump(mode="json", include={"title", "at"})
                shown["conversation"] = entry.conversation.removeprefix(prefix)
                hits.append(shown | {"places": [_place(m, asked.text) for m in found.messages] if found else []})
        partly = sum(
            found is None or (found.next_before is not None and len(found.messages) < PLACES) for found in looks
        )
        far = {"looked": len(looks), "partly": partly, "cursor": page.cursor}
        if page.entries:
            far["back_to"] = page.entries[-1].at.isoformat()
        return web.json_response({"hits": hits, **far})

    async def export(self, request: web.Request) -> web.Response:
        """The whole conversation as a file, `?format=markdown` or `json`."""
        asked = ExportRequest.model_validate(dict(request.query))
        whole = await self._ingress.call("Chat", conversation_key(request), "export", asked, Export)
        kind, ending = ("text/markdown", "md") if asked.format == "markdown" else ("application/json", "json")
        return web.Response(
            text=whole.text,
            content_type=kind,
            headers={"Content-Disposition": f'attachment; filename="conversation.{ending}"'},
        )


class _Search(Contract):
    text: str = Field(min_length=1, max_length=200)
    cursor: str | None = None


def _place(message: Message, text: str) -> dict[str, Any]:
    """A message that was found, with the words around what was looked for."""
    wanted = " ".join(text.casefold().split())
    whole = " ".join(message.text.split())
    plain = " ".join(_MARKS.sub(" ", message.text).split())
    said = plain if wanted in plain.casefold() else whole
    at = max(said.casefold().find(wanted), 0)
    start, end = max(at - BEFORE, 0), at + len(text) + AFTER
    around = ("… " if start else "") + said[start:end].strip() + (" …" if end < len(said) else "")
    return {"seq": message.seq, "role": message.role, "at": message.at.isoformat(), "text": around}
