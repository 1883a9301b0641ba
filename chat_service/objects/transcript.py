"""`Transcript`: the messages that have left `Chat`, in pages; one object per conversation.

Message `seq` lies in page `(seq - 1) // PAGE_SIZE`, so a page is found without an index, and reading costs the same
however long the conversation is. A small record per platform message id recognizes repeats forever: deletions keep it
as a tombstone without text.
"""

from __future__ import annotations

from itertools import groupby

from restate import ObjectContext, ObjectSharedContext

from chat_service import handlers, keys
from chat_service.calls import send
from chat_service.contracts import HistoryRequest, Message, SearchRequest, SearchResult
from chat_service.contracts.directory import DirectoryRemoval
from chat_service.contracts.transcript import (
    AppendRequest,
    EraseRequest,
    FindRequest,
    MessageLocation,
    MessagePage,
    PageStored,
    PruneRequest,
    PruneResult,
    Revision,
    RevisionResult,
    Tombstones,
)
from chat_service.domain.deletion import deletion_predicate, oldest_turn_end, participant_ids, without_feedback_of
from chat_service.domain.edits import apply_revision
from chat_service.domain.window import PAGE_SIZE, message_characters
from chat_service.storage.limits import MAX_RESPONSE_BYTES, count_fitting
from chat_service.storage.pages import Page, TranscriptHead, id_key, page_key, page_number
from chat_service.storage.serde import set_record

MAX_SEARCH_PAGES = 200
"""Pages that one search reads: 4,000 messages."""
MAX_SEARCH_CHARACTERS = 8 * 1024 * 1024
"""Of texts and inline attachments in the pages that one search reads: they are all in its memory at the same time."""


async def append(ctx: ObjectContext, batch: AppendRequest) -> None:
    """Store messages; those of a forgotten epoch are dropped.

    Idempotent, also when it comes late and out of order (a send that a new version restarted): only missing messages
    are added, because stored ones may have been edited since.
    """
    head = await ctx.get("head", type_hint=TranscriptHead) or TranscriptHead()
    if batch.epoch < head.epoch or not batch.messages:
        return
    last = page_number(head.last_seq)
    # Messages for the pages in between may have been forgotten before they came here. An absent page would be taken for
    # the beginning of the conversation.
    empty: dict[int, dict[int, Message]] = {n: {} for n in range(last + 1, page_number(batch.messages[-1].seq))}
    groups = {
        number: {m.seq: m for m in group} for number, group in groupby(batch.messages, lambda m: page_number(m.seq))
    }
    for number, by_seq in sorted((empty | groups).items()):
        if number <= last:
            page = await ctx.get(page_key(number), type_hint=Page) or Page()
            by_seq |= {m.seq: m for m in page.messages}
        set_record(ctx, page_key(number), Page(messages=[by_seq[seq] for seq in sorted(by_seq)]))
    for message in batch.messages:
        if message.id:
            ctx.set(id_key(message.id), message.seq)
    head.last_seq = max(head.last_seq, batch.messages[-1].seq)
    head.epoch = batch.epoch
    set_record(ctx, "head", head)
    send(
        ctx, handlers.CHAT_CONFIRM_PAGE, ctx.key(), PageStored(first=batch.messages[0].seq, last=batch.messages[-1].seq)
    )


async def read(ctx: ObjectSharedContext, request: HistoryRequest) -> MessagePage:
    """Return the `limit` messages before `before`, or as many as fit into one result. Reads only the pages it needs."""
    head = await ctx.get("head", type_hint=TranscriptHead) or TranscriptHead()
    before = min(request.before or head.last_seq + 1, head.last_seq + 1)
    found: list[Message] = []
    number = page_number(before - 1)
    size = 0
    while number >= 0 and len(found) < request.limit and size < MAX_RESPONSE_BYTES:
        page = await ctx.get(page_key(number), type_hint=Page)
        if page is None:
            break  # pages are contiguous: before an absent one there is nothing
        older = [m for m in page.messages if m.seq < before]
        found = older + found
        size += sum(map(message_characters, older))
        number -= 1
    kept = found[-min(request.limit, count_fitting(reversed(found))) :]
    more = len(found) > len(kept) or (number >= 0 and bool(await ctx.get(page_key(number), type_hint=Page)))
    return MessagePage(messages=kept, more=more)


async def add_tombstones(ctx: ObjectContext, request: Tombstones) -> None:
    """Store ids without texts."""
    for message_id in request.ids:
        ctx.set(id_key(message_id), 0)


async def revise(ctx: ObjectContext, revision: Revision) -> RevisionResult:
    """Change one message in its page. A message that is not here, or was forgotten, is not changed."""
    seq = revision.seq if revision.seq is not None else await ctx.get(id_key(revision.id or ""), type_hint=int)
    page = await ctx.get(page_key(page_number(seq or 0)), type_hint=Page) if seq else None
    if page is None:
        return RevisionResult()
    number = page_number(seq or 0)
    before = len(page.messages)
    next_page = await ctx.get(page_key(number + 1), type_hint=Page) if revision.forget else None
    held = page.messages + (next_page.messages if next_page else [])
    changed = apply_revision(held, revision)
    set_record(ctx, page_key(number), Page(messages=held[:before]))
    if next_page is not None and next_page.messages != held[before:]:
        set_record(ctx, page_key(number + 1), Page(messages=held[before:]))
    return RevisionResult(turn=changed.turn if changed else 0)


async def search(ctx: ObjectSharedContext, request: SearchRequest) -> SearchResult:
    """Return messages that contain a text, newest first.

    Reads at most `MAX_SEARCH_PAGES` pages, fewer where they are large, and returns no more than fits into one result;
    `next_before` continues the search.
    """
    head = await ctx.get("head", type_hint=TranscriptHead) or TranscriptHead()
    before = min(request.before or head.last_seq + 1, head.last_seq + 1)
    found: list[Message] = []
    number, characters = page_number(before - 1), 0
    last = max(number - MAX_SEARCH_PAGES, -1)
    while number > last and characters < MAX_SEARCH_CHARACTERS:
        page = await ctx.get(page_key(number), type_hint=Page)
        if page is None:
            return SearchResult(messages=found)
        hits = [m for m in reversed(page.messages) if m.seq < before and m.contains(request.text)]
        found += hits
        most = min(request.limit, count_fitting(found)) if hits else len(found)
        if len(found) > most or most == request.limit:
            return SearchResult(messages=found[:most], next_before=found[most - 1].seq)
        characters += sum(map(message_characters, page.messages))
        number -= 1
    return SearchResult(messages=found, next_before=(number + 1) * PAGE_SIZE + 1 if number >= 0 else None)


async def find(ctx: ObjectSharedContext, request: FindRequest) -> MessageLocation:
    """Return where a platform message, or the question of a turn, is stored."""
    if request.turn is not None:
        return MessageLocation(seq=await _find_question(ctx, request.turn))
    seq = await ctx.get(id_key(request.id or ""), type_hint=int)
    if seq:
        page = await ctx.get(page_key(page_number(seq)), type_hint=Page)
        if not any(m.seq == seq and m.status != "forgotten" for m in (page.messages if page else [])):
            return MessageLocation(seq=0)
    return MessageLocation(seq=seq)


async def _find_question(ctx: ObjectSharedContext, turn: int) -> int | None:
    """Return the sequence number of a turn's question, which may be forgotten; None when it is not here.

    Questions are in the order of their turns (replies are not: one may be regenerated long after), so a binary search
    finds it, which reads a dozen of thousands of pages.
    """
    head = await ctx.get("head", type_hint=TranscriptHead) or TranscriptHead()
    low, high = 0, page_number(head.last_seq)
    while low <= high:
        middle = number = (low + high) // 2
        page = await ctx.get(page_key(number), type_hint=Page)
        # A page without questions does not say on which side to search; a later one does.
        while page is not None and not _questions(page) and number < high:
            number += 1
            page = await ctx.get(page_key(number), type_hint=Page)
        questions = _questions(page) if page else []
        if found := next((m.seq for m in questions if m.turn == turn), None):
            return found
        if page is None or (questions and questions[-1].turn < turn):  # only pages before the first are absent
            low = number + 1
        else:
            high = middle - 1
    return None


def _questions(page: Page) -> list[Message]:
    return [m for m in page.messages if m.role == "user"]


async def prune(ctx: ObjectContext, request: PruneRequest) -> PruneResult:
    """Delete messages from the pages; tombstones of their ids are kept. Idempotent."""
    numbers = sorted(int(key.removeprefix("page:")) for key in await ctx.state_keys() if key.startswith("page:"))
    pages = {number: await ctx.get(page_key(number), type_hint=Page) or Page() for number in numbers}
    held = [*(m for page in pages.values() for m in page.messages), *request.held_by_chat]
    is_deleted = deletion_predicate(held, request.scope)
    oldest = oldest_turn_end([m for m in held if not is_deleted(m)])
    has_kept = False
    removed = 0
    for number in numbers:
        kept = without_feedback_of([m for m in pages[number].messages if not is_deleted(m)], request.scope)
        removed += len(pages[number].messages) - len(kept)
        has_kept = has_kept or bool(kept)
        if not has_kept:
            ctx.clear(page_key(number))  # pages stay contiguous: only those at the beginning may be absent
        elif kept != pages[number].messages:
            set_record(ctx, page_key(number), Page(messages=kept))
    return PruneResult(oldest_turn_end=oldest, removed=removed)


async def erase(ctx: ObjectContext, request: EraseRequest) -> None:
    """Delete all pages and store tombstones of the given ids."""
    head = await ctx.get("head", type_hint=TranscriptHead) or TranscriptHead()
    for key in await ctx.state_keys():
        if key.startswith("page:"):
            if request.has_unlisted_people:
                await _remove_from_directories(ctx, await ctx.get(key, type_hint=Page) or Page())
            ctx.clear(key)
    for message_id in request.ids:
        ctx.set(id_key(message_id), 0)
    set_record(ctx, "head", TranscriptHead(epoch=max(request.epoch, head.epoch), last_seq=head.last_seq))


async def _remove_from_directories(ctx: ObjectContext, page: Page) -> None:
    key = keys.parse(ctx.key())
    for owner in key.people_directories(participant_ids((), page.messages)) if key else ():
        send(ctx, handlers.DIRECTORY_REMOVE, owner, DirectoryRemoval(conversation=ctx.key()))
