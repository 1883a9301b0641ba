"""Servers, their channels, roles and members."""

from __future__ import annotations

from tests.fakes.discord import permissions
from tests.fakes.discord.errors import Refused
from tests.fakes.discord.models import Json
from tests.fakes.discord.routes.registry import Context, route


@route("get_guild", "GET", "/guilds/{guild}")
def get_guild(ctx: Context) -> Json:
    guild = ctx.guild()
    counts: Json = {}
    if ctx.query.get("with_counts") in ("1", "true"):
        counts = {"approximate_member_count": len(guild.members), "approximate_presence_count": len(guild.members)}
    return {**ctx.discord.render.guild(guild), **counts}


@route("leave_guild", "DELETE", "/users/@me/guilds/{guild}", status=204)
def leave_guild(ctx: Context) -> None:
    guild = ctx.guild()
    del guild.members[ctx.bot]
    ctx.discord.events.guild_delete(guild, unavailable=False)


@route("get_guild_channels", "GET", "/guilds/{guild}/channels")
def get_guild_channels(ctx: Context) -> list[Json]:
    guild = ctx.guild()
    world = ctx.discord.world
    found = [one for one in world.channels.values() if one.guild == guild.id and one.thread is None]
    return [ctx.discord.render.channel(one) for one in found]


@route("get_active_threads", "GET", "/guilds/{guild}/threads/active")
def get_active_threads(ctx: Context) -> Json:
    guild, world = ctx.guild(), ctx.discord.world
    found = [
        one
        for one in world.threads(guild=guild.id)
        if one.thread and not one.thread.archived and permissions.may(world, ctx.bot, one, "view_channel")
    ]
    mine = [one for one in found if one.thread and ctx.bot in one.thread.members]
    threads = sorted(found, key=lambda one: -int(one.id))
    render = ctx.discord.render
    return {
        "threads": [render.channel(one) for one in threads],
        "members": [render.thread_member(one, ctx.bot) for one in mine],
    }


@route("get_guild_roles", "GET", "/guilds/{guild}/roles")
def get_guild_roles(ctx: Context) -> list[Json]:
    return [ctx.discord.render.role(one) for one in ctx.guild().roles.values()]


@route("get_guild_emojis", "GET", "/guilds/{guild}/emojis")
def get_guild_emojis(ctx: Context) -> list[Json]:
    return ctx.guild().emojis


@route("list_members", "GET", "/guilds/{guild}/members")
def list_members(ctx: Context) -> list[Json]:
    """All members; only for an application with the members intent."""
    if not ctx.discord.app.members_intent:
        raise Refused(50001)
    guild = ctx.guild()
    after = int(ctx.query.get("after", "0"))
    found = sorted((one for one in guild.members.values() if int(one.user) > after), key=lambda one: int(one.user))
    return [ctx.discord.render.member(guild.id, one) for one in found[: ctx.number("limit", 1, 1, 1000)]]


@route("get_member", "GET", "/guilds/{guild}/members/{user}")
def get_member(ctx: Context) -> Json:
    guild = ctx.guild()
    ctx.discord.world.user(ctx.params["user"])
    if ctx.params["user"] not in guild.members:
        raise Refused(10007)
    return ctx.discord.render.member(guild.id, guild.members[ctx.params["user"]])
