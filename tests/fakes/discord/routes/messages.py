"""Messages in channels and threads."""

from __future__ import annotations

from tests.fakes.discord import permissions
from tests.fakes.discord.clock import made
from tests.fakes.discord.errors import Refused, invalid
from tests.fakes.discord.models import DEFAULT, REPLY, SLASH, SUPPRESS_EMBEDS, Channel, Json, Message
from tests.fakes.discord.routes.registry import Context, route

WRITTEN = (DEFAULT, REPLY, SLASH, 23)
AUTHORS_ONLY = frozenset(["content", "embeds", "components", "attachments"])
FORTNIGHT = 14 * 86_400.0


def told(ctx: Context, message: Message) -> Json:
    """A message as REST gives it: without the Message Content intent its text stays empty here too."""
    open_ = ctx.discord.app.message_content or ctx.discord.events.readable(message)
    return ctx.discord.render.message(message, content=open_)


@route("get_messages", "GET", "/channels/{channel}/messages")
def get_messages(ctx: Context) -> list[Json]:
    """A page, newest first. Without the right to read the history it is empty, not refused."""
    channel = ctx.channel()
    limit = ctx.number("limit", 50, 1, 100)
    asked = {name: int(ctx.query[name]) for name in ("before", "after", "around") if name in ctx.query}
    if len(asked) > 1:
        raise invalid("before", "BASE_TYPE_EXCLUSIVE", "before, after and around are mutually exclusive.")
    if not permissions.may(ctx.discord.world, ctx.bot, channel, "read_message_history"):
        return []
    kept = ctx.discord.world.history(channel.id)
    if "before" in asked:
        page = [one for one in kept if int(one.id) < asked["before"]][-limit:]
    elif "after" in asked:
        page = [one for one in kept if int(one.id) > asked["after"]][:limit]
    elif "around" in asked:
        half = limit // 2
        older = [one for one in kept if int(one.id) < asked["around"]][-half:]
        page = older + [one for one in kept if int(one.id) >= asked["around"]][: limit - len(older)]
    else:
        page = kept[-limit:]
    return [told(ctx, one) for one in reversed(page)]


@route("get_message", "GET", "/channels/{channel}/messages/{message}")
def get_message(ctx: Context) -> Json:
    channel = ctx.channel()
    if not permissions.may(ctx.discord.world, ctx.bot, channel, "read_message_history"):
        raise Refused(50001)
    return told(ctx, ctx.message(channel))


@route("create_message", "POST", "/channels/{channel}/messages")
def create_message(ctx: Context) -> Json:
    channel = ctx.channel()
    return ctx.discord.render.message(ctx.discord.writing.create(ctx.bot, channel, ctx.draft(), ctx.route))


@route("edit_message", "PATCH", "/channels/{channel}/messages/{message}")
def edit_message(ctx: Context) -> Json:
    """Its author may change everything, a moderator only whether its embeds show."""
    channel = ctx.channel()
    message = ctx.message(channel)
    draft = ctx.draft()
    ctx.discord.writing.in_open_thread(channel)
    if message.type not in WRITTEN:
        raise Refused(50021)
    if message.author != ctx.bot:
        if draft.given & AUTHORS_ONLY:
            raise Refused(50005)
        permissions.require(ctx.discord.world, ctx.bot, channel, "manage_messages")
        message.flags = message.flags & ~SUPPRESS_EMBEDS | draft.flags & SUPPRESS_EMBEDS
        ctx.discord.events.message_update(message)
        return told(ctx, message)
    if draft.uploads:
        permissions.require(ctx.discord.world, ctx.bot, channel, "attach_files")
    return told(ctx, ctx.discord.writing.edit(message, draft, ctx.route))


@route("bulk_delete_messages", "POST", "/channels/{channel}/messages/bulk-delete", status=204)
def bulk_delete_messages(ctx: Context) -> None:
    channel = ctx.channel("manage_messages")
    if channel.guild is None:
        raise Refused(50003)
    ids = [str(one) for one in ctx.fields.get("messages") or []]
    if not 2 <= len(ids) <= 100:
        raise invalid("messages", "BASE_TYPE_BAD_LENGTH", "Must be between 2 and 100 in length.")
    if any(ctx.discord.world.clock.now() - made(one) > FORTNIGHT for one in ids):
        raise Refused(50034)
    kept = ctx.discord.world.history(channel.id)
    if found := [one for one in kept if one.id in ids]:
        ctx.discord.writing.delete(found, bulk=True)


@route("delete_message", "DELETE", "/channels/{channel}/messages/{message}", status=204)
def delete_message(ctx: Context) -> None:
    channel = ctx.channel()
    message = ctx.message(channel)
    _may_delete(ctx, channel, message)
    ctx.discord.writing.delete([message])


def _may_delete(ctx: Context, channel: Channel, message: Message) -> None:
    ctx.discord.writing.in_open_thread(channel)
    if message.author == ctx.bot:
        return
    if channel.guild is None:
        raise Refused(50003)
    permissions.require(ctx.discord.world, ctx.bot, channel, "manage_messages")
