"""Listeners for Slack's events. An event is acknowledged within three seconds once Restate has it, or not at all.

By default Bolt acknowledges an event before its listener runs. With `process_before_response` it does so afterwards,
and when a listener raises, Slack sends the event again.
"""

from __future__ import annotations

import asyncio
import logging
import time

from slack_bolt.async_app import AsyncApp

from bots.common.access import Requester, is_blocked
from bots.common.backfill import Backfill
from bots.common.event_sender import EventSender
from bots.common.events import PlatformEvent
from bots.common.protocols import Messenger
from bots.common.reactions import mark_received
from bots.slack import home
from bots.slack.agent_sessions import AgentSessions
from bots.slack.client import Payload, SlackClient
from bots.slack.diagnostics import MissingEventDetector
from bots.slack.events import PERSON_SUBTYPES, EventParser, mentions_user, route_event
from bots.slack.permissions import Permissions
from bots.slack.responses import Responder
from chat_service import handlers, keys
from chat_service.contracts import StopRequest
from chat_service.ingress import IngressClient
from chat_service.settings import Settings

log = logging.getLogger(__name__)

ACK_SECONDS = 2.6
"""Slack waits three seconds. An event that takes longer is not acknowledged, and Slack sends it again."""


class ReceivedStatus:
    """Shows the status of messages as soon as Restate has them."""

    def __init__(
        self,
        ingress: IngressClient,
        settings: Settings,
        parser: EventParser,
        messenger: Messenger,
        responder: Responder,
    ) -> None:
        self._ingress, self._settings, self._parser = ingress, settings, parser
        self._messenger, self._responder = messenger, responder

    def show(self, conversation: str, event: PlatformEvent) -> None:
        """Show in the background that a new message was received, unless it is too old to be answered."""
        if event.raw.get("subtype") not in PERSON_SUBTYPES:
            return
        message = self._parser.parse_without_lookups(event.raw)
        if time.time() - message.at.timestamp() < self._settings.backfill_max_age:
            work = mark_received(self._ingress, self._settings, self._messenger, conversation, message)
            self._responder.run_in_background(work)


class Listeners:
    """The event listeners of one workspace."""

    def __init__(
        self,
        slack: SlackClient,
        ingress: IngressClient,
        settings: Settings,
        permissions: Permissions,
        backfill: Backfill,
        sender: EventSender,
        responder: Responder,
    ) -> None:
        self._slack, self._ingress, self._settings, self._permissions = slack, ingress, settings, permissions
        self._backfill, self._sender, self._responder = backfill, sender, responder
        self._sessions = AgentSessions(slack, ingress)
        self._missing_events = MissingEventDetector()

    def register(self, app: AsyncApp) -> None:
        """Register the listeners with the app."""
        app.event("message")(self._on_message)
        app.event("app_mention")(self._on_message)
        app.event("app_home_opened")(self._on_home_opened)
        app.event("agent_session_stopped")(self._on_session_stopped)
        app.event("app_uninstalled")(self._on_uninstalled)
        app.event("tokens_revoked")(self._on_uninstalled)

    async def _on_message(self, event: Payload) -> None:
        team, bot = self._slack.identity.team, self._slack.identity.user
        self._missing_events.record(event, mention=mentions_user(event.get("text") or "", bot))
        route = route_event(event, team, bot)
        if route is None:
            if event.get("channel") and event.get("ts"):
                self._backfill.mark_processed(f"slack:{team}:{event['channel']}", str(event["ts"]))
            return

        async def work() -> None:
            await self._backfill.wait_for_channel(route.scope)
            await self._sender.send(route.conversation, route.id, PlatformEvent(raw=event))
            self._backfill.mark_processed(route.scope, route.position)

        done = self._backfill.enqueue(route.scope, route.conversation, route.id, route.position, work)
        async with asyncio.timeout(ACK_SECONDS):
            await asyncio.shield(done)

    async def _on_home_opened(self, event: Payload) -> None:
        tab = event.get("tab") or "home"
        self._responder.run_in_background(home.fill_tab(self._slack, event["user"], event["channel"], tab))

    async def _on_session_stopped(self, event: Payload) -> None:
        """Handle Slack's own stop button, which has already ended the stream.

        The delivery of the stopped turn ends the state "processing". If no turn runs, it is ended here.
        """
        channel, thread, person = event["channel"], event["thread_ts"], str(event.get("user") or "")
        conversation = keys.slack(self._slack.identity.team, channel, thread)
        if not await self._may_stop(person, channel, conversation):
            log.warning("%s may not stop replies in %s", person, conversation)
            return
        result = await self._ingress.call(handlers.CHAT_STOP, conversation, StopRequest(), timeout=ACK_SECONDS)
        if not result.stopped:
            self._responder.run_in_background(self._end_processing(channel, thread))

    async def _may_stop(self, person: str, channel: str, conversation: str) -> bool:
        """Apply the same checks as for the stop button below a reply."""
        if not await self._permissions.may_read(person, channel):
            return False
        return not await is_blocked(self._ingress, self._settings, Requester(conversation, person))

    async def _end_processing(self, channel: str, thread: str) -> None:
        if not await self._sessions.set_active(channel, thread):
            log.warning("the agent session of the thread %s in %s still shows that it is processing", thread, channel)

    async def _on_uninstalled(self, event: Payload) -> None:
        log.error("the app was removed or its token was revoked (%s): replies cannot be delivered", event.get("type"))
