"""Convert message snapshots to message events, with the contents of the files that the model can read."""

from __future__ import annotations

import base64
import logging
import re

import aiohttp

from bots.common.attachments import text_of
from bots.common.events import MessageEvent
from bots.discord.message_snapshot import AttachedFile, MessageSnapshot, position_of
from chat_service.contracts import MAX_INLINE, Attachment, Author

log = logging.getLogger(__name__)

MAX_FILES = 8
MAX_TEXT_FILE = 150_000
DOWNLOAD_SECONDS = 5
DOWNLOAD_ATTEMPTS = 2
IMAGE_TYPES = re.compile(r"image/(png|jpeg|gif|webp)")
"""Images that models accept. SVG is read as text."""
UNKNOWN_TYPE = "application/octet-stream"
TEXT_TYPES = re.compile(r"text/.*|application/(json|xml|x-?yaml|toml|javascript|x-sh|sql|csv)|.*\+(json|xml)")


class EventParser:
    """Converts snapshots. `images`: the model accepts images."""

    def __init__(self, session: aiohttp.ClientSession, *, images: bool) -> None:
        self._session, self._images = session, images

    async def parse(self, snapshot: MessageSnapshot, *, room: int = MAX_INLINE) -> MessageEvent | None:
        """Return the event of a snapshot, or None if Discord withheld the message's text. `room`: the most characters
        that file contents may have.

        A file that cannot be downloaded now is listed as unreadable, so that it does not delay later messages.
        """
        if snapshot.content_hidden and snapshot.kind != "deleted":
            return None
        attachments, unreadable = (
            await self._read_files(snapshot.files, room) if snapshot.kind == "created" else ([], [])
        )
        author = Author(id=snapshot.author_id, name=snapshot.author_name[:200]) if snapshot.author_id else None
        return MessageEvent(
            kind=snapshot.kind,
            id=snapshot.id,
            position=position_of(snapshot.id),
            text=snapshot.text,
            author=author,
            at=snapshot.created_at,
            attachments=attachments,
            mentions_bot=snapshot.mentions_bot,
            mentions_others=snapshot.mentions_others,
            is_direct_message=not snapshot.guild_id,
            title_excerpt=snapshot.title_excerpt,
            edited=snapshot.edited,
            in_bot_thread=snapshot.in_bot_thread,
            roles=snapshot.roles,
            parent_scope=snapshot.parent_scope,
            unreadable_files=unreadable,
            reply_to=await self.parse(snapshot.reply_to, room=room) if snapshot.reply_to is not None else None,
        )

    async def _read_files(self, files: list[AttachedFile], room: int) -> tuple[list[Attachment], list[str]]:
        attachments: list[Attachment] = []
        unreadable: list[str] = []
        room = min(room, MAX_INLINE)
        for number, file in enumerate(files):
            attachment = await self._read_file(file, room) if number < MAX_FILES else None
            if attachment is None:
                unreadable.append(file.name)
                if len(attachments) < MAX_FILES:
                    attachments.append(Attachment(name=file.name[:300], media_type=file.media_type[:100]))
            else:
                room -= len(attachment.text or "") + len(attachment.data or "")
                attachments.append(attachment)
        return attachments, unreadable

    async def _read_file(self, file: AttachedFile, room: int) -> Attachment | None:
        """Return a file with its content, or None if the model cannot read it."""
        is_image = self._images and bool(IMAGE_TYPES.fullmatch(file.media_type))
        # Discord derives the type from the file's name, and sends none for a name that it does not know.
        is_text = bool(TEXT_TYPES.fullmatch(file.media_type)) or file.media_type == UNKNOWN_TYPE
        fits = (is_image and 4 * ((file.size + 2) // 3) < room) or (is_text and file.size < min(MAX_TEXT_FILE, room))
        content = await self._download(file.url) if fits and file.url else None
        if content is None:
            return None
        name, media_type = file.name[:300], file.media_type[:100]
        if is_image:
            return Attachment(name=name, media_type=media_type, data=base64.b64encode(content).decode())
        if media_type == UNKNOWN_TYPE or media_type.startswith("image/"):
            media_type = "text/plain"
        text = text_of(content)
        return None if text is None else Attachment(name=name, media_type=media_type, text=text)

    async def _download(self, url: str) -> bytes | None:
        """Download a file. The address came from Discord itself and needs no token."""
        timeout = aiohttp.ClientTimeout(total=DOWNLOAD_SECONDS)
        for attempt in range(DOWNLOAD_ATTEMPTS):
            try:
                async with self._session.get(url, timeout=timeout) as response:
                    if response.status == 200:
                        return await response.read()
                    reason = f"HTTP {response.status}"
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                reason = str(error) or type(error).__name__
            log.warning("a file could not be downloaded (attempt %d): %s", attempt + 1, reason)
        return None
