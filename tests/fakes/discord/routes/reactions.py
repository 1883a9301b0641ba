"""The bot's reactions. They cause no events: the bot ignores its own."""

from __future__ import annotations

from tests.fakes.discord import permissions
from tests.fakes.discord.errors import ApiError
from tests.fakes.discord.routes.registry import RequestContext, route

PATH = "/channels/{channel}/messages/{message}/reactions/{emoji}/@me"


@route("create_reaction", "PUT", PATH, status=204)
def create_reaction(context: RequestContext) -> None:
    channel = context.channel("read_message_history")
    message = context.message(channel)
    context.discord.messages.check_not_archived(channel)
    users = message.reactions.get(context.params["emoji"])
    if users is None:
        permissions.require(context.state, context.bot, channel, "add_reactions")
        users = message.reactions[context.params["emoji"]] = []
    if context.bot not in users:
        users.append(context.bot)


@route("delete_own_reaction", "DELETE", PATH, status=204)
def delete_own_reaction(context: RequestContext) -> None:
    message = context.message(context.channel())
    users = message.reactions.get(context.params["emoji"], [])
    if context.bot not in users:
        raise ApiError(10014)
    users.remove(context.bot)
    if not users:
        del message.reactions[context.params["emoji"]]
