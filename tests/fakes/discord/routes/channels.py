"""Channels: reading, changing, deleting, and typing in them."""

from __future__ import annotations

from typing import Any

from tests.fakes.discord import permissions
from tests.fakes.discord.errors import Refused, too_long
from tests.fakes.discord.models import DM, Json
from tests.fakes.discord.routes.registry import Context, route


@route("get_channel", "GET", "/channels/{channel}")
def get_channel(ctx: Context) -> Json:
    return ctx.discord.render.channel(ctx.channel())


@route("create_channel", "POST", "/guilds/{guild}/channels", status=201)
def create_channel(ctx: Context) -> Json:
    guild = ctx.guild()
    if not permissions.in_guild(ctx.discord.world, guild.id, ctx.bot) & permissions.BITS["manage_channels"]:
        raise Refused(50013)
    kind = int(ctx.fields.get("type") or 0)
    channel = ctx.discord.world.add_channel(guild.id, str(ctx.fields.get("name") or "new"), kind)
    channel.topic = ctx.fields.get("topic")
    ctx.discord.events.channel("CHANNEL_CREATE", channel)
    return ctx.discord.render.channel(channel)


@route("modify_channel", "PATCH", "/channels/{channel}")
def modify_channel(ctx: Context) -> Json:
    channel = ctx.channel()
    if channel.thread is not None:
        return ctx.discord.render.channel(ctx.discord.threads.change(ctx.bot, channel, ctx.fields, ctx.route))
    if channel.type == DM:
        raise Refused(50003)
    permissions.require(ctx.discord.world, ctx.bot, channel, "manage_channels")
    given: dict[str, Any] = ctx.fields
    if len(given.get("name") or "") > 100:
        raise too_long("name", 100)
    channel.name = given.get("name") or channel.name
    channel.topic = given.get("topic", channel.topic)
    ctx.discord.events.channel("CHANNEL_UPDATE", channel)
    return ctx.discord.render.channel(channel)


@route("delete_channel", "DELETE", "/channels/{channel}")
def delete_channel(ctx: Context) -> Json:
    channel = ctx.channel()
    if channel.type == DM:
        return ctx.discord.render.channel(channel)
    permissions.require(ctx.discord.world, ctx.bot, channel, "manage_threads" if channel.thread else "manage_channels")
    told = ctx.discord.render.channel(channel)
    ctx.discord.remove_channel(channel)
    return told


@route("trigger_typing", "POST", "/channels/{channel}/typing", status=204)
def trigger_typing(ctx: Context) -> None:
    channel = ctx.discord.world.channel(ctx.params["channel"])
    needs = "send_messages_in_threads" if channel.thread else "send_messages"
    ctx.channel(needs)
    ctx.discord.events.typing(ctx.bot, channel)
