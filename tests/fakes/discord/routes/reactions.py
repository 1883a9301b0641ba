"""Reactions."""

from __future__ import annotations

from tests.fakes.discord import permissions
from tests.fakes.discord.errors import Refused
from tests.fakes.discord.models import Json
from tests.fakes.discord.routes.registry import Context, route

PATH = "/channels/{channel}/messages/{message}/reactions/{emoji}"


@route("create_reaction", "PUT", f"{PATH}/@me", status=204)
def create_reaction(ctx: Context) -> None:
    channel = ctx.channel("read_message_history")
    message = ctx.message(channel)
    ctx.discord.writing.in_open_thread(channel)
    if ctx.params["emoji"] not in message.reactions:
        permissions.require(ctx.discord.world, ctx.bot, channel, "add_reactions")
    ctx.discord.react(message, ctx.bot, ctx.params["emoji"])


@route("delete_own_reaction", "DELETE", f"{PATH}/@me", status=204)
def delete_own_reaction(ctx: Context) -> None:
    channel = ctx.channel()
    message = ctx.message(channel)
    if ctx.bot not in message.reactions.get(ctx.params["emoji"], []):
        raise Refused(10014)
    ctx.discord.react(message, ctx.bot, ctx.params["emoji"], remove=True)


@route("delete_user_reaction", "DELETE", f"{PATH}/{{user}}", status=204)
def delete_user_reaction(ctx: Context) -> None:
    channel = ctx.channel("manage_messages")
    ctx.discord.react(ctx.message(channel), ctx.params["user"], ctx.params["emoji"], remove=True)


@route("get_reactions", "GET", PATH)
def get_reactions(ctx: Context) -> list[Json]:
    world = ctx.discord.world
    users = ctx.message(ctx.channel()).reactions.get(ctx.params["emoji"], [])
    return [ctx.discord.render.user(world.users[one]) for one in users[: ctx.number("limit", 25, 1, 100)]]
