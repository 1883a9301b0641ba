"""Emoji on messages."""

from __future__ import annotations

import re

from tests.fakes.slack.args import Args
from tests.fakes.slack.errors import ApiError
from tests.fakes.slack.models import Json, Message
from tests.fakes.slack.registry import CallContext, method

_NAME = re.compile(r"[a-z0-9_+'\-]+(::skin-tone-[2-6])?")


def _find_target(context: CallContext, args: Args) -> tuple[Message, str]:
    name, channel_id, ts = args.required("name", "channel", "timestamp")
    if not _NAME.fullmatch(name):
        raise ApiError("invalid_name")
    channel = context.joined_channel(channel_id)
    if channel.is_archived:
        raise ApiError("is_archived")
    message = context.slack.state.message(channel.id, ts)
    if message is None:
        raise ApiError("message_not_found")
    return message, name


@method("reactions.add", "reactions:write")
def add_reaction(context: CallContext, args: Args) -> Json:
    message, name = _find_target(context, args)
    if context.bot_user_id in message.reactions.get(name, ()):
        raise ApiError("already_reacted")
    context.slack.react(message, context.bot_user_id, name)
    return {}


@method("reactions.remove", "reactions:write")
def remove_reaction(context: CallContext, args: Args) -> Json:
    message, name = _find_target(context, args)
    if context.bot_user_id not in message.reactions.get(name, ()):
        raise ApiError("no_reaction")
    context.slack.react(message, context.bot_user_id, name, remove=True)
    return {}
