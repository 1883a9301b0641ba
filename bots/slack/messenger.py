"""Listening in Slack, and the words beside the replies."""

from __future__ import annotations

import logging
from typing import Any

from bots.common.protocols import Gone, Heard, Later, Overheard, Unclear
from bots.common.reactions import Marks
from bots.slack.client import Refused, Slack
from bots.slack.event_routing import SPOKEN
from bots.slack.events import Hearing
from bots.slack.history import Histories
from bots.slack.permissions import Permissions
from chat_service import keys
from chat_service.contracts import MAX_INLINE

log = logging.getLogger(__name__)

WORD = "threadwell_word"
READ_UP = 200
"""Messages read before a mention, at most: what the thread is about, and the newest."""
ROOM = MAX_INLINE
"""Characters of all files that are read with them."""


class SlackEars:
    """The shared layer's ears and mouth in one workspace."""

    def __init__(
        self, slack: Slack, hearing: Hearing, permissions: Permissions, histories: Histories, marks: Marks
    ) -> None:
        self._slack, self._hearing, self._permissions = slack, hearing, permissions
        self._histories, self._marks = histories, marks

    async def hear(self, conversation: str, raw: dict[str, Any]) -> Heard | None:
        return await self._hearing.hear(raw)

    async def earlier(self, conversation: str, heard: Heard, after: str) -> Overheard:
        channel, thread = _place(conversation)
        found: list[dict[str, Any]] = []
        try:
            async for message in self._slack.thread(channel, thread, oldest=after, latest=heard.position):
                if after < str(message["ts"]) < heard.position and self._is_context(message, thread):
                    found.append(message)
        except Refused as refused:
            raise Gone(str(refused)) from refused
        said: list[Heard] = []
        room = ROOM
        cut = ""
        if len(found) > READ_UP:
            first = [one for one in found[:1] if one["ts"] == thread]
            newest = found[len(first) - READ_UP :]
            cut, found = str(newest[0]["ts"]), [*first, *newest]
        for message in reversed(found):  # the newest first: what is nearest to the question is read
            one = await self._hearing.hear({**message, "channel": channel}, room=room)
            if one is not None:
                room -= sum(len(a.text or "") + len(a.data or "") for a in one.attachments)
                said.insert(0, one)
        return Overheard(messages=said, cut=cut)

    def _is_context(self, message: dict[str, Any], thread: str) -> bool:
        """What a person said, or what another app's bot opened the thread with: that is what people ask about."""
        if message.get("bot_id"):
            return message["ts"] == thread and message.get("user") != self._slack.identity.user
        return message.get("subtype") in SPOKEN and bool(message.get("user"))

    async def tell(self, conversation: str, heard: Heard, text: str) -> None:
        channel, thread = _place(conversation)
        if heard.author is None:
            return
        call = self._slack.web.chat_postEphemeral
        where = _shows_in(heard, thread)
        try:
            await self._slack(
                call, channel=channel, user=heard.author.id, thread_ts=where, text=None, markdown_text=text
            )
        except (Refused, Unclear) as error:
            # Nobody can look for such a word: one that may have been said is not said again.
            log.warning("%s may not have been told: %s", heard.author.id, error)

    async def say(self, conversation: str, name: str, text: str) -> None:
        channel, thread = _place(conversation)
        async for message in self._slack.thread(channel, thread, metadata=True):
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
        direct = channel.startswith("D")
        if direct and self._marks.meets(conversation, heard.id):
            await self._busy(conversation, heard, channel, thread)
        await self._marks.arrived(conversation, heard.id, eyes=not direct)

    async def _busy(self, conversation: str, heard: Heard, channel: str, thread: str) -> None:
        """A session shows that it is worked on; where Slack was slower than the answer, no longer."""
        web, place = self._slack.web, {"channel_id": channel, "thread_ts": thread}
        more = {"initiator_user_id": heard.author.id if heard.author else None}
        if heard.opens:  # later on it has the conversation's own title
            more["title"] = " ".join(heard.text.split())[:60] or None
        await self._lossy(conversation, web.agents_sessions_setStatus, status="processing", **place, **more)
        await self._lossy(conversation, web.assistant_threads_setStatus, status="is thinking…", **place)
        if self._marks.is_over(conversation, heard.id) and await self._marks.is_idle(conversation):
            await self._idle(conversation, channel, thread)

    async def _idle(self, conversation: str, channel: str, thread: str) -> None:
        web, place = self._slack.web, {"channel_id": channel, "thread_ts": thread}
        await self._lossy(conversation, web.agents_sessions_setStatus, status="active", **place)
        await self._lossy(conversation, web.assistant_threads_setStatus, status="", **place)

    async def unmark(self, conversation: str, ids: list[str], *, ours: bool = False) -> None:
        channel, thread = _place(conversation)
        gone = await self._marks.taken_back(conversation, ids, ours=ours)
        if gone and channel.startswith("D") and await self._marks.is_idle(conversation):
            await self._idle(conversation, channel, thread)

    async def _lossy(self, conversation: str, call: Any, **args: Any) -> None:
        try:
            await self._slack(call, **args)
        except (Gone, Refused, Unclear, Later) as error:
            log.debug("no sign in %s: %s", conversation, error)

    async def show_history(self, conversation: str, heard: Heard) -> None:
        if heard.author is not None:
            channel, thread = _place(conversation)
            person, where = heard.author.id, _shows_in(heard, thread)
            # Outside any thread of a direct conversation all of them are meant.
            found = None if heard.direct and heard.opens else conversation
            try:
                await self._histories.show_beside(found, person, channel, where)
            except Unclear as unclear:
                log.warning("the history may not have been shown: %s", unclear)

    async def may_administer(self, conversation: str, person: str) -> bool:
        return await self._permissions.may_administer(person, _place(conversation)[0])


def _shows_in(heard: Heard, thread: str) -> str | None:
    """The thread in which a word to one person shows. In one that has no replies yet Slack shows nothing."""
    return None if heard.opens else thread


def _place(conversation: str) -> tuple[str, str]:
    key = keys.parse(conversation)
    if key is None:
        raise Gone(f"not a Slack thread: {conversation}")
    return key.channel, key.thread
