"""Answering by a response URL: a message to the person alone or to the channel, or in place of the one clicked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.slack.args import Args
from tests.fakes.slack.errors import Refused
from tests.fakes.slack.methods.chat import content_of, written
from tests.fakes.slack.models import Json, Message
from tests.fakes.slack.registry import Context

if TYPE_CHECKING:
    from tests.fakes.slack.slack import FakeSlack


def use(slack: FakeSlack, secret: str, body: Json) -> Json:
    """One use of a response URL.

    Raises:
        Refused: `used_url` and `expired_url` (404), and what a message is refused for.
    """
    ticket = slack.response_urls.use(secret)
    args = Args(body)
    source = _source(slack, ticket.channel, ticket.ts)
    if args.flag("delete_original"):
        if source is None:
            raise Refused("message_not_found")
        if source in slack.world.ephemerals:
            slack.world.ephemerals.remove(source)
        else:
            slack.remove(source)
        return {}
    text, blocks, attachments = content_of(args)
    if args.flag("replace_original") and source is not None:
        before = source.model_copy(deep=True)
        changes = {"text": text, "blocks": blocks, "attachments": attachments}
        slack.world.revise(source, "response_url", **changes)
        if source.ephemeral_to is None:
            slack.events.changed(source, before)
        return {}
    said(slack, ticket.team, ticket.channel, ticket.user, body, "response_url")
    return {}


def said(slack: FakeSlack, team: str, channel: str, user: str, body: Json, via: str) -> Message:
    """A message that answers a person: to them alone, unless it says `in_channel`."""
    args = Args(body)
    text, blocks, attachments = content_of(args)
    context = Context(slack, slack.world.teams[team], slack.events.base)
    alone = args.text("response_type") != "in_channel"
    message = written(
        context,
        slack.world.channels[channel],
        text=text,
        blocks=blocks,
        attachments=attachments,
        thread_ts=args.text("thread_ts"),
        ephemeral_to=user if alone else None,
    )
    slack.world.add_message(message, via)
    if not alone:
        slack.events.posted(message)
    return message


def _source(slack: FakeSlack, channel: str, ts: str | None) -> Message | None:
    hidden = [one for one in slack.world.ephemerals if one.channel == channel and one.ts == ts]
    return hidden[0] if hidden else slack.world.message(channel, ts or "")
