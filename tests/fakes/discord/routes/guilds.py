"""Servers and their members."""

from __future__ import annotations

from tests.fakes.discord.errors import ApiError
from tests.fakes.discord.models import Json
from tests.fakes.discord.routes.registry import RequestContext, route


@route("get_guild", "GET", "/guilds/{guild}")
def get_guild(context: RequestContext) -> Json:
    return context.serializer.guild(context.guild())


@route("get_guild_member", "GET", "/guilds/{guild}/members/{user}")
def get_guild_member(context: RequestContext) -> Json:
    guild = context.guild()
    user = context.state.user(context.params["user"])
    if user.id not in guild.members:
        raise ApiError(10007)
    return context.serializer.member(guild.members[user.id])
