"""What a reader sees of a conversation: `Chat` first, then what is on its way, then the Transcript, merged by
sequence number, so that nothing is missing while a page moves."""

from __future__ import annotations

from restate import ObjectSharedContext, TerminalError

from chat_service.contracts import (
    Export,
    ExportRequest,
    Found,
    History,
    HistoryRequest,
    Message,
    Reply,
    SearchRequest,
    TurnRequest,
)
from chat_service.domain import versions
from chat_service.domain.conversation import Conversation
from chat_service.domain.export import as_json, as_markdown, without_attachment_content
from chat_service.objects import queue as inboxes
from chat_service.objects import transcript
from chat_service.storage import pages, turn_lookup
from chat_service.storage.clock import now
from chat_service.storage.limits import count_fitting, json_bytes
from chat_service.storage.state import Meta, Recent, set_start_time

EXPORT_BYTES = 12 * 1024 * 1024
"""Of the messages of a document: it is JSON in JSON, and may come to twice as much, still below the 32 MiB that the
engine takes for one answer."""


async def read_history(ctx: ObjectSharedContext, request: HistoryRequest) -> History:
    """A page, with what is running and what waits when it is the newest one. Shorter than `limit` where one answer
    carries no more."""
    meta = await ctx.get("meta", type_hint=Meta) or Meta()
    held = await _held(ctx)
    near = await turn_lookup.held_messages(ctx, held)
    before = request.before or meta.next_seq
    by_seq = {m.seq: m for m in near if m.seq < before}
    first_near = min((m.seq for m in near), default=meta.next_seq)
    more = False
    if len(by_seq) < request.limit and meta.latest_removed_at is not None:
        older = await ctx.object_call(
            transcript.read,
            ctx.key(),
            HistoryRequest(before=min(before, first_near), limit=request.limit - len(by_seq)),
        )
        by_seq = {m.seq: m for m in older.messages} | by_seq
        more = older.more
    ordered = sorted(by_seq.values(), key=lambda m: m.seq)
    messages = ordered[-min(request.limit, count_fitting(reversed(ordered))) :]
    if len(ordered) > len(messages) or (len(by_seq) >= request.limit and _older_exist(meta, messages, near)):
        more = True
    newest = request.before is None
    if newest and meta.running and meta.running.started_at is None:
        set_start_time(meta.running, await now(ctx))
    inflight = meta.running.question if meta.running else []
    held = [*held, *inflight]
    versions.annotate_versions([*messages, *inflight], held, meta.shown_versions)
    page = History(
        messages=messages,
        next_before=messages[0].seq if messages and more else None,
        title=meta.title,
        replaceable=held[0].seq if held else meta.next_seq,
        version=meta.version,
    )
    if newest:
        page.running = meta.running
        line = await _waiting(ctx, meta, near)
        page.waiting, page.title = line.messages, line.title or page.title
        page.forgotten = meta.epoch > 0 and not (messages or page.running or page.waiting)
    return page


async def read_turn(ctx: ObjectSharedContext, request: TurnRequest) -> Reply:
    """How a turn stands.

    Raises:
        TerminalError: 400 when none is named, 404 when there is no such turn.
    """
    if request.turn is None and request.id is None:
        raise TerminalError("which turn? name its number (turn), or a message in it (id)", status_code=400)
    # Before anything of Chat is read: a message that leaves the Inbox meanwhile is there by then. The other way round
    # one whose whole turn falls between the two would be found in neither.
    waiting = (await ctx.object_call(inboxes.waiting, ctx.key(), arg=None)).messages if request.id else []
    meta = await ctx.get("meta", type_hint=Meta) or Meta()
    near = await _near(ctx)
    inflight = meta.running.question if meta.running else []
    number = request.turn
    if number is None:
        named = next((m for m in (*near, *inflight) if m.id == request.id), None)
        number = named.turn if named else None
    if meta.running and meta.running.turn == number:
        return Reply(reply="", status="running", turn=meta.running.turn)
    conversation = Conversation(meta, Recent(messages=near))
    if number is not None and (reply := turn_lookup.reply_from_held(conversation, number)):
        return reply
    if any(one.id == request.id for one in waiting):
        return Reply(reply="", status="waiting")
    old = pages.FindRequest(id=request.id) if number is None else pages.FindRequest(turn=number)
    if reply := await turn_lookup.reply_from_transcript(ctx, conversation, old):
        return reply
    raise TerminalError("there is no such turn", status_code=404)


async def search(ctx: ObjectSharedContext, request: SearchRequest) -> Found:
    """Messages that contain a text, newest first: what is near, then the Transcript."""
    near = await _near(ctx)
    before = request.before or (await ctx.get("meta", type_hint=Meta) or Meta()).next_seq
    hits = [m for m in reversed(near) if m.seq < before and transcript.contains(m, request.text)][: request.limit]
    if len(hits) == request.limit:
        return Found(messages=hits, next_before=hits[-1].seq)
    rest = SearchRequest(
        text=request.text,
        before=max(min(before, near[0].seq if near else before), 1),
        limit=request.limit - len(hits),
    )
    older = await ctx.object_call(transcript.search, ctx.key(), rest)
    found = hits + older.messages
    if (most := count_fitting(found)) < len(found):
        return Found(messages=found[:most], next_before=found[most - 1].seq)
    return Found(messages=found, next_before=older.next_before)


async def export(ctx: ObjectSharedContext, request: ExportRequest) -> Export:
    """The whole conversation as a document.

    Raises:
        TerminalError: 413 when it is larger than one answer may be; `threadwell history` prints it all the same.
    """
    write, held = (as_markdown, without_attachment_content) if request.format == "markdown" else (as_json, list[Message])
    page = await read_history(ctx, HistoryRequest(limit=200))
    messages = held(page.messages)
    size = sum(map(json_bytes, messages))
    while page.next_before is not None:
        page = await read_history(ctx, HistoryRequest(limit=200, before=page.next_before))
        older = held(page.messages)
        messages = older + messages
        size += sum(map(json_bytes, older))
        if size > EXPORT_BYTES:
            raise TerminalError("this conversation is too long for one document", status_code=413)
    return Export(text=write(ctx.key(), page.title, messages))


async def _near(ctx: ObjectSharedContext) -> list[Message]:
    """What `Chat` itself holds: on its way out, and recent."""
    return await turn_lookup.held_messages(ctx, await _held(ctx))


async def _held(ctx: ObjectSharedContext) -> list[Message]:
    return (await ctx.get("recent", type_hint=Recent) or Recent()).messages


async def _waiting(ctx: ObjectSharedContext, meta: Meta, near: list[Message]) -> inboxes.QueuedMessages:
    inflight = meta.running.question if meta.running else []
    known = {m.id for m in (*near, *inflight)}
    line = await ctx.object_call(inboxes.waiting, ctx.key(), arg=None)
    line.messages = [one for one in line.messages if one.id not in known]
    return line


def _older_exist(meta: Meta, messages: list[Message], near: list[Message]) -> bool:
    """A full page was found near: whether anything lies before it, near or in the Transcript."""
    if not messages:
        return False
    return messages[0].seq > min(m.seq for m in near) or meta.latest_removed_at is not None
