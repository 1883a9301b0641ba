"""Listening in Slack, and the words beside the replies."""

from __future__ import annotations

import logging
from typing import Any

from bots.adapter.contract import Gone, Heard, Inbounds, Later, Unclear
from bots.slack.client import Refused, Slack
from bots.slack.hearing import Hearing
from bots.slack.histories import Histories
from bots.slack.outlet import EYES, PAGE
from bots.slack.permissions import Permissions
from bots.slack.routing import SPOKEN
from chat_service import keys

log = logging.getLogger(__name__)

WORD = "threadwell_word"
READ_UP = 200
"""Messages read before a mention, at most: the newest."""


class SlackEars:
    """The shared layer's ears and mouth in one workspace."""

    def __init__(self, slack: Slack, hearing: Hearing, permissions: Permissions, histories: Histories) -> None:
        self._slack, self._hearing, self._permissions, self._histories = slack, hearing, permissions, histories

    async def hear(self, conversation: str, raw: dict[str, Any]) -> Heard | None:
        return await self._hearing.hear(raw)

    async def earlier(self, conversation: str, heard: Heard, after: str) -> Inbounds:
        channel, thread = _place(conversation)
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            try:
                page = await self._slack(
                    self._slack.web.conversations_replies,
                    channel=channel,
                    ts=thread,
                    oldest=after or None,
                    latest=heard.position,
                    limit=PAGE,
                    cursor=cursor,
                )
            except (Refused, Unclear, Later) as error:
                log.warning("the thread %s was not read: %s", conversation, error)
                break
            found += [m for m in page["messages"] if after < str(m["ts"]) < heard.position and self._is_persons(m)]
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                break
        said = [await self._hearing.hear({**one, "channel": channel}, files=False) for one in found[-READ_UP:]]
        return Inbounds(messages=[one.inbound(expects_reply=False) for one in said if one and one.says_something])

    def _is_persons(self, message: dict[str, Any]) -> bool:
        return message.get("subtype") in SPOKEN and not message.get("bot_id") and bool(message.get("user"))

    async def tell(self, conversation: str, heard: Heard, text: str) -> None:
        channel, thread = _place(conversation)
        if heard.author is None:
            return
        call = self._slack.web.chat_postEphemeral
        try:
            await self._slack(
                call, channel=channel, user=heard.author.id, thread_ts=thread, text=None, markdown_text=text
            )
        except Refused as refused:
            log.warning("%s was not told: %s", heard.author.id, refused)

    async def say(self, conversation: str, name: str, text: str) -> None:
        channel, thread = _place(conversation)
        page = await self._slack(
            self._slack.web.conversations_replies, channel=channel, ts=thread, limit=PAGE, include_all_metadata=True
        )
        for message in page["messages"]:
            if ((message.get("metadata") or {}).get("event_payload") or {}).get("name") == name:
                return
        await self._slack(
            self._slack.web.chat_postMessage,
            channel=channel,
            thread_ts=thread,
            text=text,
            metadata={"event_type": WORD, "event_payload": {"name": name}},
            unfurl_links=False,
            unfurl_media=False,
        )

    async def mark(self, conversation: str, heard: Heard) -> None:
        channel, thread = _place(conversation)
        web, person = self._slack.web, heard.author.id if heard.author else None
        try:
            if not channel.startswith("D"):
                await self._slack(web.reactions_add, channel=channel, timestamp=heard.id, name=EYES)
                return
            await self._slack(
                web.agents_sessions_setStatus,
                status="processing",
                channel_id=channel,
                thread_ts=thread,
                title=" ".join(heard.text.split())[:60] or None,
                initiator_user_id=person,
            )
        except (Gone, Refused, Unclear, Later) as error:
            log.debug("a message in %s is not marked: %s", conversation, error)
        try:
            if channel.startswith("D"):
                await self._slack(
                    web.assistant_threads_setStatus, channel_id=channel, thread_ts=thread, status="is thinking…"
                )
        except (Gone, Refused, Unclear, Later) as error:
            log.debug("no status in %s: %s", conversation, error)

    async def unmark(self, conversation: str, ids: list[str]) -> None:
        channel, _ = _place(conversation)
        for id in ids if not channel.startswith("D") else ():
            try:
                await self._slack(self._slack.web.reactions_remove, channel=channel, timestamp=id, name=EYES)
            except (Gone, Refused, Unclear, Later) as error:
                log.debug("a sign stays in %s: %s", conversation, error)

    async def show_history(self, conversation: str, heard: Heard) -> None:
        if heard.author is not None:
            channel, thread = _place(conversation)
            await self._histories.show_in_thread(conversation, heard.author.id, channel, thread)

    async def may_administer(self, conversation: str, person: str) -> bool:
        return await self._permissions.may_administer(person, _place(conversation)[0])


def _place(conversation: str) -> tuple[str, str]:
    key = keys.parse(conversation)
    if key is None:
        raise Gone(f"not a Slack thread: {conversation}")
    return key.channel, key.thread
