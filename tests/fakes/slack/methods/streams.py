"""Native streaming. What a stream refuses, and when, is what makes recovery from a crash hard.

An open stream refuses `chat.update` and `chat.delete`; one that is not open refuses more text. Slack closes a stream
by itself after about five minutes, and when a person presses stop. The first text or chunk fixes the stream's mode.
"""

from __future__ import annotations

from tests.fakes.slack import render
from tests.fakes.slack.args import Args
from tests.fakes.slack.blocks import MAX_MARKDOWN, check_blocks
from tests.fakes.slack.errors import Refused, invalid
from tests.fakes.slack.methods.chat import chunks_text, metadata_of, target_of, thread_of, written
from tests.fakes.slack.models import Json, Message, Stream
from tests.fakes.slack.registry import Context, method

SESSION_STATUSES = ("processing", "active", "suspended", "closed")


def _append(context: Context, message: Message, args: Args, via: str) -> None:
    """Add what the call brings, or refuse all of it."""
    assert message.stream is not None
    markdown, chunks = args.text("markdown_text"), args.json("chunks")
    if markdown is not None and chunks:
        raise Refused("markdown_text_conflict")
    if not markdown and not chunks:
        return
    mode, blocks, text = "text", list[Json](), markdown or ""
    if chunks:
        mode = "chunks"
        text, blocks = chunks_text(chunks)
    if message.stream.mode not in (None, mode):
        raise Refused("streaming_mode_mismatch")
    if len(text) > MAX_MARKDOWN or len(message.text) + len(text) > context.slack.rules.stream_characters:
        raise Refused("msg_too_long")
    message.stream.mode = "chunks" if mode == "chunks" else "text"
    words = message.text + text
    rest = [one for one in message.blocks if one.get("type") != "markdown"]
    shown = [{"type": "markdown", "text": words}] if words else []
    context.slack.world.revise(message, via, text=words, blocks=[*shown, *rest, *blocks])


def _streaming(context: Context, args: Args) -> Message:
    name, ts = args.need("channel", "ts")
    channel = context.joined(name)
    if channel.is_archived:
        raise Refused("is_archived")
    message = context.slack.world.message(channel.id, ts)
    if message is None:
        raise Refused("message_not_found")
    if message.user != context.bot:
        raise Refused("message_not_owned_by_app")
    if not context.slack.stream_is_open(message):
        stopped = message.stream is not None and message.stream.state == "stopped_by_user"
        raise Refused("stopped_by_user" if stopped else "message_not_in_streaming_state")
    return message


@method("chat.startStream", "chat:write")
def start(context: Context, args: Args) -> Json:
    name, thread_ts = args.need("channel", "thread_ts")
    if not context.slack.app.native_streaming:
        raise Refused("feature_disabled")
    channel = target_of(context, name)
    thread = thread_of(context, channel, thread_ts)
    if channel.kind != "im":
        for needed in ("recipient_user_id", "recipient_team_id"):
            if not args.text(needed):
                raise Refused(f"missing_{needed}")
        if args.text("recipient_user_id") not in channel.members:
            raise Refused("user_not_in_channel")
        if context.slack.world.users[args.text("recipient_user_id") or ""].team_id != args.text("recipient_team_id"):
            raise invalid("invalid_arguments", "recipient_team_id: not the team of the recipient")
    if args.text("task_display_mode") not in (None, "timeline", "plan"):
        raise Refused("invalid_arguments")
    message = written(context, channel, thread_ts=thread, stream=Stream(started=context.slack.world.clock.now()))
    _append(context, message, args, "chat.startStream")
    message.revisions.clear()
    context.slack.world.add_message(message, "chat.startStream")
    context.slack.answered(channel, message.root)
    if context.slack.app.agent:
        context.slack.session(channel.id, message.root, "processing", initiator=args.text("recipient_user_id"))
    context.slack.events.posted(message)
    return {"channel": channel.id, "ts": message.ts}


@method("chat.appendStream", "chat:write")
def append(context: Context, args: Args) -> Json:
    message = _streaming(context, args)
    if not args.text("markdown_text") and not args.json("chunks"):
        raise Refused("no_text")
    _append(context, message, args, "chat.appendStream")
    return {"channel": message.channel, "ts": message.ts}


@method("chat.stopStream", "chat:write")
def stop(context: Context, args: Args) -> Json:
    message = _streaming(context, args)
    blocks = args.json("blocks", "invalid_blocks_format")
    checked = check_blocks(blocks) if blocks else []
    metadata = metadata_of(args)
    status = args.text("session_status") or "active"
    if status not in SESSION_STATUSES:
        raise Refused("invalid_arguments")
    before = message.model_copy(deep=True)
    _append(context, message, args, "chat.stopStream")
    assert message.stream is not None
    message.stream.state = "completed"
    changes = {"blocks": [*message.blocks, *checked], "metadata": metadata}
    context.slack.world.revise(message, "chat.stopStream", **changes)
    if context.slack.app.agent:
        context.slack.session(message.channel, message.root, status)
    context.slack.events.changed(message, before)
    shown = render.message(context.slack.world, message, context.base, metadata=True)
    return {"channel": message.channel, "ts": message.ts, "message": shown}
