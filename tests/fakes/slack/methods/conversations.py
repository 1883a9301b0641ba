"""Channels, their members, and their messages."""

from __future__ import annotations

from tests.fakes.slack import serializer
from tests.fakes.slack.args import Args
from tests.fakes.slack.clock import parse_ts
from tests.fakes.slack.errors import ApiError
from tests.fakes.slack.models import Json, Message
from tests.fakes.slack.registry import HISTORY, READ, CallContext, method, page

KINDS = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}


@method("conversations.info", json=False)
def get_info(context: CallContext, args: Args) -> Json:
    [channel_id] = args.required("channel")
    channel = context.visible_channel(channel_id)
    context.require_scope(READ[channel.kind])
    return {"channel": serializer.channel(channel, context.team)}


@method("users.conversations", json=False)
def list_memberships(context: CallContext, args: Args) -> Json:
    kinds = [KINDS.get(name.strip(), "") for name in (args.string("types") or "public_channel").split(",")]
    if "" in kinds:
        raise ApiError("invalid_types")
    for kind in kinds:
        context.require_scope(READ[kind])
    member = args.string("user") or context.bot_user_id
    shown = [
        serializer.channel(channel, context.team)
        for channel in context.slack.state.channels.values()
        if channel.kind in kinds
        and member in channel.members
        and context.team.id in (channel.team_id, *channel.shared_team_ids)
        and (not channel.is_private or context.bot_user_id in channel.members)
        and not (channel.is_archived and args.boolean("exclude_archived"))
    ]
    channels, cursor = page(shown, args, limit=1000)
    return {"channels": channels, "response_metadata": {"next_cursor": cursor}}


@method("conversations.members", json=False)
def list_members(context: CallContext, args: Args) -> Json:
    [channel_id] = args.required("channel")
    channel = context.visible_channel(channel_id)
    context.require_scope(READ[channel.kind])
    members, cursor = page([{"id": user} for user in channel.members], args, limit=1000)
    return {"members": [member["id"] for member in members], "response_metadata": {"next_cursor": cursor}}


@method("conversations.open")
def open_conversation(context: CallContext, args: Args) -> Json:
    state = context.slack.state
    [names] = args.required("users")
    users = [user for user in names.split(",") if user]
    context.require_scope("im:write" if len(users) == 1 else "mpim:write")
    for user in users:
        if user not in state.users:
            raise ApiError("user_not_found")
        if state.users[user].is_bot:
            raise ApiError("cannot_dm_bot")
    if len(users) > 8:
        raise ApiError("too_many_users")
    return {"channel": {"id": state.open_direct_channel(context.team, *users).id}}


def _between(args: Args, messages: list[Message]) -> list[Message]:
    oldest, latest = args.string("oldest") or "0", args.string("latest") or "9999999999"
    low, high = parse_ts(oldest), parse_ts(latest)
    if args.boolean("inclusive"):
        return [message for message in messages if low <= parse_ts(message.ts) <= high]
    return [message for message in messages if low < parse_ts(message.ts) < high]


def _render_page(context: CallContext, args: Args, messages: list[Message]) -> Json:
    metadata = args.boolean("include_all_metadata")
    state = context.slack.state
    shown = [
        serializer.message(state, message, context.base_url, metadata=metadata, counts=True) for message in messages
    ]
    items, cursor = page(shown, args, limit=context.slack.rules.history_page)
    result: Json = {"messages": items, "has_more": bool(cursor)}
    return {**result, "response_metadata": {"next_cursor": cursor}} if cursor else result


@method("conversations.history", json=False)
def get_history(context: CallContext, args: Args) -> Json:
    [channel_id] = args.required("channel")
    channel = context.joined_channel(channel_id)
    context.require_scope(HISTORY[channel.kind])
    messages = [message for message in context.slack.state.messages[channel.id] if not message.is_reply]
    return {**_render_page(context, args, list(reversed(_between(args, messages)))), "pin_count": 0}


@method("conversations.replies", json=False)
def get_replies(context: CallContext, args: Args) -> Json:
    channel_id, ts = args.required("channel", "ts")
    channel = context.joined_channel(channel_id)
    context.require_scope(HISTORY[channel.kind])
    message = context.slack.state.message(channel.id, ts)
    if message is None:
        raise ApiError("thread_not_found")
    if message.is_reply:
        return _render_page(context, args, [message])
    parent, *replies = context.slack.state.thread(channel.id, ts)
    return _render_page(context, args, [parent, *_between(args, replies)])
