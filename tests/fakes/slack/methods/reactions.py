"""Emoji on messages."""

from __future__ import annotations

import re

from tests.fakes.slack.args import Args
from tests.fakes.slack.errors import Refused
from tests.fakes.slack.models import Json, Message
from tests.fakes.slack.registry import Context, method

_NAME = re.compile(r"[a-z0-9_+'\-]+(::skin-tone-[2-6])?")


def _target(context: Context, args: Args) -> tuple[Message, str]:
    name, channel, ts = args.need("name", "channel", "timestamp")
    if not _NAME.fullmatch(name):
        raise Refused("invalid_name")
    where = context.joined(channel)
    if where.is_archived:
        raise Refused("is_archived")
    message = context.slack.world.message(where.id, ts)
    if message is None:
        raise Refused("message_not_found")
    return message, name


@method("reactions.add", "reactions:write")
def add(context: Context, args: Args) -> Json:
    message, name = _target(context, args)
    if context.bot in message.reactions.get(name, ()):
        raise Refused("already_reacted")
    context.slack.react(message, context.bot, name)
    return {}


@method("reactions.remove", "reactions:write")
def remove(context: Context, args: Args) -> Json:
    message, name = _target(context, args)
    if context.bot not in message.reactions.get(name, ()):
        raise Refused("no_reaction")
    context.slack.react(message, context.bot, name, remove=True)
    return {}
