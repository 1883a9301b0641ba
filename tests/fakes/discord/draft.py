"""What somebody wants to write, read out of a request."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from tests.fakes.discord.errors import Refused, invalid, too_long
from tests.fakes.discord.models import Json

MOST_FILES = 10


@dataclass
class Upload:
    """A file that came with a request. `number` is n of `files[n]`."""

    number: int
    filename: str
    content: bytes
    content_type: str | None = None
    description: str | None = None


@dataclass
class Draft:
    """A message before it is one. `given` are the fields that the request named: an edit leaves the others."""

    content: str = ""
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    uploads: list[Upload] = field(default_factory=list)
    keep: list[str] | None = None
    reference: Json | None = None
    allowed: Json | None = None
    flags: int = 0
    nonce: str | None = None
    enforce_nonce: bool = False
    tts: bool = False
    given: frozenset[str] = frozenset()


async def read_body(request: web.Request) -> tuple[Any, list[Upload]]:
    """A request's JSON and its files.

    Raises:
        Refused: 50109 when the JSON is none.
    """
    if request.content_type != "multipart/form-data":
        raw = await request.read()
        return _parsed(raw) if raw and request.content_type == "application/json" else None, []
    body: Any = None
    uploads = []
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader)
        content = bytes(await part.read())
        if part.name == "payload_json":
            body = _parsed(content)
        elif part.name and part.name.startswith("files["):
            number = int(part.name.removeprefix("files[").removesuffix("]"))
            kind = part.headers.get("Content-Type")
            uploads.append(Upload(number, part.filename or "unknown", content, kind))
    return body, uploads


def read_draft(body: Any, uploads: list[Upload], most_bytes: int) -> Draft:
    """A message's fields.

    Raises:
        Refused: 50035 when a field has the wrong shape, 40005 when a file is too large.
    """
    if not isinstance(body, dict):
        body = {}
    content = body.get("content")
    if content is not None and not isinstance(content, str):
        raise invalid("content", "BASE_TYPE_STRING", 'Could not interpret "content" as string.')
    named = {str(one.get("id")): one for one in body.get("attachments") or []}
    keep = [one for one in named if not any(str(upload.number) == one for upload in uploads)]
    if len(uploads) + len(keep) > MOST_FILES:
        raise too_long("attachments", MOST_FILES)
    for upload in uploads:
        if len(upload.content) > most_bytes:
            raise Refused(40005)
        told = named.get(str(upload.number)) or {}
        upload.filename = told.get("filename") or upload.filename
        upload.description = told.get("description")
    nonce = body.get("nonce")
    return Draft(
        content=content or "",
        embeds=[{"type": "rich", **one} for one in body.get("embeds") or []],
        components=body.get("components") or [],
        uploads=uploads,
        keep=keep if "attachments" in body else None,
        reference=body.get("message_reference"),
        allowed=body.get("allowed_mentions"),
        flags=int(body.get("flags") or 0),
        nonce=str(nonce) if nonce is not None else None,
        enforce_nonce=bool(body.get("enforce_nonce")),
        tts=bool(body.get("tts")),
        given=frozenset(body) | (frozenset(["attachments"]) if uploads else frozenset()),
    )


def uploaded(given: list[Json]) -> list[Upload]:
    """Files as the control API carries them: base64."""
    return [
        Upload(number, one["name"], base64.b64decode(one["content"]), one.get("type"), one.get("description"))
        for number, one in enumerate(given)
    ]


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError as error:
        raise Refused(50109) from error
