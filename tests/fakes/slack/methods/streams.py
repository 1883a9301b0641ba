"""Native streaming.

An open stream refuses `chat.update` and `chat.delete`; a closed one refuses more text. Slack closes a stream by itself
after about five minutes, and when a person presses stop.
"""

from __future__ import annotations

from tests.fakes.slack import serializer
from tests.fakes.slack.args import Args
from tests.fakes.slack.blocks import MAX_MARKDOWN, check_blocks
from tests.fakes.slack.errors import ApiError, argument_error
from tests.fakes.slack.methods.chat import check_thread, new_bot_message, parse_metadata, posting_channel
from tests.fakes.slack.models import Channel, Json, Message, Stream
from tests.fakes.slack.registry import CallContext, method

SESSION_STATUSES = ("processing", "active", "suspended", "closed")


def _append_text(context: CallContext, message: Message, args: Args, method_name: str) -> None:
    addition = args.string("markdown_text")
    if not addition:
        return
    text = message.text + addition
    if len(addition) > MAX_MARKDOWN or len(text) > context.slack.rules.stream_characters:
        raise ApiError("msg_too_long")
    context.slack.state.revise(message, method_name, text=text, blocks=[{"type": "markdown", "text": text}])


def _open_stream(context: CallContext, args: Args) -> Message:
    channel_id, ts = args.required("channel", "ts")
    channel = context.joined_channel(channel_id)
    if channel.is_archived:
        raise ApiError("is_archived")
    message = context.slack.state.message(channel.id, ts)
    if message is None:
        raise ApiError("message_not_found")
    if message.user != context.bot_user_id:
        raise ApiError("message_not_owned_by_app")
    if not context.slack.stream_is_open(message):
        is_stopped = message.stream is not None and message.stream.state == "stopped_by_user"
        raise ApiError("stopped_by_user" if is_stopped else "message_not_in_streaming_state")
    return message


def _check_recipient(context: CallContext, args: Args, channel: Channel) -> None:
    user, team = args.string("recipient_user_id"), args.string("recipient_team_id")
    if not user:
        raise ApiError("missing_recipient_user_id")
    if not team:
        raise ApiError("missing_recipient_team_id")
    if user not in channel.members:
        raise ApiError("user_not_in_channel")
    if context.slack.state.users[user].team_id != team:
        raise argument_error("invalid_arguments", "recipient_team_id: not the team of the recipient")


@method("chat.startStream", "chat:write")
def start_stream(context: CallContext, args: Args) -> Json:
    target_id, thread_ts = args.required("channel", "thread_ts")
    channel = posting_channel(context, target_id)
    thread = check_thread(context, channel, thread_ts)
    if channel.kind != "im":
        _check_recipient(context, args, channel)
    stream = Stream(started=context.slack.state.clock.now())
    message = new_bot_message(context, channel, thread_ts=thread, stream=stream)
    _append_text(context, message, args, "chat.startStream")
    message.revisions.clear()
    context.slack.state.add_message(message, "chat.startStream")
    context.slack.clear_status(channel, message.root)
    if context.slack.app.agent:
        context.slack.set_session(channel.id, message.root, "processing", initiator=args.string("recipient_user_id"))
    context.slack.events.message_posted(message)
    return {"channel": channel.id, "ts": message.ts}


@method("chat.appendStream", "chat:write")
def append_stream(context: CallContext, args: Args) -> Json:
    message = _open_stream(context, args)
    if not args.string("markdown_text"):
        raise ApiError("no_text")
    _append_text(context, message, args, "chat.appendStream")
    return {"channel": message.channel, "ts": message.ts}


@method("chat.stopStream", "chat:write")
def stop_stream(context: CallContext, args: Args) -> Json:
    message = _open_stream(context, args)
    blocks = args.json("blocks", "invalid_blocks_format")
    checked = check_blocks(blocks) if blocks else []
    metadata = parse_metadata(args)
    status = args.string("session_status") or "active"
    if status not in SESSION_STATUSES:
        raise ApiError("invalid_arguments")
    before = message.model_copy(deep=True)
    _append_text(context, message, args, "chat.stopStream")
    assert message.stream is not None
    message.stream.state = "completed"
    changes = {"blocks": [*message.blocks, *checked], "metadata": metadata}
    context.slack.state.revise(message, "chat.stopStream", **changes)
    if context.slack.app.agent:
        context.slack.set_session(message.channel, message.root, status)
    context.slack.events.message_changed(message, before)
    shown = serializer.message(context.slack.state, message, context.base_url, metadata=True)
    return {"channel": message.channel, "ts": message.ts, "message": shown}
