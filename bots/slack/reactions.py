"""The received reaction in Slack channels. Direct messages show an agent session's status instead."""

from __future__ import annotations

from bots.common.errors import TransientError
from bots.common.reactions import StatusReactions
from bots.slack.client import SlackApiCallError, SlackClient, WebMethod
from chat_service import keys

RECEIVED = "eyes"


def slack_status_reactions(slack: SlackClient) -> StatusReactions:
    """Return the reactions of one workspace."""

    async def add(conversation: str, id: str) -> None:
        await react(slack.web.reactions_add, conversation, id)

    async def remove(conversation: str, id: str) -> None:
        await react(slack.web.reactions_remove, conversation, id)

    async def react(method: WebMethod, conversation: str, id: str) -> None:
        key = keys.parse(conversation)
        assert key is not None  # noqa: S101  the intake has checked the key
        try:
            await slack(method, channel=key.channel, timestamp=id, name=RECEIVED)
        except SlackApiCallError as error:
            raise TransientError(str(error)) from error  # already_reacted, no_reaction

    return StatusReactions(add, remove, is_used=_is_channel)


def _is_channel(conversation: str) -> bool:
    key = keys.parse(conversation)
    return key is not None and not key.channel.startswith("D")
