"""Threads, their members, and the archive."""

from __future__ import annotations

from datetime import datetime

from tests.fakes.discord import permissions
from tests.fakes.discord.errors import Refused, required
from tests.fakes.discord.models import FORUMS, PRIVATE_THREAD, PUBLIC_THREAD, Channel, Json
from tests.fakes.discord.routes.registry import Context, route
from tests.fakes.discord.threads import archived


@route("start_thread_from_message", "POST", "/channels/{channel}/messages/{message}/threads", status=201)
def start_thread_from_message(ctx: Context) -> Json:
    channel = ctx.channel()
    thread = ctx.discord.threads.start(ctx.bot, channel, ctx.fields, ctx.message(channel), ctx.route)
    return ctx.discord.render.channel(thread)


@route("start_thread", "POST", "/channels/{channel}/threads", status=201)
def start_thread(ctx: Context) -> Json:
    channel, render = ctx.channel(), ctx.discord.render
    if channel.type not in FORUMS:
        return render.channel(ctx.discord.threads.start(ctx.bot, channel, ctx.fields, None, ctx.route))
    if "message" not in ctx.fields:
        raise required("message")
    first = ctx.discord.threads.post(ctx.bot, channel, ctx.fields, ctx.draft(ctx.fields["message"]), ctx.route)
    return {**render.channel(ctx.discord.world.channel(first.id)), "message": render.message(first)}


@route("join_thread", "PUT", "/channels/{channel}/thread-members/@me", status=204)
def join_thread(ctx: Context) -> None:
    ctx.discord.threads.join(ctx.bot, ctx.thread())


@route("leave_thread", "DELETE", "/channels/{channel}/thread-members/@me", status=204)
def leave_thread(ctx: Context) -> None:
    ctx.discord.threads.leave(ctx.bot, ctx.thread())


@route("add_thread_member", "PUT", "/channels/{channel}/thread-members/{user}", status=204)
def add_thread_member(ctx: Context) -> None:
    thread = ctx.thread("send_messages_in_threads")
    ctx.discord.threads.join(ctx.discord.world.user(ctx.params["user"]).id, thread)


@route("remove_thread_member", "DELETE", "/channels/{channel}/thread-members/{user}", status=204)
def remove_thread_member(ctx: Context) -> None:
    ctx.discord.threads.leave(ctx.params["user"], ctx.thread("manage_threads"))


@route("get_thread_member", "GET", "/channels/{channel}/thread-members/{user}")
def get_thread_member(ctx: Context) -> Json:
    thread = ctx.thread()
    user = ctx.bot if ctx.params["user"] == "@me" else ctx.params["user"]
    if thread.thread is None or user not in thread.thread.members:
        raise Refused(10007)
    return ctx.discord.render.thread_member(thread, user)


@route("list_thread_members", "GET", "/channels/{channel}/thread-members")
def list_thread_members(ctx: Context) -> list[Json]:
    thread = ctx.thread()
    assert thread.thread is not None
    return [ctx.discord.render.thread_member(thread, one) for one in thread.thread.members]


@route("list_public_archived_threads", "GET", "/channels/{channel}/threads/archived/public")
def list_public_archived_threads(ctx: Context) -> Json:
    return _page(ctx, PUBLIC_THREAD)


@route("list_private_archived_threads", "GET", "/channels/{channel}/threads/archived/private")
def list_private_archived_threads(ctx: Context) -> Json:
    ctx.channel("manage_threads")
    return _page(ctx, PRIVATE_THREAD)


def _page(ctx: Context, kind: int) -> Json:
    channel = ctx.channel("read_message_history")
    found = [one for one in archived(ctx.discord.world, channel.id, kind) if _seen(ctx, one)]
    if before := ctx.query.get("before"):
        limit = datetime.fromisoformat(before).timestamp()
        found = [one for one in found if one.thread and one.thread.archived_at < limit]
    most = ctx.number("limit", 50, 1, 100)
    page, render = found[:most], ctx.discord.render
    mine = [one for one in page if one.thread and ctx.bot in one.thread.members]
    return {
        "threads": [render.channel(one) for one in page],
        "members": [render.thread_member(one, ctx.bot) for one in mine],
        "has_more": len(found) > most,
    }


def _seen(ctx: Context, thread: Channel) -> bool:
    return permissions.may(ctx.discord.world, ctx.bot, thread, "view_channel")
