"""Channels."""

from __future__ import annotations

from tests.fakes.discord.errors import ApiError
from tests.fakes.discord.models import Json
from tests.fakes.discord.routes.registry import RequestContext, route


@route("get_channel", "GET", "/channels/{channel}")
def get_channel(context: RequestContext) -> Json:
    return context.serializer.channel(context.channel())


@route("modify_channel", "PATCH", "/channels/{channel}")
def modify_channel(context: RequestContext) -> Json:
    """Change a thread; other channels cannot be changed."""
    channel = context.channel()
    if channel.thread is None:
        raise ApiError(50013)
    return context.serializer.channel(
        context.discord.threads.change(context.bot, channel, context.fields, context.route)
    )


@route("trigger_typing", "POST", "/channels/{channel}/typing", status=204)
def trigger_typing(context: RequestContext) -> None:
    is_thread = context.channel().thread is not None
    context.channel("send_messages_in_threads" if is_thread else "send_messages")
