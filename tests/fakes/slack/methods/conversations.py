"""Channels, their members, and what was said in them."""

from __future__ import annotations

from tests.fakes.slack import render
from tests.fakes.slack.args import Args
from tests.fakes.slack.clock import seconds_of
from tests.fakes.slack.errors import Refused
from tests.fakes.slack.models import Channel, Json, Message
from tests.fakes.slack.registry import HISTORY, READ, Context, method, page

KINDS = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}


@method("conversations.info", json=False)
def info(context: Context, args: Args) -> Json:
    [name] = args.need("channel")
    channel = context.channel(name)
    context.scope(READ[channel.kind])
    return {"channel": render.channel(channel, context.team)}


def _listed(context: Context, args: Args, channels: list[Channel]) -> Json:
    kinds = [KINDS.get(one.strip(), "") for one in (args.text("types") or "public_channel").split(",")]
    if "" in kinds:
        raise Refused("invalid_types")
    for kind in kinds:
        context.scope(READ[kind])
    shown = [
        render.channel(one, context.team)
        for one in channels
        if one.kind in kinds
        and context.team.id in (one.team_id, *one.shared_team_ids)
        and (not one.is_private or context.bot in one.members)
        and not (one.is_archived and args.flag("exclude_archived"))
    ]
    some, cursor = page(shown, args, most=1000)
    return {"channels": some, "response_metadata": {"next_cursor": cursor}}


@method("conversations.list", json=False)
def listing(context: Context, args: Args) -> Json:
    return _listed(context, args, list(context.slack.world.channels.values()))


@method("users.conversations", json=False)
def memberships(context: Context, args: Args) -> Json:
    member = args.text("user") or context.bot
    joined = [one for one in context.slack.world.channels.values() if member in one.members]
    return _listed(context, args, joined)


@method("conversations.members", json=False)
def members(context: Context, args: Args) -> Json:
    [name] = args.need("channel")
    channel = context.channel(name)
    context.scope(READ[channel.kind])
    some, cursor = page([{"id": one} for one in channel.members], args, most=1000)
    return {"members": [one["id"] for one in some], "response_metadata": {"next_cursor": cursor}}


@method("conversations.open")
def opening(context: Context, args: Args) -> Json:
    world = context.slack.world
    if args.text("channel"):
        return {"channel": {"id": context.joined(args.text("channel")).id}}
    [names] = args.need("users")
    people = [one for one in names.split(",") if one]
    context.scope("im:write" if len(people) == 1 else "mpim:write")
    for one in people:
        if one not in world.users:
            raise Refused("user_not_found")
        if world.users[one].is_bot:
            raise Refused("cannot_dm_bot")
    if len(people) > 8:
        raise Refused("too_many_users")
    channel = world.direct(context.team, *people)
    shown = render.channel(channel, context.team) if args.flag("return_im") else {"id": channel.id}
    return {"channel": shown}


@method("conversations.join", "channels:join")
def join(context: Context, args: Args) -> Json:
    [name] = args.need("channel")
    channel = context.channel(name)
    if channel.kind != "channel":
        raise Refused("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise Refused("is_archived")
    if context.bot not in channel.members:
        channel.members.append(context.bot)
    return {"channel": render.channel(channel, context.team)}


def _between(args: Args, messages: list[Message]) -> list[Message]:
    oldest, latest = args.text("oldest") or "0", args.text("latest") or "9999999999"
    low, high, inclusive = seconds_of(oldest), seconds_of(latest), args.flag("inclusive")
    if inclusive:
        return [one for one in messages if low <= seconds_of(one.ts) <= high]
    return [one for one in messages if low < seconds_of(one.ts) < high]


def _page_of(context: Context, args: Args, messages: list[Message]) -> Json:
    whole = args.flag("include_all_metadata")
    world = context.slack.world
    shown = [render.message(world, one, context.base, metadata=whole, counts=True) for one in messages]
    some, cursor = page(shown, args, most=context.slack.rules.history_page)
    found: Json = {"messages": some, "has_more": bool(cursor)}
    return {**found, "response_metadata": {"next_cursor": cursor}} if cursor else found


@method("conversations.history", json=False)
def history(context: Context, args: Args) -> Json:
    [name] = args.need("channel")
    channel = context.joined(name)
    context.scope(HISTORY[channel.kind])
    top = [one for one in context.slack.world.messages[channel.id] if not one.is_reply or one.broadcast]
    return {**_page_of(context, args, list(reversed(_between(args, top)))), "pin_count": 0}


@method("conversations.replies", json=False)
def replies(context: Context, args: Args) -> Json:
    name, ts = args.need("channel", "ts")
    channel = context.joined(name)
    context.scope(HISTORY[channel.kind])
    message = context.slack.world.message(channel.id, ts)
    if message is None:
        raise Refused("thread_not_found")
    if message.is_reply:
        return _page_of(context, args, [message])
    parent, *rest = context.slack.world.thread(channel.id, ts)
    return _page_of(context, args, [parent, *_between(args, rest)])
