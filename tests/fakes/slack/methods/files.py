"""Files, and the three steps of an upload."""

from __future__ import annotations

from tests.fakes.slack import serializer
from tests.fakes.slack.args import Args
from tests.fakes.slack.errors import ApiError, argument_error
from tests.fakes.slack.methods.chat import check_thread, new_bot_message, posting_channel
from tests.fakes.slack.models import File, Json
from tests.fakes.slack.registry import CallContext, method


def may_read(context: CallContext, file: File) -> bool:
    """Return whether the bot may read a file: its own, and those shared in its channels."""
    channels = context.slack.state.channels
    return file.user == context.bot_user_id or any(
        context.bot_user_id in channels[channel_id].members for channel_id in file.channels
    )


@method("files.info", "files:read", json=False)
def get_info(context: CallContext, args: Args) -> Json:
    [file_id] = args.required("file")
    file = context.slack.state.files.get(file_id)
    if file is None or not file.complete or not may_read(context, file):
        raise ApiError("file_not_found")
    return {"file": serializer.file(file, context.base_url), "comments": [], "response_metadata": {"next_cursor": ""}}


@method("files.getUploadURLExternal", "files:write", json=False)
def get_upload_url(context: CallContext, args: Args) -> Json:
    name, _ = args.required("filename", "length")
    length = args.integer("length", 0)
    if length < 1:
        raise argument_error("invalid_arguments", "length must be greater than 0")
    file = context.slack.state.add_file(
        context.team.id,
        context.bot_user_id,
        name,
        "application/octet-stream",
        b"",
        size=length,
        complete=False,
        uploaded=False,
    )
    return {"upload_url": f"{context.base_url}/upload/v1/{file.id}", "file_id": file.id}


@method("files.completeUploadExternal", "files:write")
def complete_upload(context: CallContext, args: Args) -> Json:
    uploads = args.json("files")
    if not isinstance(uploads, list) or not uploads:
        raise argument_error("invalid_arguments", "missing required field: files")
    files: list[File] = []
    for upload in uploads:
        file = context.slack.state.files.get(str(upload.get("id")))
        if file is None or file.complete or not file.uploaded:
            raise ApiError("file_not_found")
        files.append(file)
    [channel_id] = args.required("channel_id")
    channel = posting_channel(context, channel_id)
    thread = check_thread(context, channel, args.string("thread_ts"))
    for file, upload in zip(files, uploads, strict=True):
        file.complete, file.title = True, upload.get("title") or file.name
        file.channels.append(channel.id)
    text = args.string("initial_comment") or ""
    message = new_bot_message(context, channel, text=text, thread_ts=thread, files=[file.id for file in files])
    context.slack.state.add_message(message, "files.completeUploadExternal")
    context.slack.clear_status(channel, message.root)
    context.slack.events.message_posted(message)
    return {"files": [serializer.file(file, context.base_url) for file in files]}
