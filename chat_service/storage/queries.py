"""Read a conversation: history, a turn's outcome, search, export.

The messages of `Chat`, of the outbox and of the Transcript are read in this order and merged by sequence number, so
that none is missing while a page is on its way.
"""

from __future__ import annotations

from restate import ObjectSharedContext, TerminalError

from chat_service import handlers
from chat_service.calls import call
from chat_service.contracts import (
    Export,
    ExportRequest,
    History,
    HistoryRequest,
    Message,
    Reply,
    SearchRequest,
    SearchResult,
    TurnRequest,
)
from chat_service.contracts.queue import QueuedMessages
from chat_service.contracts.transcript import FindRequest
from chat_service.domain import versions
from chat_service.domain.conversation import Conversation
from chat_service.domain.export import as_json, as_markdown, without_attachment_content
from chat_service.storage import turn_lookup
from chat_service.storage.clock import now
from chat_service.storage.limits import count_fitting, json_bytes
from chat_service.storage.state import Meta, Recent, set_start_time

EXPORT_PAGE = 200
MAX_EXPORT_BYTES = 12 * 1024 * 1024
"""Bytes of the messages of a document. The document is JSON inside JSON and may be twice as large, which is still below
the 32 MiB that Restate accepts for one response."""


async def read_history(ctx: ObjectSharedContext, request: HistoryRequest) -> History:
    """Return a page of messages; the newest page includes the running turn and the queue.

    It is shorter than `limit` when one response cannot carry more.
    """
    meta = await ctx.get("meta", type_hint=Meta) or Meta()
    recent = await _recent_messages(ctx)
    held = await turn_lookup.held_messages(ctx, recent)
    messages, has_older = await _read_page(ctx, request, meta, held)
    is_newest = request.before is None
    if is_newest and meta.running and meta.running.started_at is None:
        set_start_time(meta.running, await now(ctx))
    question = _running_question(meta)
    with_question = [*recent, *question]
    versions.annotate_versions([*messages, *question], with_question, meta.shown_versions)
    page = History(
        messages=messages,
        next_before=messages[0].seq if messages and has_older else None,
        title=meta.title,
        replaceable=with_question[0].seq if with_question else meta.next_seq,
        version=meta.version,
    )
    if is_newest:
        page.running = meta.running
        queued = await _queued_messages(ctx, meta, held)
        page.waiting, page.title = queued.messages, queued.title or page.title
        page.forgotten = meta.epoch > 0 and not (messages or page.running or page.waiting)
    return page


async def read_turn(ctx: ObjectSharedContext, request: TurnRequest) -> Reply:
    """Return the reply of a turn, or its status.

    Raises:
        TerminalError: 400 when the request names no turn, 404 when there is no such turn.
    """
    if request.turn is None and request.id is None:
        raise TerminalError("which turn? name its number (turn), or a message in it (id)", status_code=400)
    # The queue is read before `Chat`: a message that leaves the queue meanwhile is in `Chat` by then. In the opposite
    # order, a message whose whole turn falls between the two reads would be found in neither.
    queued = (await call(ctx, handlers.QUEUE_GET_WAITING, ctx.key(), None)).messages if request.id else []
    meta = await ctx.get("meta", type_hint=Meta) or Meta()
    held = await turn_lookup.held_messages(ctx, await _recent_messages(ctx))
    number = request.turn
    if number is None:
        named = next((m for m in (*held, *_running_question(meta)) if m.id == request.id), None)
        number = named.turn if named else None
    if meta.running and meta.running.turn == number:
        return Reply(reply="", status="running", turn=meta.running.turn)
    conversation = Conversation(meta, Recent(messages=held))
    if number is not None and (reply := turn_lookup.reply_from_held(conversation, number)):
        return reply
    if any(message.id == request.id for message in queued):
        return Reply(reply="", status="waiting")
    find_request = FindRequest(id=request.id) if number is None else FindRequest(turn=number)
    if reply := await turn_lookup.reply_from_transcript(ctx, conversation, find_request):
        return reply
    raise TerminalError("there is no such turn", status_code=404)


async def search(ctx: ObjectSharedContext, request: SearchRequest) -> SearchResult:
    """Return messages that contain a text, newest first: those that `Chat` holds, then those of the Transcript."""
    held = await turn_lookup.held_messages(ctx, await _recent_messages(ctx))
    before = request.before or (await ctx.get("meta", type_hint=Meta) or Meta()).next_seq
    hits = [m for m in reversed(held) if m.seq < before and m.contains(request.text)][: request.limit]
    if len(hits) == request.limit:
        return SearchResult(messages=hits, next_before=hits[-1].seq)
    transcript_request = SearchRequest(
        text=request.text,
        before=max(min(before, held[0].seq if held else before), 1),
        limit=request.limit - len(hits),
    )
    older = await call(ctx, handlers.TRANSCRIPT_SEARCH, ctx.key(), transcript_request)
    found = hits + older.messages
    if (count := count_fitting(found)) < len(found):
        return SearchResult(messages=found[:count], next_before=found[count - 1].seq)
    return SearchResult(messages=found, next_before=older.next_before)


async def export(ctx: ObjectSharedContext, request: ExportRequest) -> Export:
    """Return the whole conversation as a document.

    Raises:
        TerminalError: 413 when it is larger than one response may be; `threadwell history` prints it nevertheless.
    """
    is_markdown = request.format == "markdown"
    write, select = (as_markdown, without_attachment_content) if is_markdown else (as_json, list[Message])
    page = await read_history(ctx, HistoryRequest(limit=EXPORT_PAGE))
    messages = select(page.messages)
    size = sum(map(json_bytes, messages))
    while page.next_before is not None:
        page = await read_history(ctx, HistoryRequest(limit=EXPORT_PAGE, before=page.next_before))
        older = select(page.messages)
        messages = older + messages
        size += sum(map(json_bytes, older))
        if size > MAX_EXPORT_BYTES:
            raise TerminalError("this conversation is too long for one document", status_code=413)
    return Export(text=write(ctx.key(), page.title, messages))


async def _read_page(
    ctx: ObjectSharedContext, request: HistoryRequest, meta: Meta, held: list[Message]
) -> tuple[list[Message], bool]:
    """Return the messages of a page, and whether older ones exist."""
    before = request.before or meta.next_seq
    by_seq = {m.seq: m for m in held if m.seq < before}
    has_older = False
    if len(by_seq) < request.limit and meta.latest_removed_at is not None:
        first_held = min((m.seq for m in held), default=meta.next_seq)
        transcript_request = HistoryRequest(before=min(before, first_held), limit=request.limit - len(by_seq))
        older = await call(ctx, handlers.TRANSCRIPT_READ, ctx.key(), transcript_request)
        by_seq = {m.seq: m for m in older.messages} | by_seq
        has_older = older.more
    ordered = sorted(by_seq.values(), key=lambda m: m.seq)
    messages = ordered[-min(request.limit, count_fitting(reversed(ordered))) :]
    is_full = len(by_seq) >= request.limit
    if len(ordered) > len(messages) or (is_full and _has_older(meta, messages, held)):
        has_older = True
    return messages, has_older


def _has_older(meta: Meta, messages: list[Message], held: list[Message]) -> bool:
    """Whether older messages than those of a full page exist, held or in the Transcript."""
    if not messages:
        return False
    return messages[0].seq > min(m.seq for m in held) or meta.latest_removed_at is not None


async def _recent_messages(ctx: ObjectSharedContext) -> list[Message]:
    return (await ctx.get("recent", type_hint=Recent) or Recent()).messages


def _running_question(meta: Meta) -> list[Message]:
    return meta.running.question if meta.running else []


async def _queued_messages(ctx: ObjectSharedContext, meta: Meta, held: list[Message]) -> QueuedMessages:
    """Return the queue without messages that have reached `Chat` already."""
    known = {m.id for m in (*held, *_running_question(meta))}
    queued = await call(ctx, handlers.QUEUE_GET_WAITING, ctx.key(), None)
    queued.messages = [message for message in queued.messages if message.id not in known]
    return queued
