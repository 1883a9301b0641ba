"""Where Slack's events enter. An event is acknowledged when Restate has it, within three seconds, or not at all.

Bolt acknowledges an event before its listener runs, unless `process_before_response` is set: then it does so after,
and a listener that raises leaves the event to Slack's next try.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from slack_bolt.async_app import AsyncApp

from bots.common import commands
from bots.common.access import ButtonAction, is_shut_out
from bots.common.backfill import Backfill
from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.common.events import PlatformEvent
from bots.common.received_mark import mark_arrival
from bots.slack import home
from bots.slack.buttons import Buttons
from bots.slack.client import SlackApiCallError, SlackClient
from bots.slack.diagnostics import MissingEventDetector
from bots.slack.event_routing import PERSON_SUBTYPES, mentions_user, route_event
from bots.slack.events import EventParser
from bots.slack.history import HistoryView
from bots.slack.messenger import SlackMessenger
from bots.slack.permissions import Permissions
from bots.slack.responses import Responder
from bots.slack.settings import CALLBACK, ChatSettings
from chat_service import keys
from chat_service.contracts import StopResult, StopRequest
from chat_service.ingress import IngressClient, IngressError
from chat_service.settings import Settings

log = logging.getLogger(__name__)

ACK_SECONDS = 2.6
"""Slack waits three seconds; what takes longer is not acknowledged, and comes again."""


class Listeners:
    """The listeners of one workspace."""

    def __init__(
        self,
        slack: SlackClient,
        ingress: IngressClient,
        catch_up: Backfill,
        buttons: Buttons,
        histories: HistoryView,
        chat_settings: ChatSettings,
        settings: Settings,
        hearing: EventParser,
        ears: SlackMessenger,
        permissions: Permissions,
    ) -> None:
        self._slack, self._ingress, self._catch_up = slack, ingress, catch_up
        self._buttons, self._histories, self._chat_settings = buttons, histories, chat_settings
        self._settings, self._hearing, self._ears = settings, hearing, ears
        self._permissions = permissions
        self._telltale, self._responder = MissingEventDetector(), Responder(slack)

    def register(self, app: AsyncApp) -> None:
        """Put the listeners into the app."""
        for kind in ("message", "app_mention"):
            app.event(kind)(self._on_message)
        app.event("app_home_opened")(self._on_home)
        app.event("agent_session_stopped")(self._on_native_stop)
        for kind in ("app_uninstalled", "tokens_revoked"):
            app.event(kind)(self._on_uninstalled)
        app.command("/history")(self._on_history)
        app.command("/chat-settings")(self._on_settings)
        app.shortcut("show_history")(self._on_shortcut)
        app.view(CALLBACK)(self._on_submit)
        self._buttons.register(app, self._responder)
        for action in ("history_pick", "history_older", "history_export"):
            app.action(action)(self._on_page)

    async def close(self) -> None:
        """Give up what is beside the events."""
        await self._responder.close()

    # --- messages -----------------------------------------------------------------------------------------
    async def _on_message(self, event: dict[str, Any]) -> None:
        self._telltale.saw(event, mention=mentions_user(event.get("text") or "", self._slack.identity.user))
        way = route_event(event, self._slack.identity.team, self._slack.identity.user)
        if way is None:
            if event.get("channel") and event.get("ts"):
                self._catch_up.passed(f"slack:{self._slack.identity.team}:{event['channel']}", str(event["ts"]))
            return

        async def work() -> None:
            await self._catch_up.ensure(way.scope)
            await self.hand_over(way.conversation, way.id, PlatformEvent(raw=event))
            self._catch_up.passed(way.scope, way.position)

        done = self._catch_up.queue(way.scope, way.conversation, way.id, way.position, work)
        async with asyncio.timeout(ACK_SECONDS):
            await asyncio.shield(done)

    async def hand_over(self, conversation: str, id: str, arrival: PlatformEvent) -> None:
        """Give an event to Restate; a repeat of it is known by its id. What is new and will be answered is marked.

        Raises:
            IngressError: when Restate did not take it.
        """
        sent = await self._ingress.send("SlackIntake", conversation, "event", arrival, idempotency_key=id)
        if sent.repeated or arrival.raw.get("subtype") not in PERSON_SUBTYPES:
            return
        heard = self._hearing.parse_without_lookups(arrival.raw)
        if time.time() - heard.at.timestamp() < self._settings.catchup_max_age:
            self._responder.run_in_background(
                mark_arrival(self._ingress, self._settings, self._ears, conversation, heard)
            )

    async def _on_home(self, event: dict[str, Any]) -> None:
        self._responder.run_in_background(
            home.fill_tab(self._slack, event["user"], event["channel"], event.get("tab") or "home")
        )

    async def _on_native_stop(self, event: dict[str, Any]) -> None:
        """Slack's own stop button: its streams have ended already. The delivery then leaves `processing`; where nothing
        runs, nobody else would."""
        channel, thread, person = event["channel"], event["thread_ts"], str(event.get("user") or "")
        conversation = keys.slack(self._slack.identity.team, channel, thread)
        if not await self._may_stop(person, channel, conversation):
            log.warning("%s may not stop what is answered in %s", person, conversation)
            return
        done = await self._ingress.call("Chat", conversation, "stop", StopRequest(), StopResult, timeout=ACK_SECONDS)
        if not done.stopped:
            self._responder.run_in_background(self._leave_processing(channel, thread))

    async def _may_stop(self, person: str, channel: str, conversation: str) -> bool:
        """As with the stop button beneath a reply."""
        press = ButtonAction(id="", conversation=conversation, person=person)
        if not await self._permissions.may_read(person, channel):
            return False
        return not await is_shut_out(self._ingress, self._settings, press)

    async def _leave_processing(self, channel: str, thread: str) -> None:
        call = self._slack.web.agents_sessions_setStatus
        try:
            await self._slack(call, status="active", channel_id=channel, thread_ts=thread)
        except (PermanentError, SlackApiCallError, OutcomeUnknownError, TransientError) as error:
            log.warning("a session stays in processing: %s", error)

    async def _on_uninstalled(self, event: dict[str, Any]) -> None:
        log.error("the app was removed or its token revoked (%s): replies stay undelivered", event.get("type"))

    # --- history ------------------------------------------------------------------------------------------
    async def _on_history(self, ack: Any, body: dict[str, Any]) -> None:
        await ack()
        work = self._histories.show_for_command(body["user_id"], body["channel_id"], body.get("text") or "")
        self._responder.answer(body["response_url"], work)

    async def _on_shortcut(self, ack: Any, body: dict[str, Any]) -> None:
        await ack()
        message = body["message"]
        thread = message.get("thread_ts") or message.get("ts") or body["message_ts"]
        conversation = keys.slack(self._slack.identity.team, body["channel"]["id"], thread)
        self._responder.answer(body["response_url"], self._histories.show_page(body["user"]["id"], conversation))

    async def _on_page(self, ack: Any, body: dict[str, Any], action: dict[str, Any]) -> None:
        await ack()
        self._responder.answer(body["response_url"], self._histories.handle_action(body["user"]["id"], action))

    # --- settings -----------------------------------------------------------------------------------------
    async def _on_settings(self, ack: Any, body: dict[str, Any]) -> None:
        try:
            refused = await self._chat_settings.open(body["user_id"], body["channel_id"], body["trigger_id"])
        except (IngressError, TimeoutError):
            refused = commands.AWAY
        except (PermanentError, SlackApiCallError, OutcomeUnknownError, TransientError) as error:
            log.warning("the settings could not be shown: %s", error)
            refused = f"Slack did not let me do that ({error})."
        await ack(refused) if refused else await ack()

    async def _on_submit(self, ack: Any, body: dict[str, Any], view: dict[str, Any]) -> None:
        try:
            wrong = await self._chat_settings.submit(body["user"]["id"], view)
        except (IngressError, TimeoutError):
            wrong = {"mode": commands.AWAY}
        except (PermanentError, SlackApiCallError, OutcomeUnknownError, TransientError) as error:
            log.warning("settings could not be checked: %s", error)
            wrong = {"mode": f"Slack did not let me check that ({error}). Please try again."}
        await ack(response_action="errors", errors=wrong) if wrong else await ack()
