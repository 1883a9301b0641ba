"""Slash commands, the message shortcut, and the menus and modals that they open."""

from __future__ import annotations

import logging

from slack_bolt.async_app import AsyncAck, AsyncApp

from bots.common import texts
from bots.slack.client import SLACK_ERRORS, Payload, SlackClient
from bots.slack.history import HistoryView
from bots.slack.responses import Responder, call_failed
from bots.slack.settings import CALLBACK, ChatSettings
from chat_service import keys
from chat_service.ingress import IngressError

log = logging.getLogger(__name__)


class SlashCommands:
    """Answers `/history`, `/chat-settings` and the shortcut "Show chat history" in one workspace."""

    def __init__(self, slack: SlackClient, history: HistoryView, chat_settings: ChatSettings) -> None:
        self._slack, self._history, self._chat_settings = slack, history, chat_settings

    def register(self, app: AsyncApp, responder: Responder) -> None:
        """Register the listeners. They acknowledge at once where they can: Slack does not repeat interactions."""

        async def on_history(ack: AsyncAck, body: Payload) -> None:
            await ack()
            work = self._history.show_for_command(body["user_id"], body["channel_id"], body.get("text") or "")
            responder.respond(body["response_url"], work)

        async def on_shortcut(ack: AsyncAck, body: Payload) -> None:
            await ack()
            work = self._history.show_page(body["user"]["id"], self._conversation_of(body))
            responder.respond(body["response_url"], work)

        async def on_history_action(ack: AsyncAck, body: Payload, action: Payload) -> None:
            await ack()
            responder.respond(body["response_url"], self._history.handle_action(body["user"]["id"], action))

        app.command("/history")(on_history)
        app.shortcut("show_history")(on_shortcut)
        for action_id in ("history_pick", "history_older", "history_export"):
            app.action(action_id)(on_history_action)
        app.command("/chat-settings")(self._on_chat_settings)
        app.view(CALLBACK)(self._on_submit)

    def _conversation_of(self, body: Payload) -> str:
        """Return the conversation of the message on which the shortcut was used."""
        message = body["message"]
        thread = message.get("thread_ts") or message.get("ts") or body["message_ts"]
        return keys.slack(self._slack.identity.team, body["channel"]["id"], thread)

    async def _on_chat_settings(self, ack: AsyncAck, body: Payload) -> None:
        try:
            reason = await self._chat_settings.open(body["user_id"], body["channel_id"], body["trigger_id"])
        except (IngressError, TimeoutError):
            reason = texts.UNREACHABLE
        except SLACK_ERRORS as error:
            log.warning("the settings could not be shown: %s", error)
            reason = call_failed(error)
        await ack(reason) if reason else await ack()

    async def _on_submit(self, ack: AsyncAck, body: Payload, view: Payload) -> None:
        try:
            errors = await self._chat_settings.submit(body["user"]["id"], view)
        except (IngressError, TimeoutError):
            errors = {"mode": texts.UNREACHABLE}
        except SLACK_ERRORS as error:
            log.warning("the settings could not be saved: %s", error)
            errors = {"mode": f"{call_failed(error)} Please try again."}
        await ack(response_action="errors", errors=errors) if errors else await ack()
