"""Downloads the files of a message from Slack."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

import aiohttp

from bots.common.attachments import UNKNOWN_TYPE, AttachmentReader, RemoteFile
from bots.common.errors import PermanentError
from bots.slack.client import TIMEOUT_SECONDS, Payload, SlackApiCallError, SlackClient
from chat_service.contracts import Attachment

log = logging.getLogger(__name__)


class FileReader:
    """Downloads files from Slack. `images` is whether the model accepts images."""

    def __init__(self, slack: SlackClient, *, images: bool) -> None:
        self._slack, self._reader = slack, AttachmentReader(images=images)

    async def read(self, files: list[Payload], max_characters: int) -> tuple[list[Attachment], list[str]]:
        """Return the attachments, with at most `max_characters` of content, and the names of the unreadable files.

        Raises:
            OutcomeUnknownError, TransientError: Slack cannot be reached.
        """
        remote_files = [self._remote_file(await self._with_details(file)) for file in files]
        return await self._reader.read(remote_files, max_characters)

    async def _with_details(self, file: Payload) -> Payload:
        """In a shared channel an event contains only the id of a file."""
        if file.get("file_access") != "check_file_info":
            return file
        try:
            details: Payload = (await self._slack(self._slack.web.files_info, file=file["id"]))["file"]
        except (PermanentError, SlackApiCallError):
            return file
        return details

    def _remote_file(self, file: Payload) -> RemoteFile:
        size, url = int(file.get("size") or 0), str(file.get("url_private") or "")
        media_type = str(file.get("mimetype") or UNKNOWN_TYPE)
        return RemoteFile(
            name=str(file.get("name") or file.get("title") or "a file"),
            media_type=media_type,
            size=size,
            download=lambda: self._download(url, size, media_type),
        )

    def _is_slack_url(self, url: str) -> bool:
        """Return whether the bot token may be sent to this address."""
        target, api = urlsplit(url), urlsplit(self._slack.web.base_url)
        if (target.scheme, target.netloc) == (api.scheme, api.netloc):
            return True
        return target.scheme == "https" and (target.hostname or "").endswith((".slack.com", ".slack-files.com"))

    async def _download(self, url: str, size: int, media_type: str) -> bytes | None:
        if not self._is_slack_url(url):
            return None
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
