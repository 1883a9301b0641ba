"""Threads."""

from __future__ import annotations

from datetime import datetime

from tests.fakes.discord import permissions
from tests.fakes.discord.models import Json
from tests.fakes.discord.routes.registry import RequestContext, route


@route("start_thread_from_message", "POST", "/channels/{channel}/messages/{message}/threads", status=201)
def start_thread_from_message(context: RequestContext) -> Json:
    channel = context.channel()
    starter, name = context.message(channel), context.fields.get("name", "")
    thread = context.discord.threads.create(context.bot, channel, name, starter, context.route)
    return context.serializer.channel(thread)


@route("list_public_archived_threads", "GET", "/channels/{channel}/threads/archived/public")
def list_public_archived_threads(context: RequestContext) -> Json:
    """Return the archived threads of a channel, the last archived first."""
    channel = context.channel("read_message_history")
    before, limit = context.query.get("before"), context.limit(50, 100)
    archived_before = datetime.fromisoformat(before).timestamp() if before else float("inf")
    found = [
        (thread.thread.archived_at, thread)
        for thread in context.state.threads(channel.id)
        if thread.thread
        and thread.thread.archived
        and thread.thread.archived_at < archived_before
        and permissions.has(context.state, context.bot, thread, "view_channel")
    ]
    found.sort(key=lambda entry: -entry[0])
    threads = [context.serializer.channel(thread) for _, thread in found[:limit]]
    return {"threads": threads, "members": [], "has_more": len(found) > limit}
