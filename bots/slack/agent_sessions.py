"""The state of a direct message's agent session: "processing" while a turn runs, "active" otherwise.

All of it is best effort: a failed call is logged and changes nothing else.
"""

from __future__ import annotations

import logging

from bots.common.events import MessageEvent
from bots.slack.client import SLACK_ERRORS, SlackClient, WebMethod
from chat_service import handlers
from chat_service.contracts import History, HistoryRequest
from chat_service.ingress import IngressClient, IngressError

log = logging.getLogger(__name__)

MAX_FIRST_TITLE_CHARACTERS = 60
MAX_TITLE_CHARACTERS = 200


class AgentSessions:
    """The agent sessions of one workspace. A session is identified by its direct message channel and its thread."""

    def __init__(self, slack: SlackClient, ingress: IngressClient) -> None:
        self._slack, self._ingress = slack, ingress

    async def show_processing(self, channel: str, thread: str, event: MessageEvent) -> None:
        """Show that `event` is being answered. A new session gets the beginning of the message as its title."""
        optional = {"initiator_user_id": event.author.id if event.author else None}
        if event.starts_conversation:  # later the session has the title of the conversation
            optional["title"] = " ".join(event.text.split())[:MAX_FIRST_TITLE_CHARACTERS] or None
        web, session = self._slack.web, {"channel_id": channel, "thread_ts": thread}
        await self._try(web.agents_sessions_setStatus, status="processing", **session, **optional)
        await self._try(web.assistant_threads_setStatus, status="is thinking…", **session)

    async def show_idle(self, channel: str, thread: str) -> None:
        """Show that nothing is being answered."""
        await self.set_active(channel, thread)
        web = self._slack.web
        await self._try(web.assistant_threads_setStatus, status="", channel_id=channel, thread_ts=thread)

    async def set_active(self, channel: str, thread: str) -> bool:
        """End the state "processing". Return whether Slack accepted the call."""
        web = self._slack.web
        return await self._try(web.agents_sessions_setStatus, status="active", channel_id=channel, thread_ts=thread)

    async def finish_turn(self, conversation: str, channel: str, thread: str) -> None:
        """End the state "processing" and give the session the conversation's present title."""
        if not await self.set_active(channel, thread):
            return
        page = await self._read_conversation(conversation, timeout=2)
        if page is not None and page.title:
            title = page.title[:MAX_TITLE_CHARACTERS]
            await self._try(self._slack.web.agents_sessions_rename, channel_id=channel, thread_ts=thread, title=title)

    async def is_idle(self, conversation: str) -> bool:
        """Return whether no turn runs and no message waits; False when that is unknown."""
        page = await self._read_conversation(conversation, timeout=3)
        return page is not None and not page.running and not page.waiting

    async def _read_conversation(self, conversation: str, *, timeout: float) -> History | None:
        request = HistoryRequest(limit=1)
        try:
            return await self._ingress.call(handlers.CHAT_GET_HISTORY, conversation, request, timeout=timeout)
        except (IngressError, TimeoutError):
            return None

    async def _try(self, method: WebMethod, **args: str | None) -> bool:
        try:
            await self._slack(method, **args)
        except SLACK_ERRORS as error:
            log.info("the state of an agent session was not changed: %s", error)
            return False
        return True
