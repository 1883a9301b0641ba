"""Posting, updating and deleting messages."""

from __future__ import annotations

from typing import Any

from tests.fakes.slack import serializer
from tests.fakes.slack.args import Args
from tests.fakes.slack.blocks import MAX_MARKDOWN, MAX_TEXT, MAX_UPDATE_TEXT, check_blocks
from tests.fakes.slack.errors import ApiError
from tests.fakes.slack.models import Channel, Json, Message
from tests.fakes.slack.registry import CallContext, method
from tests.fakes.slack.state import has_link


def parse_content(args: Args, max_text: int = MAX_TEXT) -> tuple[str, list[Json], list[Json]]:
    """Return the text, blocks and attachments of a call.

    Raises:
        ApiError: `no_text`, `msg_too_long`, `markdown_text_conflict`, `invalid_blocks`, …
    """
    text, markdown = args.string("text"), args.string("markdown_text")
    blocks = args.json("blocks", "invalid_blocks_format")
    attachments = args.json("attachments", "invalid_attachments") or []
    if markdown is not None and (text is not None or blocks):
        raise ApiError("markdown_text_conflict")
    if not (text or markdown or blocks or attachments):
        raise ApiError("no_text")
    if len(text or "") > max_text or len(markdown or "") > MAX_MARKDOWN:
        raise ApiError("msg_too_long")
    if len(attachments) > 100:
        raise ApiError("too_many_attachments")
    checked = check_blocks(blocks) if blocks is not None else []
    if markdown is not None:
        checked = [{"type": "markdown", "text": markdown}]
    return text if text is not None else markdown or "", checked, attachments


def parse_metadata(args: Args) -> Json | None:
    """Return the metadata of a call, or None.

    Raises:
        ApiError: `invalid_metadata_format` without an event type, or if the payload is not an object.
    """
    metadata = args.json("metadata", "invalid_metadata_format")
    if metadata in (None, {}):
        return None
    has_type = isinstance(metadata, dict) and isinstance(metadata.get("event_type"), str) and metadata["event_type"]
    if not has_type or not isinstance(metadata.get("event_payload"), dict):
        raise ApiError("invalid_metadata_format")
    checked: Json = metadata
    return checked


def check_thread(context: CallContext, channel: Channel, ts: str | None) -> str | None:
    """Return the ts of the thread to post in. Trap: a reply cannot be a parent; Slack would lose the message.

    Raises:
        ApiError: `thread_not_found`, `cannot_reply_to_message`.
    """
    if not ts:
        return None
    parent = context.slack.state.message(channel.id, ts)
    if parent is None:
        raise ApiError("thread_not_found")
    if parent.is_reply:
        raise ApiError("cannot_reply_to_message")
    return ts


def posting_channel(context: CallContext, target_id: str) -> Channel:
    """Return the conversation to post in; a user id stands for the direct conversation.

    Raises:
        ApiError: `channel_not_found`, `not_in_channel`, `is_archived`.
    """
    state = context.slack.state
    if target_id in state.users and target_id != context.bot_user_id:
        return state.open_direct_channel(context.team, target_id)
    channel = context.joined_channel(target_id)
    if channel.is_archived:
        raise ApiError("is_archived")
    return channel


def own_message(context: CallContext, channel: Channel, ts: str, error: str) -> Message:
    """Return a message of the bot.

    Raises:
        ApiError: `message_not_found`, or `error` for another author's message.
    """
    message = context.slack.state.message(channel.id, ts)
    if message is None:
        raise ApiError("message_not_found")
    if message.user != context.bot_user_id:
        raise ApiError(error)
    return message


def new_bot_message(context: CallContext, channel: Channel, **content: Any) -> Message:
    """Return a new message of the bot, not stored yet."""
    return Message(
        channel=channel.id,
        ts=context.slack.state.clock.ts(),
        user=context.bot_user_id,
        team=context.team.id,
        bot_id=context.team.bot_id,
        app_id=context.slack.app.app_id,
        **content,
    )


@method("chat.postMessage", "chat:write")
def post_message(context: CallContext, args: Args) -> Json:
    [target_id] = args.required("channel")
    channel = posting_channel(context, target_id)
    text, blocks, attachments = parse_content(args)
    unfurls = args.boolean("unfurl_links") or args.boolean("unfurl_media", True)
    message = new_bot_message(
        context,
        channel,
        text=text,
        blocks=blocks,
        attachments=attachments,
        thread_ts=check_thread(context, channel, args.string("thread_ts")),
        metadata=parse_metadata(args),
        unfurls=unfurls and has_link(text, blocks),
    )
    context.slack.state.add_message(message, "chat.postMessage")
    context.slack.clear_status(channel, message.root)
    context.slack.events.message_posted(message)
    shown = serializer.message(context.slack.state, message, context.base_url, metadata=True)
    return {"channel": channel.id, "ts": message.ts, "message": shown}


@method("chat.update", "chat:write")
def update_message(context: CallContext, args: Args) -> Json:
    channel_id, ts = args.required("channel", "ts")
    channel = context.joined_channel(channel_id)
    message = own_message(context, channel, ts, "cant_update_message")
    if channel.is_archived:
        raise ApiError("is_archived")
    if context.slack.stream_is_open(message):
        raise ApiError("streaming_state_conflict")
    text, blocks, attachments = parse_content(args, MAX_UPDATE_TEXT)
    if not (args.has("blocks") or args.has("markdown_text")):
        blocks = message.blocks
    before = message.model_copy(deep=True)
    changes: Json = {"text": text, "blocks": blocks, "attachments": attachments or message.attachments}
    if args.has("metadata"):
        changes["metadata"] = parse_metadata(args)
    context.slack.state.revise(message, "chat.update", **changes)
    if not blocks:
        message.edited = {"user": context.team.bot_id, "ts": context.slack.state.clock.ts()}
    context.slack.events.message_changed(message, before)
    shown = serializer.message(context.slack.state, message, context.base_url, metadata=True)
    return {"channel": channel.id, "ts": ts, "text": text, "message": shown}


@method("chat.delete", "chat:write")
def delete_message(context: CallContext, args: Args) -> Json:
    channel_id, ts = args.required("channel", "ts")
    channel = context.visible_channel(channel_id)
    message = own_message(context, channel, ts, "cant_delete_message")
    if context.slack.stream_is_open(message):
        raise ApiError("cant_delete_message")
    context.slack.delete_message(message)
    return {"channel": channel.id, "ts": ts}


@method("chat.postEphemeral", "chat:write")
def post_ephemeral(context: CallContext, args: Args) -> Json:
    target_id, user = args.required("channel", "user")
    channel = posting_channel(context, target_id)
    if user not in channel.members:
        raise ApiError("user_not_in_channel")
    text, blocks, attachments = parse_content(args)
    thread = check_thread(context, channel, args.string("thread_ts"))
    message = new_bot_message(
        context,
        channel,
        text=text,
        blocks=blocks,
        attachments=attachments,
        thread_ts=thread,
        ephemeral_to=user,
    )
    # Trap: in a thread without replies Slack accepts an ephemeral message but does not show it.
    if thread is None or len(context.slack.state.thread(channel.id, thread)) > 1:
        context.slack.state.add_message(message, "chat.postEphemeral")
    return {"message_ts": message.ts}
