"""Convert message snapshots to message events, with the contents of the files that the model can read."""

from __future__ import annotations

import logging
from functools import partial

import aiohttp

from bots.common.attachments import AttachmentReader, RemoteFile
from bots.common.events import MessageEvent
from bots.discord.message_snapshot import AttachedFile, MessageSnapshot, position_of
from chat_service.contracts import MAX_INLINE, Attachment, Author

log = logging.getLogger(__name__)

DOWNLOAD_SECONDS = 5
DOWNLOAD_ATTEMPTS = 2


class EventParser:
    """Converts snapshots. `images`: the model accepts images."""

    def __init__(self, session: aiohttp.ClientSession, *, images: bool) -> None:
        self._session = session
        # Discord derives the type from the file's name, and sends none for a name that it does not know.
        self._attachments = AttachmentReader(images=images, unknown_as_text=True)

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
        remote_files = [
            RemoteFile(file.name, file.media_type, file.size, partial(self._download, file.url)) for file in files
        ]
        return await self._attachments.read(remote_files, min(room, MAX_INLINE))

    async def _download(self, url: str) -> bytes | None:
        """Download a file. The address came from Discord itself and needs no token."""
        if not url:
            return None
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
