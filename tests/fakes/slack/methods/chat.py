"""Posting, changing and deleting messages."""

from __future__ import annotations

from typing import Any

from tests.fakes.slack import render
from tests.fakes.slack.args import Args
from tests.fakes.slack.blocks import MAX_MARKDOWN, MAX_TEXT, MAX_UPDATE_TEXT, check_blocks
from tests.fakes.slack.errors import Refused, invalid
from tests.fakes.slack.models import Channel, Json, Message
from tests.fakes.slack.registry import Context, method
from tests.fakes.slack.world import has_link


def content_of(args: Args, most: int = MAX_TEXT) -> tuple[str, list[Json], list[Json]]:
    """Text, blocks and attachments of a call.

    Raises:
        Refused: `no_text`, `msg_too_long`, `markdown_text_conflict`, `invalid_blocks`, …
    """
    text, markdown = args.text("text"), args.text("markdown_text")
    blocks = args.json("blocks", "invalid_blocks_format")
    attachments = args.json("attachments", "invalid_attachments") or []
    if markdown is not None and (text is not None or blocks):
        raise Refused("markdown_text_conflict")
    if not (text or markdown or blocks or attachments):
        raise Refused("no_text")
    if len(text or "") > most or len(markdown or "") > MAX_MARKDOWN:
        raise Refused("msg_too_long")
    if len(attachments) > 100:
        raise Refused("too_many_attachments")
    checked = check_blocks(blocks) if blocks is not None else []
    if markdown is not None:
        checked = [{"type": "markdown", "text": markdown}]
    return text if text is not None else markdown or "", checked, attachments


def metadata_of(args: Args) -> Json | None:
    """Metadata, or None.

    Raises:
        Refused: `invalid_metadata_format` without an event type or with a payload that is no object.
    """
    metadata = args.json("metadata", "invalid_metadata_format")
    if metadata in (None, {}):
        return None
    named = isinstance(metadata, dict) and isinstance(metadata.get("event_type"), str) and metadata["event_type"]
    if not named or not isinstance(metadata.get("event_payload"), dict):
        raise Refused("invalid_metadata_format")
    checked: Json = metadata
    return checked


def thread_of(context: Context, channel: Channel, ts: str | None) -> str | None:
    """The thread to post in. A reply is no parent: Slack would lose what is posted under it.

    Raises:
        Refused: `thread_not_found`, `cannot_reply_to_message`.
    """
    if not ts:
        return None
    parent = context.slack.world.message(channel.id, ts)
    if parent is None:
        raise Refused("thread_not_found")
    if parent.is_reply:
        raise Refused("cannot_reply_to_message")
    return ts


def target_of(context: Context, name: str) -> Channel:
    """Where to post: a conversation, or a person's direct messages.

    Raises:
        Refused: `channel_not_found`, `not_in_channel`, `is_archived`.
    """
    world = context.slack.world
    if name in world.users and name != context.bot:
        return world.direct(context.team, name)
    channel = context.channel(name)
    if context.bot not in channel.members and "chat:write.public" not in context.slack.app.scopes:
        raise Refused("not_in_channel")
    if channel.is_archived:
        raise Refused("is_archived")
    return channel


def own(context: Context, channel: Channel, ts: str, error: str) -> Message:
    """A message that this app wrote.

    Raises:
        Refused: `message_not_found`, or `error` when somebody else wrote it.
    """
    message = context.slack.world.message(channel.id, ts)
    if message is None:
        raise Refused("message_not_found")
    if message.user != context.bot:
        raise Refused(error)
    return message


def written(context: Context, channel: Channel, **content: Any) -> Message:
    """A message of the bot's, not yet anywhere."""
    return Message(
        channel=channel.id,
        ts=context.slack.world.clock.ts(),
        user=context.bot,
        team=context.team.id,
        bot_id=context.team.bot_id,
        app_id=context.slack.app.app_id,
        **content,
    )


@method("chat.postMessage", "chat:write")
def post_message(context: Context, args: Args) -> Json:
    [name] = args.need("channel")
    channel = target_of(context, name)
    text, blocks, attachments = content_of(args)
    thread = thread_of(context, channel, args.text("thread_ts"))
    metadata = metadata_of(args)
    if args.has("username") or args.has("icon_emoji") or args.has("icon_url"):
        context.scope("chat:write.customize")
    unfurled = args.flag("unfurl_links") or args.flag("unfurl_media", True)
    message = written(
        context,
        channel,
        text=text,
        blocks=blocks,
        attachments=attachments,
        thread_ts=thread,
        metadata=metadata,
        broadcast=bool(thread) and args.flag("reply_broadcast"),
        username=args.text("username"),
        unfurls=unfurled and has_link(text, blocks),
    )
    if message.broadcast:
        message.subtype = "thread_broadcast"
    context.slack.world.add_message(message, "chat.postMessage")
    context.slack.answered(channel, message.root)
    context.slack.events.posted(message)
    shown = render.message(context.slack.world, message, context.base, metadata=True)
    return {"channel": channel.id, "ts": message.ts, "message": shown}


@method("chat.update", "chat:write")
def update(context: Context, args: Args) -> Json:
    name, ts = args.need("channel", "ts")
    channel = context.joined(name)
    message = own(context, channel, ts, "cant_update_message")
    if channel.is_archived:
        raise Refused("is_archived")
    if context.slack.stream_is_open(message):
        raise Refused("streaming_state_conflict")
    text, blocks, attachments = content_of(args, MAX_UPDATE_TEXT)
    if not (args.has("blocks") or args.has("markdown_text")):
        blocks = message.blocks
    before = message.model_copy(deep=True)
    changes: Json = {"text": text, "blocks": blocks, "attachments": attachments or message.attachments}
    if args.has("metadata"):
        changes["metadata"] = metadata_of(args)
    context.slack.world.revise(message, "chat.update", **changes)
    if not blocks:
        message.edited = {"user": context.team.bot_id, "ts": context.slack.world.clock.ts()}
    context.slack.events.changed(message, before)
    shown = render.message(context.slack.world, message, context.base, metadata=True)
    return {"channel": channel.id, "ts": ts, "text": text, "message": shown}


@method("chat.delete", "chat:write")
def delete(context: Context, args: Args) -> Json:
    name, ts = args.need("channel", "ts")
    channel = context.channel(name)
    message = own(context, channel, ts, "cant_delete_message")
    if context.slack.stream_is_open(message):
        raise Refused("cant_delete_message")
    context.slack.remove(message)
    return {"channel": channel.id, "ts": ts}


@method("chat.postEphemeral", "chat:write")
def post_ephemeral(context: Context, args: Args) -> Json:
    name, user = args.need("channel", "user")
    channel = target_of(context, name)
    if user not in channel.members:
        raise Refused("user_not_in_channel")
    text, blocks, attachments = content_of(args)
    thread = thread_of(context, channel, args.text("thread_ts"))
    message = written(
        context,
        channel,
        text=text,
        blocks=blocks,
        attachments=attachments,
        thread_ts=thread,
        ephemeral_to=user,
    )
    # In a thread that has no replies nobody gets to see it; Slack says yes all the same.
    if thread is None or len(context.slack.world.thread(channel.id, thread)) > 1:
        context.slack.world.add_message(message, "chat.postEphemeral")
    return {"message_ts": message.ts}


@method("chat.getPermalink", json=False)
def get_permalink(context: Context, args: Args) -> Json:
    name, ts = args.need("channel", "message_ts")
    channel = context.channel(name)
    message = context.slack.world.message(channel.id, ts)
    if message is None:
        raise Refused("message_not_found")
    return {"channel": channel.id, "permalink": render.permalink(context.team, message)}


def chunks_text(chunks: Any) -> tuple[str, list[Json]]:
    """The words of streaming chunks, and the blocks among them.

    Raises:
        Refused: `invalid_chunks` for a shape that is none.
    """
    if not isinstance(chunks, list):
        raise Refused("invalid_chunks")
    text, blocks = "", []
    for chunk in chunks:
        kind = chunk.get("type") if isinstance(chunk, dict) else None
        if kind == "markdown_text" and isinstance(chunk.get("text"), str):
            text += chunk["text"]
        elif kind == "blocks":
            blocks += check_blocks(chunk.get("blocks"))
        elif kind in ("task_update", "plan_update") and len(str(chunk.get("title", ""))) in range(1, 257):
            continue
        else:
            raise invalid("invalid_chunks", f"unsupported chunk: {str(chunk)[:80]}")
    return text, blocks
