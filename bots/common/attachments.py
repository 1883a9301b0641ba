"""Reads the files of a message: images and text files with their content, all others by name."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from charset_normalizer import from_bytes

from chat_service.contracts import MAX_INLINE, Attachment

MAX_FILES = 8
MAX_TEXT_FILE_BYTES = 150_000
MAX_NAME = 300
MAX_MEDIA_TYPE = 100
UNKNOWN_TYPE = "application/octet-stream"
IMAGE_TYPES = re.compile(r"image/(png|jpeg|gif|webp)")
"""Images that models accept. SVG is read as text."""
TEXT_TYPES = re.compile(r"text/.*|application/(json|xml|x-?yaml|toml|javascript|x-sh|sql|csv)|.*\+(json|xml)")
LEGACY_ENCODINGS = ["utf_16", "cp1252", "cp1251", "cp932", "euc_jp", "gb18030", "big5", "euc_kr"]
"""Tried when a file is not UTF-8. With all known encodings, a short text of Western Europe would be taken for one of
Central Europe, or worse."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file on the platform. `download` returns its content, or None if it cannot be had now."""

    name: str
    media_type: str
    size: int
    download: Callable[[], Awaitable[bytes | None]]


class AttachmentReader:
    """Reads files. `images` is whether the model accepts images.

    With `unknown_as_text` a file of unknown type is read, in case it contains text.
    """

    def __init__(self, *, images: bool, unknown_as_text: bool = False) -> None:
        self._images, self._unknown_as_text = images, unknown_as_text

    async def read(
        self, files: Sequence[RemoteFile], max_characters: int = MAX_INLINE
    ) -> tuple[list[Attachment], list[str]]:
        """Return the attachments, with at most `max_characters` of content, and the names of the unreadable files.

        A file that cannot be read is an attachment without content.
        """
        attachments: list[Attachment] = []
        unreadable: list[str] = []
        for number, file in enumerate(files):
            attachment = await self._read(file, max_characters) if number < MAX_FILES else None
            if attachment is not None:
                max_characters -= content_length(attachment)
                attachments.append(attachment)
                continue
            unreadable.append(file.name[:MAX_NAME])
            if len(attachments) < MAX_FILES:
                attachments.append(Attachment(name=file.name[:MAX_NAME], media_type=file.media_type[:MAX_MEDIA_TYPE]))
        return attachments, unreadable

    async def _read(self, file: RemoteFile, max_characters: int) -> Attachment | None:
        """Return the file with its content, None if the model cannot read it. An empty file counts as unreadable."""
        is_image = self._images and bool(IMAGE_TYPES.fullmatch(file.media_type))
        is_unknown = file.media_type == UNKNOWN_TYPE
        is_text = bool(TEXT_TYPES.fullmatch(file.media_type)) or (is_unknown and self._unknown_as_text)
        base64_length = 4 * ((file.size + 2) // 3)
        fits_as_image = is_image and base64_length < max_characters
        fits_as_text = is_text and file.size < min(MAX_TEXT_FILE_BYTES, max_characters)
        content = await file.download() if fits_as_image or fits_as_text else None
        if not content:
            return None
        name, media_type = file.name[:MAX_NAME], file.media_type[:MAX_MEDIA_TYPE]
        if fits_as_image:
            return Attachment(name=name, media_type=media_type, data=base64.b64encode(content).decode())
        text = decode_text(content)
        if text is None:
            return None
        shows_text = not is_unknown and not media_type.startswith("image/")
        return Attachment(name=name, media_type=media_type if shows_text else "text/plain", text=text)


def content_length(attachment: Attachment) -> int:
    """Return the characters of an attachment's content."""
    return len(attachment.text or "") + len(attachment.data or "")


def decode_text(content: bytes) -> str | None:
    """Return the text of a file, or None if it is not text."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        best = from_bytes(content, cp_isolation=LEGACY_ENCODINGS).best()
        text = str(best) if best else "\0"
    return None if "\0" in text else text.removeprefix("\ufeff")
