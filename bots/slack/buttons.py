"""The buttons beneath replies in Slack."""

from __future__ import annotations

from typing import cast, get_args

from slack_bolt.async_app import AsyncAck, AsyncApp

from bots.common import texts
from bots.common.access import Requester
from bots.common.buttons import ButtonAction, ButtonKind, run_button_action
from bots.slack.client import Payload, SlackClient
from bots.slack.permissions import Permissions
from bots.slack.responses import Responder, SlackMessage, text_message
from chat_service import keys
from chat_service.ingress import IngressClient
from chat_service.settings import Settings


class Buttons:
    """Answers presses of the buttons in one workspace."""

    def __init__(
        self, slack: SlackClient, ingress: IngressClient, permissions: Permissions, settings: Settings
    ) -> None:
        self._slack, self._ingress, self._permissions, self._settings = slack, ingress, permissions, settings

    def register(self, app: AsyncApp, responder: Responder) -> None:
        """Register the listener. It acknowledges at once, since Slack does not send a press again."""

        async def on_press(ack: AsyncAck, body: Payload, action: Payload) -> None:
            await ack()
            responder.respond(body["response_url"], self._run(body, action))

        for action_id in ("stop", "retry", "feedback"):
            app.action(action_id)(on_press)

    async def _run(self, body: Payload, action: Payload) -> SlackMessage | None:
        if not await self._permissions.may_read(body["user"]["id"], body["channel"]["id"]):
            return text_message(texts.NOT_READABLE)
        text = await run_button_action(self._ingress, self._settings, self._parse(body, action))
        return text_message(text) if text else None

    def _parse(self, body: Payload, action: Payload) -> ButtonAction:
        """Return the pressed button. Its value is `turn|seq`, or `rating|seq` of a feedback button."""
        message = body["message"]
        thread = message.get("thread_ts") or message["ts"]
        turn_or_rating, _, seq = action["value"].partition("|")
        kind = turn_or_rating if action["action_id"] == "feedback" else action["action_id"]
        if kind not in get_args(ButtonKind):
            raise ValueError(f"not a button of this bot: {action['value']}")
        return ButtonAction(
            kind=cast(ButtonKind, kind),
            id=f"press:{action.get('action_ts') or seq}",
            requester=Requester(
                keys.slack(self._slack.identity.team, body["channel"]["id"], thread), body["user"]["id"]
            ),
            turn=int(turn_or_rating) if turn_or_rating.isdecimal() else 0,
            seq=int(seq or 0),
        )
