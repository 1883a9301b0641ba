"""Listening in Slack, and the words beside the replies."""

from __future__ import annotations

import logging
from typing import Any

from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.common.events import MessageEvent, ThreadContext
from bots.common.reactions import StatusReactions
from bots.slack.client import SlackApiCallError, SlackClient
from bots.slack.event_routing import PERSON_SUBTYPES
from bots.slack.events import EventParser
from bots.slack.history import HistoryView
from bots.slack.permissions import Permissions
from chat_service import keys
from chat_service.contracts import MAX_INLINE, History, HistoryRequest
from chat_service.ingress import IngressClient, IngressError

log = logging.getLogger(__name__)

WORD = "threadwell_word"
MAX_CONTEXT_MESSAGES = 200
"""Messages read before a mention, at most: what the thread is about, and the newest."""
ROOM = MAX_INLINE
"""Characters of all files that are read with them."""


class SlackMessenger:
    """The shared layer's ears and mouth in one workspace."""

    def __init__(
        self,
        slack: SlackClient,
        hearing: EventParser,
        permissions: Permissions,
        histories: HistoryView,
        marks: StatusReactions,
        ingress: IngressClient,
    ) -> None:
        self._slack, self._hearing, self._permissions = slack, hearing, permissions
        self._histories, self._marks, self._ingress = histories, marks, ingress

    async def parse_event(self, conversation: str, raw: dict[str, Any]) -> MessageEvent | None:
        return await self._hearing.parse(raw)

    async def read_thread(self, conversation: str, heard: MessageEvent, after: str) -> ThreadContext:
        channel, thread = _place(conversation)
        found: list[dict[str, Any]] = []
        try:
            async for message in self._slack.iter_thread(channel, thread, oldest=after, latest=heard.position):
                if after < str(message["ts"]) < heard.position and self._is_context(message, thread):
                    found.append(message)
        except SlackApiCallError as refused:
            raise PermanentError(str(refused)) from refused
        said: list[MessageEvent] = []
        room = ROOM
        cut = ""
        if len(found) > MAX_CONTEXT_MESSAGES:
            first = [one for one in found[:1] if one["ts"] == thread]
            newest = found[len(first) - MAX_CONTEXT_MESSAGES :]
            cut, found = str(newest[0]["ts"]), [*first, *newest]
        for message in reversed(found):  # the newest first: what is nearest to the question is read
            one = await self._hearing.parse({**message, "channel": channel}, room=room)
            if one is not None:
                room -= sum(len(a.text or "") + len(a.data or "") for a in one.attachments)
                said.insert(0, one)
        return ThreadContext(messages=said, truncated_before=cut)

    def _is_context(self, message: dict[str, Any], thread: str) -> bool:
        """What a person said, or what another app's bot opened the thread with: that is what people ask about."""
        if message.get("bot_id"):
            return message["ts"] == thread and message.get("user") != self._slack.identity.user
        return message.get("subtype") in PERSON_SUBTYPES and bool(message.get("user"))

    async def send_ephemeral(self, conversation: str, heard: MessageEvent, text: str) -> None:
        channel, thread = _place(conversation)
        if heard.author is None:
            return
        call = self._slack.web.chat_postEphemeral
        where = _shows_in(heard, thread)
        try:
            await self._slack(
                call, channel=channel, user=heard.author.id, thread_ts=where, text=None, markdown_text=text
            )
        except (SlackApiCallError, OutcomeUnknownError) as error:
            # Nobody can look for such a word: one that may have been said is not said again.
            log.warning("%s may not have been told: %s", heard.author.id, error)

    async def post_notice(self, conversation: str, name: str, text: str) -> None:
        channel, thread = _place(conversation)
        async for message in self._slack.iter_thread(channel, thread, metadata=True):
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

    async def add_status(self, conversation: str, heard: MessageEvent) -> None:
        channel, thread = _place(conversation)
        if not channel.startswith("D"):
            await self._marks.add(conversation, heard.id)
        elif self._marks.register(conversation, heard.id):
            await self._busy(conversation, heard, channel, thread)

    async def _busy(self, conversation: str, heard: MessageEvent, channel: str, thread: str) -> None:
        """A session shows that it is worked on; where Slack was slower than the answer, no longer."""
        web, place = self._slack.web, {"channel_id": channel, "thread_ts": thread}
        more = {"initiator_user_id": heard.author.id if heard.author else None}
        if heard.starts_conversation:  # later on it has the conversation's own title
            more["title"] = " ".join(heard.text.split())[:60] or None
        await self._lossy(conversation, web.agents_sessions_setStatus, status="processing", **place, **more)
        await self._lossy(conversation, web.assistant_threads_setStatus, status="is thinking…", **place)
        if self._marks.is_done(conversation, heard.id) and await self._is_idle(conversation):
            await self._idle(conversation, channel, thread)

    async def _idle(self, conversation: str, channel: str, thread: str) -> None:
        web, place = self._slack.web, {"channel_id": channel, "thread_ts": thread}
        await self._lossy(conversation, web.agents_sessions_setStatus, status="active", **place)
        await self._lossy(conversation, web.assistant_threads_setStatus, status="", **place)

    async def remove_status(self, conversation: str, ids: list[str], *, ours: bool = False) -> None:
        channel, thread = _place(conversation)
        removed = await self._marks.remove(conversation, ids, own_only=ours)
        if removed and channel.startswith("D") and await self._is_idle(conversation):
            await self._idle(conversation, channel, thread)

    async def _is_idle(self, conversation: str) -> bool:
        """Return whether no turn runs and no message waits; False when that is unknown."""
        try:
            request = HistoryRequest(limit=1)
            page = await self._ingress.call("Chat", conversation, "get_history", request, History, timeout=3)
        except (IngressError, TimeoutError):
            return False
        return not page.running and not page.waiting

    async def _lossy(self, conversation: str, call: Any, **args: Any) -> None:
        try:
            await self._slack(call, **args)
        except (PermanentError, SlackApiCallError, OutcomeUnknownError, TransientError) as error:
            log.debug("no sign in %s: %s", conversation, error)

    async def show_history(self, conversation: str, heard: MessageEvent) -> None:
        if heard.author is not None:
            channel, thread = _place(conversation)
            person, where = heard.author.id, _shows_in(heard, thread)
            # Outside any thread of a direct conversation all of them are meant.
            found = None if heard.is_direct_message and heard.starts_conversation else conversation
            try:
                await self._histories.post_ephemeral(found, person, channel, where)
            except OutcomeUnknownError as unclear:
                log.warning("the history may not have been shown: %s", unclear)

    async def may_administer(self, conversation: str, person: str) -> bool:
        return await self._permissions.may_administer(person, _place(conversation)[0])


def _shows_in(heard: MessageEvent, thread: str) -> str | None:
    """The thread in which a word to one person shows. In one that has no replies yet Slack shows nothing."""
    return None if heard.starts_conversation else thread


def _place(conversation: str) -> tuple[str, str]:
    key = keys.parse(conversation)
    if key is None:
        raise PermanentError(f"not a Slack thread: {conversation}")
    return key.channel, key.thread
