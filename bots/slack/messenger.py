"""The messages that are not replies: events and threads read from Slack, notices, ephemeral texts and status."""

from __future__ import annotations

import logging

from bots.common.errors import OutcomeUnknownError, PermanentError
from bots.common.events import MessageEvent, ThreadContext
from bots.common.reactions import StatusReactions
from bots.common.thread_context import parse_newest_first
from bots.slack.agent_sessions import AgentSessions
from bots.slack.client import Payload, SlackApiCallError, SlackClient
from bots.slack.events import PERSON_SUBTYPES, EventParser
from bots.slack.history import HistoryView
from bots.slack.permissions import Permissions
from chat_service import keys
from chat_service.ingress import IngressClient

log = logging.getLogger(__name__)

NOTICE_EVENT_TYPE = "threadwell_notice"
"""The metadata's event type of a notice."""
MAX_CONTEXT_MESSAGES = 200
"""Messages read before a mention: the first one, which is the subject of the thread, and the newest."""


class SlackMessenger:
    """Reads events and sends messages in one workspace. The methods are those of `Messenger`."""

    def __init__(
        self,
        slack: SlackClient,
        parser: EventParser,
        permissions: Permissions,
        history: HistoryView,
        reactions: StatusReactions,
        ingress: IngressClient,
    ) -> None:
        self._slack, self._parser, self._permissions = slack, parser, permissions
        self._history, self._reactions = history, reactions
        self._sessions = AgentSessions(slack, ingress)

    async def parse_event(self, conversation: str, raw: Payload) -> MessageEvent:
        return await self._parser.parse(raw)

    async def read_thread(self, conversation: str, event: MessageEvent, after: str) -> ThreadContext:
        channel, thread = _thread_of(conversation)
        raws: list[Payload] = []
        try:
            async for message in self._slack.iter_thread(channel, thread, oldest=after, latest=event.position):
                if after < str(message["ts"]) < event.position and self._is_context(message, thread):
                    raws.append(message)
        except SlackApiCallError as error:
            raise PermanentError(str(error)) from error
        truncated_before = ""
        if len(raws) > MAX_CONTEXT_MESSAGES:
            first = [message for message in raws[:1] if message["ts"] == thread]
            newest = raws[len(first) - MAX_CONTEXT_MESSAGES :]
            truncated_before, raws = str(newest[0]["ts"]), [*first, *newest]

        async def parse(raw: Payload, room: int) -> MessageEvent:
            return await self._parser.parse({**raw, "channel": channel}, max_file_characters=room)

        messages = await parse_newest_first(reversed(raws), parse)
        return ThreadContext(messages=messages, truncated_before=truncated_before)

    def _is_context(self, message: Payload, thread: str) -> bool:
        """Return whether a person wrote the message, or another app's bot opened the thread with it: people ask about
        such a message."""
        if message.get("bot_id"):
            return message["ts"] == thread and message.get("user") != self._slack.identity.user
        return message.get("subtype") in PERSON_SUBTYPES and bool(message.get("user"))

    async def send_ephemeral(self, conversation: str, event: MessageEvent, text: str) -> None:
        channel, thread = _thread_of(conversation)
        if event.author is None:
            return
        method, thread_ts = self._slack.web.chat_postEphemeral, _ephemeral_thread(event, thread)
        try:
            await self._slack(
                method, channel=channel, user=event.author.id, thread_ts=thread_ts, text=None, markdown_text=text
            )
        except (SlackApiCallError, OutcomeUnknownError) as error:
            # Not repeated: an ephemeral message cannot be looked for, so it might be shown twice.
            log.warning("an ephemeral message may not have reached %s: %s", event.author.id, error)

    async def post_notice(self, conversation: str, name: str, text: str) -> None:
        channel, thread = _thread_of(conversation)
        async for message in self._slack.iter_thread(channel, thread, metadata=True):
            if ((message.get("metadata") or {}).get("event_payload") or {}).get("name") == name:
                return
        await self._slack(
            self._slack.web.chat_postMessage,
            channel=channel,
            thread_ts=thread,
            text=text,
            metadata={"event_type": NOTICE_EVENT_TYPE, "event_payload": {"name": name}},
            unfurl_links=False,
            unfurl_media=False,
        )

    async def add_status(self, conversation: str, event: MessageEvent) -> None:
        channel, thread = _thread_of(conversation)
        if not channel.startswith("D"):
            await self._reactions.add(conversation, event.id)
        elif self._reactions.register(conversation, event.id):
            await self._sessions.show_processing(channel, thread, event)
            # The reply may have been faster than these calls.
            if self._reactions.is_done(conversation, event.id) and await self._sessions.is_idle(conversation):
                await self._sessions.show_idle(channel, thread)

    async def remove_status(self, conversation: str, ids: list[str], *, own_only: bool = False) -> None:
        channel, thread = _thread_of(conversation)
        removed = await self._reactions.remove(conversation, ids, own_only=own_only)
        if removed and channel.startswith("D") and await self._sessions.is_idle(conversation):
            await self._sessions.show_idle(channel, thread)

    async def show_history(self, conversation: str, event: MessageEvent) -> None:
        if event.author is None:
            return
        channel, thread = _thread_of(conversation)
        # Outside the threads of a direct message the command means all of its conversations.
        is_outside_threads = event.is_direct_message and event.starts_conversation
        shown, thread_ts = None if is_outside_threads else conversation, _ephemeral_thread(event, thread)
        try:
            await self._history.post_ephemeral(shown, event.author.id, channel, thread_ts)
        except OutcomeUnknownError as error:
            log.warning("the history may not have been shown: %s", error)

    async def may_administer(self, conversation: str, person: str) -> bool:
        return await self._permissions.may_administer(person, _thread_of(conversation)[0])


def _ephemeral_thread(event: MessageEvent, thread: str) -> str | None:
    """Return the thread for an ephemeral message. Trap: in a thread without replies Slack does not show it."""
    return None if event.starts_conversation else thread


def _thread_of(conversation: str) -> tuple[str, str]:
    """Return the channel and the thread of a conversation key."""
    key = keys.parse(conversation)
    if key is None:
        raise PermanentError(f"not a Slack thread: {conversation}")
    return key.channel, key.thread
