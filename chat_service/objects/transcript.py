"""`Transcript`: the pages that scrolled out of `Chat`, one object per conversation, read lazily.

Message `seq` lies in page `(seq - 1) // PAGE`, so any page is found without an index and reading costs the same in the
tenth year as on the first day. Beside the pages stands one small record per platform message id, which recognises
repeats for ever; `forget` empties the pages and leaves these textless marks.
"""

from __future__ import annotations

from itertools import groupby

from restate import ObjectContext, ObjectSharedContext, VirtualObject

from chat_service import keys
from chat_service.contracts import Found, HistoryRequest, Message, SearchRequest
from chat_service.domain.conversation import everybody
from chat_service.domain.deletion import going, oldest_end, unjudged
from chat_service.domain.edits import Revised, Revision, change
from chat_service.domain.window import PAGE, characters
from chat_service.objects import directory, invocation_policy
from chat_service.objects.chat_client import send_to_chat
from chat_service.storage.limits import ANSWER_BYTES, fitting
from chat_service.storage.pages import (
    Batch,
    Erase,
    FindRequest,
    Head,
    Mark,
    Marks,
    Messages,
    Page,
    PageStored,
    Pruned,
    PruneRequest,
    mark_key,
    page_key,
    page_of,
)
from chat_service.storage.serde import set_record

SEARCH_PAGES = 200
"""Pages that one search looks through: 4,000 messages."""
SEARCH_CHARACTERS = 8 * 1024 * 1024
"""Of texts and inline attachments in the pages that one search reads: all of them lie in its memory together."""

transcript = VirtualObject(
    "Transcript",
    description="Older messages of a conversation, in pages.",
    ingress_private=True,
    state_preload=False,
    invocation_retry_policy=invocation_policy.PATIENT,
    journal_retention=invocation_policy.BRIEF,
)


@transcript.handler()
async def append(ctx: ObjectContext, batch: Batch) -> None:
    """Keep a batch; one of a forgotten epoch is dropped.

    Run twice, or late and out of order (a send that a new version took up), it adds what is missing and changes
    nothing else: what stands may have been edited since.
    """
    head = await ctx.get("head", type_hint=Head) or Head()
    if batch.epoch < head.epoch or not batch.messages:
        return
    last = page_of(head.last_seq)
    # What would have filled the pages between may have been forgotten before it came here: an absent page would be
    # taken for the beginning.
    filled: dict[int, dict[int, Message]] = {n: {} for n in range(last + 1, page_of(batch.messages[-1].seq))}
    groups = {number: {m.seq: m for m in group} for number, group in groupby(batch.messages, lambda m: page_of(m.seq))}
    for number, by_seq in sorted((filled | groups).items()):
        if number <= last:
            begun = await ctx.get(page_key(number), type_hint=Page) or Page()
            by_seq |= {m.seq: m for m in begun.messages}
        set_record(ctx, page_key(number), Page(messages=[by_seq[seq] for seq in sorted(by_seq)]))
    for message in batch.messages:
        if message.id:
            ctx.set(mark_key(message.id), message.seq)
    head.last_seq = max(head.last_seq, batch.messages[-1].seq)
    head.epoch = batch.epoch
    set_record(ctx, "head", head)
    send_to_chat(ctx, ctx.key(), "page_stored", PageStored(first=batch.messages[0].seq, last=batch.messages[-1].seq))


@transcript.handler(kind="shared")
async def read(ctx: ObjectSharedContext, request: HistoryRequest) -> Messages:
    """The `limit` messages before `before`, or as many as one answer can carry. Touches only the pages it needs."""
    head = await ctx.get("head", type_hint=Head) or Head()
    before = min(request.before or head.last_seq + 1, head.last_seq + 1)
    found: list[Message] = []
    number = page_of(before - 1)
    size = 0
    while number >= 0 and len(found) < request.limit and size < ANSWER_BYTES:
        page = await ctx.get(page_key(number), type_hint=Page)
        if page is None:
            break  # pages are contiguous: an absent one is the beginning, or what was forgotten
        older = [m for m in page.messages if m.seq < before]
        found = older + found
        size += sum(map(characters, older))
        number -= 1
    kept = found[-min(request.limit, fitting(reversed(found))) :]
    more = len(found) > len(kept) or (number >= 0 and bool(await ctx.get(page_key(number), type_hint=Page)))
    return Messages(messages=kept, more=more)


@transcript.handler()
async def mark(ctx: ObjectContext, marks: Marks) -> None:
    """Remember ids without texts."""
    for message_id in marks.ids:
        ctx.set(mark_key(message_id), 0)


@transcript.handler()
async def revise(ctx: ObjectContext, revision: Revision) -> Revised:
    """Change one message in its page. What is not here, or was forgotten, stays as it is."""
    seq = revision.seq if revision.seq is not None else await ctx.get(mark_key(revision.id or ""), type_hint=int)
    page = await ctx.get(page_key(page_of(seq or 0)), type_hint=Page) if seq else None
    if page is None:
        return Revised()
    number = page_of(seq or 0)
    before = len(page.messages)
    beyond = await ctx.get(page_key(number + 1), type_hint=Page) if revision.forget else None
    held = page.messages + (beyond.messages if beyond else [])
    changed = change(held, revision)
    set_record(ctx, page_key(number), Page(messages=held[:before]))
    if beyond is not None and beyond.messages != held[before:]:
        set_record(ctx, page_key(number + 1), Page(messages=held[before:]))
    return Revised(turn=changed.turn if changed else 0)


@transcript.handler(kind="shared")
async def search(ctx: ObjectSharedContext, request: SearchRequest) -> Found:
    """Messages that contain a text, newest first. Looks at `SEARCH_PAGES` pages at most, fewer where they are large,
    and finds no more than one answer can carry; the reader goes on."""
    head = await ctx.get("head", type_hint=Head) or Head()
    before = min(request.before or head.last_seq + 1, head.last_seq + 1)
    found: list[Message] = []
    number, looked = page_of(before - 1), 0
    last = max(number - SEARCH_PAGES, -1)
    while number > last and looked < SEARCH_CHARACTERS:
        page = await ctx.get(page_key(number), type_hint=Page)
        if page is None:
            return Found(messages=found)
        hits = [m for m in reversed(page.messages) if m.seq < before and contains(m, request.text)]
        found += hits
        most = min(request.limit, fitting(found)) if hits else len(found)
        if len(found) > most or most == request.limit:
            return Found(messages=found[:most], next_before=found[most - 1].seq)
        looked += sum(map(characters, page.messages))
        number -= 1
    return Found(messages=found, next_before=(number + 1) * PAGE + 1 if number >= 0 else None)


def contains(message: Message, text: str) -> bool:
    """Whether a message that stands contains a text, in any case."""
    return not message.replaced and text.casefold() in message.text.casefold()


@transcript.handler(kind="shared")
async def find(ctx: ObjectSharedContext, request: FindRequest) -> Mark:
    """Whether a platform message was ever here, forgotten or not; or where the question of a turn stands."""
    if request.turn is not None:
        return Mark(seq=await _question_of(ctx, request.turn))
    seq = await ctx.get(mark_key(request.id or ""), type_hint=int)
    if seq:
        page = await ctx.get(page_key(page_of(seq)), type_hint=Page)
        if not any(m.seq == seq and m.status != "forgotten" for m in (page.messages if page else [])):
            return Mark(seq=0)
    return Mark(seq=seq)


async def _question_of(ctx: ObjectSharedContext, turn: int) -> int | None:
    """Where the question of a turn stands, which may be forgotten; None when it is not here.

    Questions stand in the order of their turns (replies do not: one may be given anew long after), so it is found by
    halving, which reads a dozen pages of thousands.
    """
    head = await ctx.get("head", type_hint=Head) or Head()
    low, high = 0, page_of(head.last_seq)
    while low <= high:
        middle = number = (low + high) // 2
        page = await ctx.get(page_key(number), type_hint=Page)
        # One with replies alone does not tell on which side to look; the next one does.
        while page is not None and not _questions(page) and number < high:
            number += 1
            page = await ctx.get(page_key(number), type_hint=Page)
        asked = _questions(page) if page else []
        if found := next((m.seq for m in asked if m.turn == turn), None):
            return found
        if page is None or (asked and asked[-1].turn < turn):  # only what lies before the first page is absent
            low = number + 1
        else:
            high = middle - 1
    return None


def _questions(page: Page) -> list[Message]:
    return [m for m in page.messages if m.role == "user"]


@transcript.handler()
async def prune(ctx: ObjectContext, request: PruneRequest) -> Pruned:
    """Take messages out of the pages; their marks stay. The texts go for good. Run twice, it finds less to do."""
    numbers = sorted(int(key.removeprefix("page:")) for key in await ctx.state_keys() if key.startswith("page:"))
    pages = {number: await ctx.get(page_key(number), type_hint=Page) or Page() for number in numbers}
    held = [*(m for page in pages.values() for m in page.messages), *request.beside]
    goes = going(held, request.cut)
    oldest = oldest_end([m for m in held if not goes(m)])
    begun = False
    gone = 0
    for number in numbers:
        kept = unjudged([m for m in pages[number].messages if not goes(m)], request.cut)
        gone += len(pages[number].messages) - len(kept)
        begun = begun or bool(kept)
        if not begun:
            ctx.clear(page_key(number))  # pages stay contiguous: only from the beginning may one be absent
        elif kept != pages[number].messages:
            set_record(ctx, page_key(number), Page(messages=kept))
    return Pruned(oldest=oldest, gone=gone)


@transcript.handler()
async def erase(ctx: ObjectContext, request: Erase) -> None:
    """Empty all pages and remember the ids."""
    head = await ctx.get("head", type_hint=Head) or Head()
    for key in await ctx.state_keys():
        if key.startswith("page:"):
            if request.crowded:
                await _unlist(ctx, await ctx.get(key, type_hint=Page) or Page())
            ctx.clear(key)
    for message_id in request.ids:
        ctx.set(mark_key(message_id), 0)
    set_record(ctx, "head", Head(epoch=max(request.epoch, head.epoch), last_seq=head.last_seq))


async def _unlist(ctx: ObjectContext, page: Page) -> None:
    key = keys.parse(ctx.key())
    for owner in key.people_directories(everybody((), page.messages)) if key else ():
        ctx.object_send(directory.remove, owner, directory.Removal(conversation=ctx.key()))
