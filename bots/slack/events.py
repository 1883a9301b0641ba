"""A Slack event in the shared layer's words: names for codes, files where they can be read."""

from __future__ import annotations

import base64
import html
import logging
import re
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bots.common import commands
from bots.common.attachments import text_of
from bots.common.errors import PermanentError
from bots.common.events import MessageEvent
from bots.slack.client import TIMEOUT_SECONDS, SlackApiCallError, SlackClient
from bots.slack.event_routing import file_ids, is_direct_message, mentions_user, message_files
from bots.slack.users import UserNames
from chat_service.contracts import MAX_INLINE, MAX_TEXT, Attachment, Author, utc
from chat_service.domain.context import safe_name

log = logging.getLogger(__name__)

MAX_FILES = 8
MAX_TEXT_FILE = 150_000
TEXT_TYPES = re.compile(r"text/.*|application/(json|xml|x-?yaml|toml|javascript|x-sh|sql|csv)|.*\+(json|xml)")
_CODE = re.compile(r"<([@#!]?)[^>|]*(?:\|([^>]*))?>")
_OTHERS = re.compile(r"<@([UW][A-Z0-9]+)")


class EventParser:
    """Reads events. `images` is whether the model can see."""

    def __init__(self, slack: SlackClient, names: UserNames, *, images: bool) -> None:
        self._slack, self._names, self._images = slack, names, images

    async def parse(self, raw: dict[str, Any], *, room: int = MAX_INLINE) -> MessageEvent | None:
        """What was said, edited or deleted, with files as far as there is `room` for them, in characters.

        Raises:
            Unclear, Later: Slack is away: try again.
        """
        if raw.get("subtype") == "message_changed":
            message = raw.get("message") or {}
            if message.get("subtype") == "tombstone":
                return self._deleted(raw, raw.get("previous_message") or {})
            # Files that stay are not read again: what was read of them once is not lost to a bad moment.
            other = file_ids(message) != file_ids(raw.get("previous_message") or {})
            heard = await self._said({**message, "channel": raw.get("channel")}, room if other else 0)
            return heard.model_copy(update={"kind": "edited", "attachments_changed": other}) if heard else None
        if raw.get("subtype") == "message_deleted":
            return self._deleted(raw, {**(raw.get("previous_message") or {}), "ts": raw.get("deleted_ts")})
        return await self._said(raw, room)

    def parse_without_lookups(self, raw: dict[str, Any]) -> MessageEvent:
        """A message as far as it can be told without asking Slack: without names, and without what is in its files."""
        ts, text, me = str(raw.get("ts")), str(raw.get("text") or ""), self._slack.identity.user
        bare = commands.without_name(text, mention_pattern(me))
        files = [Attachment(name="a file", media_type="text/plain", text="…")] if message_files(raw) else []
        return MessageEvent(
            id=ts,
            position=ts,
            text=html.unescape(_CODE.sub(lambda code: code[2] or f"{code[1]}…", bare))[:MAX_TEXT],
            author=Author(id=str(raw.get("user") or ""), name=""),
            at=utc(float(ts)),
            attachments=files,
            mentions_bot=mentions_user(text, me),
            mentions_others=self._mentions_others(text),
            is_direct_message=is_direct_message(raw),
            starts_conversation=raw.get("thread_ts") in (None, ts),
        )

    def _mentions_others(self, text: str) -> bool:
        return any(one != self._slack.identity.user for one in _OTHERS.findall(text))

    def _deleted(self, raw: dict[str, Any], before: dict[str, Any]) -> MessageEvent:
        ts = str(before.get("ts"))
        return MessageEvent(kind="deleted", id=ts, position=str(raw.get("event_ts") or ts), at=utc(float(ts)))

    async def _said(self, raw: dict[str, Any], room: int) -> MessageEvent | None:
        ts, text = str(raw.get("ts")), str(raw.get("text") or "")
        me = self._slack.identity.user
        words = [await self._names.resolve_codes(commands.without_name(text, mention_pattern(me)))]
        words += [said for one in raw.get("attachments") or [] if (said := await self._quoted(one))]
        attachments, unreadable = await self._files(message_files(raw) if room else [], room)
        return MessageEvent(
            id=ts,
            position=ts,
            text="\n".join(one for one in words if one.strip())[:MAX_TEXT],
            author=await self._author(raw),
            at=utc(float(ts)),
            attachments=attachments,
            mentions_bot=mentions_user(text, me),
            mentions_others=self._mentions_others(text),
            is_direct_message=is_direct_message(raw),
            starts_conversation=raw.get("thread_ts") in (None, ts),
            unreadable_files=unreadable,
            edited="edited" in raw,
        )

    async def _author(self, raw: dict[str, Any]) -> Author:
        """A person, or the app that has posted a message by a bot."""
        if raw.get("bot_id"):
            name = raw.get("username") or (raw.get("bot_profile") or {}).get("name") or "an app"
            return Author(id=str(raw["bot_id"]), name=str(name)[:200])
        user = str(raw.get("user") or "")
        return Author(id=user, name=(await self._names.user_name(user))[:200])

    async def _quoted(self, attachment: dict[str, Any]) -> str:
        """A forwarded message in its author's name, or the title of a link."""
        text = await self._names.resolve_codes(str(attachment.get("text") or ""))
        if attachment.get("is_share") or attachment.get("is_msg_unfurl"):
            who = safe_name(str(attachment.get("author_name") or "")) or "somebody"
            channel = attachment.get("channel_id")
            where = (
                f" in #{await self._names.channel_name(channel)}"
                if channel and not str(channel).startswith("D")
                else ""
            )
            quoted = "\n".join(f"> {line}" for line in (text or attachment.get("fallback") or "").splitlines())
            return f"(forwarded from {who}{where})\n{quoted}"
        title, link = attachment.get("title"), attachment.get("from_url") or attachment.get("title_link")
        if title:
            return f"(link: {title}{f', {link}' if link else ''})" + (f"\n> {text}" if text else "")
        return text or str(attachment.get("fallback") or "")

    async def _files(self, files: list[dict[str, Any]], room: int) -> tuple[list[Attachment], list[str]]:
        attachments: list[Attachment] = []
        unreadable: list[str] = []
        for number, file in enumerate(files):
            known = await self._known(file)
            name = str(known.get("name") or known.get("title") or "a file")[:300]
            kind = str(known.get("mimetype") or "application/octet-stream")[:100]
            read = await self._read(known, kind, name, room) if number < MAX_FILES else None
            if read is None:
                unreadable.append(name)
                if len(attachments) < MAX_FILES:
                    attachments.append(Attachment(name=name, media_type=kind))
            else:
                room -= len(read.text or "") + len(read.data or "")
                attachments.append(read)
        return attachments, unreadable

    async def _known(self, file: dict[str, Any]) -> dict[str, Any]:
        """In a shared channel an event has a file's id alone."""
        if file.get("file_access") != "check_file_info":
            return file
        try:
            found: dict[str, Any] = (await self._slack(self._slack.web.files_info, file=file["id"]))["file"]
        except (PermanentError, SlackApiCallError):
            return file
        return found

    async def _read(self, file: dict[str, Any], kind: str, name: str, room: int) -> Attachment | None:
        """The file's content, if a model can get to see it."""
        size, url = int(file.get("size") or 0), str(file.get("url_private") or "")
        is_image = kind.startswith("image/") and self._images
        is_text = bool(TEXT_TYPES.fullmatch(kind))
        if not ((is_image and 4 * ((size + 2) // 3) < room) or (is_text and size < min(MAX_TEXT_FILE, room))):
            return None
        content = await self._download(url, size, kind) if self._is_slacks(url) else None
        if not content:
            return None  # an empty file says nothing either
        if is_image:
            return Attachment(name=name, media_type=kind, data=base64.b64encode(content).decode())
        text = text_of(content)
        return None if text is None else Attachment(name=name, media_type=kind, text=text)

    def _is_slacks(self, url: str) -> bool:
        """Whether the token may be shown to this address."""
        host, api = urlsplit(url), urlsplit(self._slack.web.base_url)
        if (host.scheme, host.netloc) == (api.scheme, api.netloc):
            return True
        return host.scheme == "https" and (host.hostname or "").endswith((".slack.com", ".slack-files.com"))

    async def _download(self, url: str, size: int, kind: str) -> bytes | None:
        headers = {"Authorization": f"Bearer {self._slack.web.token}"}
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        get = self._slack.session.get
        try:
            async with get(url, headers=headers, timeout=timeout, allow_redirects=False) as response:
                content = await response.read() if response.status == 200 else b""
                # Without the scope files:read Slack answers with its sign-in page; a page that somebody has sent is as
                # long as Slack said it is.
                page = response.content_type == "text/html"
                if response.status != 200 or (page and (kind != "text/html" or len(content) != size)):
                    log.warning("a file could not be read (HTTP %s): is the scope files:read granted?", response.status)
                    return None
                return content
        except (aiohttp.ClientError, TimeoutError) as error:
            # Named to the person as unreadable: one broken file must not hold up everything later in its thread.
            log.warning("a file could not be read: %s", error or type(error).__name__)
            return None


def mention_pattern(me: str) -> re.Pattern[str]:
    """How a text names the bot."""
    return re.compile(rf"<@{me}(?:\|[^>]*)?>")
