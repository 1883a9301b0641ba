"""Read the files of a message: images as base64, text files as text. Other files are named as unreadable."""

from __future__ import annotations

import base64
import logging
import re
from urllib.parse import urlsplit

import aiohttp

from bots.common.attachments import text_of
from bots.common.errors import PermanentError
from bots.slack.client import TIMEOUT_SECONDS, Payload, SlackApiCallError, SlackClient
from chat_service.contracts import Attachment

log = logging.getLogger(__name__)

MAX_FILES = 8
MAX_TEXT_FILE_BYTES = 150_000
TEXT_TYPES = re.compile(r"text/.*|application/(json|xml|x-?yaml|toml|javascript|x-sh|sql|csv)|.*\+(json|xml)")


class FileReader:
    """Downloads files from Slack. `images` is whether the model accepts images."""

    def __init__(self, slack: SlackClient, *, images: bool) -> None:
        self._slack, self._images = slack, images

    async def read(self, files: list[Payload], max_characters: int) -> tuple[list[Attachment], list[str]]:
        """Return the attachments, with at most `max_characters` of content, and the names of the unreadable files.

        Raises:
            OutcomeUnknownError, TransientError: Slack cannot be reached.
        """
        attachments: list[Attachment] = []
        unreadable: list[str] = []
        for number, listed in enumerate(files):
            file = await self._with_details(listed)
            name = str(file.get("name") or file.get("title") or "a file")[:300]
            media_type = str(file.get("mimetype") or "application/octet-stream")[:100]
            content = await self._read_one(file, media_type, name, max_characters) if number < MAX_FILES else None
            if content is None:
                unreadable.append(name)
                if len(attachments) < MAX_FILES:
                    attachments.append(Attachment(name=name, media_type=media_type))
            else:
                max_characters -= len(content.text or "") + len(content.data or "")
                attachments.append(content)
        return attachments, unreadable

    async def _with_details(self, file: Payload) -> Payload:
        """In a shared channel an event contains only the id of a file."""
        if file.get("file_access") != "check_file_info":
            return file
        try:
            details: Payload = (await self._slack(self._slack.web.files_info, file=file["id"]))["file"]
        except (PermanentError, SlackApiCallError):
            return file
        return details

    async def _read_one(self, file: Payload, media_type: str, name: str, max_characters: int) -> Attachment | None:
        """Return the file with its content; None if the model cannot read it."""
        size, url = int(file.get("size") or 0), str(file.get("url_private") or "")
        is_image = media_type.startswith("image/") and self._images and 4 * ((size + 2) // 3) < max_characters
        is_text = bool(TEXT_TYPES.fullmatch(media_type)) and size < min(MAX_TEXT_FILE_BYTES, max_characters)
        if not (is_image or is_text):
            return None
        content = await self._download(url, size, media_type) if self._is_slack_url(url) else None
        if not content:
            return None  # an empty file has nothing to read either
        if is_image:
            return Attachment(name=name, media_type=media_type, data=base64.b64encode(content).decode())
        text = text_of(content)
        return None if text is None else Attachment(name=name, media_type=media_type, text=text)

    def _is_slack_url(self, url: str) -> bool:
        """Return whether the bot token may be sent to this address."""
        target, api = urlsplit(url), urlsplit(self._slack.web.base_url)
        if (target.scheme, target.netloc) == (api.scheme, api.netloc):
            return True
        return target.scheme == "https" and (target.hostname or "").endswith((".slack.com", ".slack-files.com"))

    async def _download(self, url: str, size: int, media_type: str) -> bytes | None:
        headers = {"Authorization": f"Bearer {self._slack.web.token}"}
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        get = self._slack.session.get
        try:
            async with get(url, headers=headers, timeout=timeout, allow_redirects=False) as response:
                content = await response.read() if response.status == 200 else b""
                # Trap: without the scope files:read Slack answers 200 with its sign-in page. An HTML file that a
                # person attached has exactly the size that Slack states.
                is_page = response.content_type == "text/html"
                if response.status != 200 or (is_page and (media_type != "text/html" or len(content) != size)):
                    log.warning("a file could not be read (HTTP %s): is the scope files:read granted?", response.status)
                    return None
                return content
        except (aiohttp.ClientError, TimeoutError) as error:
            # Reported as unreadable instead of raised: one broken file must not block the rest of its thread.
            log.warning("a file could not be read: %s", error or type(error).__name__)
            return None
