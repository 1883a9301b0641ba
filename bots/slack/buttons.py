"""The buttons beneath replies. What they do is checked when they are pressed, not when they were shown."""

from __future__ import annotations

from typing import Any

from slack_bolt.async_app import AsyncApp

from bots.common import commands
from bots.common.access import ButtonAction, is_shut_out, try_again
from bots.slack.client import SlackClient
from bots.slack.permissions import Permissions
from bots.slack.responses import Responder, SlackMessage, text_message
from chat_service import keys
from chat_service.contracts import FeedbackRequest, StopRequest
from chat_service.ingress import IngressClient
from chat_service.settings import Settings


class Buttons:
    """What happens when one is pressed."""

    def __init__(
        self, slack: SlackClient, ingress: IngressClient, permissions: Permissions, settings: Settings
    ) -> None:
        self._slack, self._ingress, self._permissions, self._settings = slack, ingress, permissions, settings

    def register(self, app: AsyncApp, responder: Responder) -> None:
        """Listen for them: acknowledged at once, since nothing comes again."""

        async def pressed(ack: Any, body: dict[str, Any], action: dict[str, Any]) -> None:
            await ack()
            responder.answer(body["response_url"], self._pressed(body, action))

        for name in ("stop", "retry", "feedback"):
            app.action(name)(pressed)

    async def _pressed(self, body: dict[str, Any], action: dict[str, Any]) -> SlackMessage | None:
        person, channel, message = body["user"]["id"], body["channel"]["id"], body["message"]
        if not await self._permissions.may_read(person, channel):
            return text_message(commands.NOT_READABLE)
        thread = message.get("thread_ts") or message["ts"]
        conversation = keys.slack(self._slack.identity.team, channel, thread)
        first, _, seq = action["value"].partition("|")
        press = ButtonAction(
            id=f"press:{action.get('action_ts') or seq}",
            conversation=conversation,
            person=person,
            turn=int(first) if first.isdecimal() else 0,
            seq=int(seq or 0),
        )
        if action["action_id"] != "retry" and await is_shut_out(self._ingress, self._settings, press):
            return text_message(commands.NOT_ALLOWED)
        match action["action_id"]:
            case "stop":
                await self._ingress.send("Chat", conversation, "stop", StopRequest(turn=press.turn))
            case "feedback":
                request = FeedbackRequest.model_validate({"seq": press.seq, "person": person, "value": first})
                await self._ingress.send("Chat", conversation, "feedback", request)
                return text_message(commands.NOTED[first])
            case "retry":
                reason = await try_again(self._ingress, self._settings, press)
                return text_message(reason) if reason else None
        return None
