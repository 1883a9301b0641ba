"""The signs beside a question in Slack: reactions in channels, an agent session's state in direct messages."""

from __future__ import annotations

from bots.common.errors import TransientError
from bots.common.reactions import StatusReactions
from bots.slack.client import SlackApiCallError, SlackClient
from chat_service import keys
from chat_service.ingress import IngressClient

EYES = "eyes"
PLACES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def slack_status_reactions(slack: SlackClient, ingress: IngressClient) -> StatusReactions:
    """The signs of one workspace."""

    async def react(conversation: str, id: str, sign: str, off: bool) -> None:
        key = keys.parse(conversation)
        assert key is not None  # noqa: S101  it was taken in
        call = slack.web.reactions_remove if off else slack.web.reactions_add
        try:
            await slack(call, channel=key.channel, timestamp=id, name=sign)
        except SlackApiCallError as refused:
            raise TransientError(str(refused)) from refused  # it has it, or has it no more

    async def look(conversation: str, id: str) -> list[str]:
        key = keys.parse(conversation)
        assert key is not None  # noqa: S101  it was taken in
        found: list[str] = []
        try:
            before, after = (f"{float(id) + step:.6f}" for step in (-0.000002, 0.000002))
            async for message in slack.thread(key.channel, key.thread, oldest=before, latest=after):
                if message["ts"] == id:
                    found += [
                        one["name"] for one in message.get("reactions") or [] if slack.identity.user in one["users"]
                    ]
        except SlackApiCallError as refused:
            raise TransientError(str(refused)) from refused
        return found

    return StatusReactions(ingress, react, look, EYES, PLACES)
