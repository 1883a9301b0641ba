"""The body of a request that creates or edits a message."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from tests.fakes.discord.errors import ApiError, invalid, too_long
from tests.fakes.discord.models import Json

MAX_FILES, MAX_FILE_BYTES = 10, 10 * 1024**2


@dataclass
class Upload:
    """A file of a request. `number` is n of `files[n]`."""

    number: int
    filename: str
    content: bytes
    content_type: str | None = None


@dataclass
class MessagePayload:
    """The fields of a message that is to be created or edited. An edit changes the fields in `present` only.

    `kept_attachments` are the ids of attachments that an edit keeps; None: all.
    """

    content: str = ""
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    uploads: list[Upload] = field(default_factory=list)
    kept_attachments: list[str] | None = None
    reference: Json | None = None
    allowed_mentions: Json | None = None
    flags: int = 0
    nonce: str | None = None
    enforce_nonce: bool = False
    present: frozenset[str] = frozenset()


async def read_body(request: web.Request) -> tuple[Any, list[Upload]]:
    """Return a request's JSON and its files.

    Raises:
        ApiError: 50109, the JSON cannot be parsed.
    """
    if request.content_type != "multipart/form-data":
        raw = await request.read()
        return _parse_json(raw) if raw and request.content_type == "application/json" else None, []
    body: Any = None
    uploads = []
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader)
        content = bytes(await part.read())
        if part.name == "payload_json":
            body = _parse_json(content)
        elif part.name and part.name.startswith("files["):
            number = int(part.name.removeprefix("files[").removesuffix("]"))
            uploads.append(Upload(number, part.filename or "unknown", content, part.headers.get("Content-Type")))
    return body, uploads


def parse_payload(body: Json, uploads: list[Upload]) -> MessagePayload:
    """Read the fields of a message from a request.

    Raises:
        ApiError: 50035, a field has the wrong type or there are too many files; 40005, a file is too large.
    """
    content = body.get("content")
    if content is not None and not isinstance(content, str):
        raise invalid("content", "BASE_TYPE_STRING", 'Could not interpret "content" as string.')
    attachments = [str(attachment.get("id")) for attachment in body.get("attachments") or []]
    kept = [id for id in attachments if id not in [str(upload.number) for upload in uploads]]
    if len(uploads) + len(kept) > MAX_FILES:
        raise too_long("attachments", MAX_FILES)
    if any(len(upload.content) > MAX_FILE_BYTES for upload in uploads):
        raise ApiError(40005)
    nonce = body.get("nonce")
    return MessagePayload(
        content=content or "",
        embeds=[{"type": "rich", **embed} for embed in body.get("embeds") or []],
        components=body.get("components") or [],
        uploads=uploads,
        kept_attachments=kept if "attachments" in body else None,
        reference=body.get("message_reference"),
        allowed_mentions=body.get("allowed_mentions"),
        flags=int(body.get("flags") or 0),
        nonce=str(nonce) if nonce is not None else None,
        enforce_nonce=bool(body.get("enforce_nonce")),
        present=frozenset(body) | (frozenset(["attachments"]) if uploads else frozenset()),
    )


def decode_files(files: list[Json]) -> list[Upload]:
    """Decode files as the control API sends them (`make_file`)."""
    return [
        Upload(number, file["name"], base64.b64decode(file["content"]), file.get("type"))
        for number, file in enumerate(files)
    ]


def _parse_json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError as error:
        raise ApiError(50109) from error
