"""Files: what they are, and the three steps of an upload."""

from __future__ import annotations

from tests.fakes.slack import render
from tests.fakes.slack.args import Args
from tests.fakes.slack.errors import Refused, invalid
from tests.fakes.slack.methods.chat import target_of, thread_of, written
from tests.fakes.slack.models import File, Json
from tests.fakes.slack.registry import Context, method


def may_read(context: Context, file: File) -> bool:
    """The bot sees its own files and those shared where it is."""
    channels = context.slack.world.channels
    return file.user == context.bot or any(context.bot in channels[one].members for one in file.channels)


@method("files.info", "files:read", json=False)
def info(context: Context, args: Args) -> Json:
    [name] = args.need("file")
    file = context.slack.world.files.get(name)
    if file is None or not file.complete or not may_read(context, file):
        raise Refused("file_not_found")
    return {"file": render.file(file, context.base), "comments": [], "response_metadata": {"next_cursor": ""}}


@method("files.getUploadURLExternal", "files:write", json=False)
def upload_url(context: Context, args: Args) -> Json:
    name, _ = args.need("filename", "length")
    length = args.number("length", 0)
    if length < 1:
        raise invalid("invalid_arguments", "length must be greater than 0")
    file = context.slack.world.add_file(
        context.team.id,
        context.bot,
        name,
        "application/octet-stream",
        b"",
        size=length,
        complete=False,
        uploaded=False,
    )
    return {"upload_url": f"{context.base}/upload/v1/{file.id}", "file_id": file.id}


@method("files.completeUploadExternal", "files:write")
def complete(context: Context, args: Args) -> Json:
    given = args.json("files")
    if not isinstance(given, list) or not given:
        raise invalid("invalid_arguments", "missing required field: files")
    files: list[File] = []
    for one in given:
        file = context.slack.world.files.get(str(one.get("id")))
        if file is None or file.complete or not file.uploaded:
            raise Refused("file_not_found")
        files.append(file)
    names = [*(args.text("channels") or "").split(","), args.text("channel_id") or ""]
    channels = [target_of(context, one) for one in names if one]
    threads = [thread_of(context, one, args.text("thread_ts")) for one in channels]
    for file, one in zip(files, given, strict=True):
        file.complete, file.title = True, one.get("title") or file.name
    for channel, thread in zip(channels, threads, strict=True):
        text = args.text("initial_comment") or ""
        message = written(context, channel, text=text, thread_ts=thread, files=[one.id for one in files])
        for file in files:
            file.channels.append(channel.id)
        context.slack.world.add_message(message, "files.completeUploadExternal")
        context.slack.answered(channel, message.root)
        context.slack.events.posted(message)
    return {"files": [render.file(one, context.base) for one in files]}
