"""A record in the shared layer's words, with the files that a model can get to see."""

from __future__ import annotations

import base64
import logging
import re

import aiohttp

from bots.common.attachments import text_of
from bots.common.events import MessageEvent
from bots.discord.message_snapshot import File, MessageSnapshot, position
from chat_service.contracts import MAX_INLINE, Attachment, Author

log = logging.getLogger(__name__)

MAX_FILES = 8
MAX_TEXT_FILE = 150_000
DOWNLOAD_SECONDS = 5
DOWNLOAD_ATTEMPTS = 2
SEEN = re.compile(r"image/(png|jpeg|gif|webp)")
"""Pictures that models take; an SVG is a text."""
UNTOLD = "application/octet-stream"
TEXT_TYPES = re.compile(r"text/.*|application/(json|xml|x-?yaml|toml|javascript|x-sh|sql|csv)|.*\+(json|xml)")


class EventParser:
    """Reads records. `images` is whether the model can see."""

    def __init__(self, session: aiohttp.ClientSession, *, images: bool) -> None:
        self._session, self._images = session, images

    async def hear(self, record: MessageSnapshot, *, room: int = MAX_INLINE) -> MessageEvent | None:
        """What was said, edited or deleted; None when its text was kept from us. `room`: characters for its files.

        A file that cannot be had now is named as unreadable: it must not hold up everything that is said later.
        """
        if record.unknown and record.kind != "deleted":
            return None
        attachments, unreadable = await self._files(record.files, room) if record.kind == "said" else ([], [])
        return MessageEvent(
            kind=record.kind,
            id=record.id,
            position=position(record.id),
            text=record.text,
            author=Author(id=record.person, name=record.name[:200]) if record.person else None,
            at=record.at,
            attachments=attachments,
            mentions_bot=record.mentions_bot,
            mentions_others=record.mentions_others,
            is_direct_message=not record.guild,
            title_excerpt=record.own,
            edited=record.revised,
            in_bot_thread=record.ours,
            roles=record.roles,
            parent_scope=f"discord:{record.guild}:{record.parent}" if record.parent else "",
            unreadable_files=unreadable,
            reply_to=await self.hear(record.answers, room=room) if record.answers is not None else None,
        )

    async def _files(self, files: list[File], room: int) -> tuple[list[Attachment], list[str]]:
        attachments: list[Attachment] = []
        unreadable: list[str] = []
        room = min(room, MAX_INLINE)
        for number, file in enumerate(files):
            read = await self._read(file, room) if number < MAX_FILES else None
            if read is None:
                unreadable.append(file.name)
                if len(attachments) < MAX_FILES:
                    attachments.append(Attachment(name=file.name[:300], media_type=file.kind[:100]))
            else:
                room -= len(read.text or "") + len(read.data or "")
                attachments.append(read)
        return attachments, unreadable

    async def _read(self, file: File, room: int) -> Attachment | None:
        """The file's content, if a model can get to see it."""
        is_image = self._images and bool(SEEN.fullmatch(file.kind))
        # Discord goes by a file's name, and tells no type of one that it does not know.
        is_text = bool(TEXT_TYPES.fullmatch(file.kind)) or file.kind == UNTOLD
        fits = (is_image and 4 * ((file.size + 2) // 3) < room) or (is_text and file.size < min(MAX_TEXT_FILE, room))
        content = await self._download(file.url) if fits and file.url else None
        if content is None:
            return None
        name, kind = file.name[:300], file.kind[:100]
        if is_image:
            return Attachment(name=name, media_type=kind, data=base64.b64encode(content).decode())
        told = kind if kind != UNTOLD and not kind.startswith("image/") else "text/plain"
        text = text_of(content)
        return None if text is None else Attachment(name=name, media_type=told, text=text)

    async def _download(self, url: str) -> bytes | None:
        """The link came from Discord itself and needs no token."""
        timeout = aiohttp.ClientTimeout(total=DOWNLOAD_SECONDS)
        for attempt in range(DOWNLOAD_ATTEMPTS):
            try:
                async with self._session.get(url, timeout=timeout) as response:
                    if response.status == 200:
                        return await response.read()
                    why = f"HTTP {response.status}"
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                why = str(error) or type(error).__name__
            log.warning("a file could not be read (attempt %d): %s", attempt + 1, why)
        return None
