"""Messages of channels and threads."""

from __future__ import annotations

from tests.fakes.discord import permissions
from tests.fakes.discord.errors import ApiError, invalid
from tests.fakes.discord.models import (
    CHAT_INPUT_COMMAND,
    CONTEXT_MENU_COMMAND,
    DEFAULT,
    REPLY,
    Json,
    Message,
)
from tests.fakes.discord.routes.registry import RequestContext, route

EDITABLE_TYPES = (DEFAULT, REPLY, CHAT_INPUT_COMMAND, CONTEXT_MENU_COMMAND)


def message_json(context: RequestContext, message: Message) -> Json:
    """Return a message; without the Message Content intent its content is left out by REST, too."""
    discord = context.discord
    with_content = discord.app.message_content or discord.events.is_readable_without_intent(message)
    return context.serializer.message(message, with_content=with_content)


@route("get_messages", "GET", "/channels/{channel}/messages")
def get_messages(context: RequestContext) -> list[Json]:
    """Return a page, newest first. Without the permission to read the history it is empty; that is no error."""
    channel = context.channel()
    limit = context.limit(50, 100)
    bounds = {name: int(context.query[name]) for name in ("before", "after") if name in context.query}
    if len(bounds) > 1:
        raise invalid("before", "BASE_TYPE_EXCLUSIVE", "before and after are mutually exclusive.")
    if not permissions.has(context.state, context.bot, channel, "read_message_history"):
        return []
    history = context.state.history(channel.id)
    if "after" in bounds:
        page = [message for message in history if int(message.id) > bounds["after"]][:limit]
    else:
        page = [message for message in history if "before" not in bounds or int(message.id) < bounds["before"]][-limit:]
    return [message_json(context, message) for message in reversed(page)]


@route("get_message", "GET", "/channels/{channel}/messages/{message}")
def get_message(context: RequestContext) -> Json:
    channel = context.channel()
    if not permissions.has(context.state, context.bot, channel, "read_message_history"):
        raise ApiError(50001)
    return message_json(context, context.message(channel))


@route("create_message", "POST", "/channels/{channel}/messages")
def create_message(context: RequestContext) -> Json:
    channel = context.channel()
    message = context.discord.messages.create(context.bot, channel, context.payload(), context.route)
    return context.serializer.message(message)


@route("edit_message", "PATCH", "/channels/{channel}/messages/{message}")
def edit_message(context: RequestContext) -> Json:
    channel = context.channel()
    message = context.message(channel)
    payload = context.payload()
    context.discord.messages.check_not_archived(channel)
    if message.type not in EDITABLE_TYPES:
        raise ApiError(50021)
    if message.author != context.bot:
        raise ApiError(50005)
    if payload.uploads:
        permissions.require(context.state, context.bot, channel, "attach_files")
    return message_json(context, context.discord.messages.edit(message, payload, context.route))


@route("delete_message", "DELETE", "/channels/{channel}/messages/{message}", status=204)
def delete_message(context: RequestContext) -> None:
    channel = context.channel()
    message = context.message(channel)
    context.discord.messages.check_not_archived(channel)
    if message.author != context.bot:
        if channel.guild is None:
            raise ApiError(50003)
        permissions.require(context.state, context.bot, channel, "manage_messages")
    context.discord.messages.delete([message])
