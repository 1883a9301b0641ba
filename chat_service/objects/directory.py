"""`Directory`: which conversations there are, newest first: one object per person, channel and workspace.

It lies off every turn's critical path: `Chat` sends to it and does not wait. The most recently active entries stand
in `head`; what sinks out of it goes into numbered pages, and `at:{conversation}` says in which. So touching a
conversation costs the same however many there are.
"""

from __future__ import annotations

import re

from restate import Context, ObjectContext, ObjectSharedContext, VirtualObject

from chat_service.contracts import Contract, DirectoryPage, DirectoryRequest, Entry
from chat_service.contracts.validation_errors import validation_errors_as_text
from chat_service.objects import invocation_policy
from chat_service.storage.serde import StateRecord, set_record

HEAD = 100
SPILL = 50
MOST = 200
"""Entries of a page that a handler asks for."""
_NUMBER = re.compile(r"[0-9]{1,9}")

directory = VirtualObject(
    "Directory",
    description="The conversations of a person, a channel or a workspace, newest first.",
    state_preload=False,
    invocation_retry_policy=invocation_policy.PATIENT,
    invocation_context_managers=[validation_errors_as_text],
    journal_retention=invocation_policy.NONE,
    idempotency_retention=invocation_policy.BRIEF,
)


class Head(StateRecord):
    """The newest entries, newest first, and how many pages lie below."""

    entries: list[Entry] = []
    pages: int = 0


class Page(StateRecord):
    """Entries that sank out of the head, newest first."""

    entries: list[Entry] = []


class Removal(Contract):
    """Names the conversation that goes."""

    conversation: str


@directory.handler(ingress_private=True)
async def touch(ctx: ObjectContext, entry: Entry) -> None:
    """Put a conversation at its place by its last activity; a late touch never turns its time back."""
    head = await ctx.get("head", type_hint=Head) or Head()
    known = next((e for e in head.entries if e.conversation == entry.conversation), None)
    if known is None:
        known = await _pull(ctx, entry.conversation)
    else:
        head.entries.remove(known)
    if known is not None:
        entry.at = max(entry.at, known.at)
        entry.title = entry.title or known.title
    is_late = not head.entries or entry.at < head.entries[-1].at
    if not (is_late and await _sunk(ctx, head, entry)):
        head.entries.append(entry)
        head.entries.sort(key=_age)
    if len(head.entries) > HEAD:
        sinking = head.entries[-SPILL:]
        del head.entries[-SPILL:]
        set_record(ctx, _page(head.pages), Page(entries=sinking))
        for one in sinking:
            ctx.set(_place(one.conversation), head.pages)
        head.pages += 1
    set_record(ctx, "head", head)


@directory.handler(ingress_private=True)
async def remove(ctx: ObjectContext, removal: Removal) -> None:
    """Take a conversation out."""
    head = await ctx.get("head", type_hint=Head) or Head()
    kept = [e for e in head.entries if e.conversation != removal.conversation]
    if len(kept) == len(head.entries):
        await _pull(ctx, removal.conversation)
        return
    head.entries = kept
    set_record(ctx, "head", head)


@directory.handler(ingress_private=True)
async def erase(ctx: ObjectContext) -> None:
    """Forget that there was anything."""
    ctx.clear_all()


@directory.handler(kind="shared", name="list")
async def list_(ctx: ObjectSharedContext, request: DirectoryRequest | None) -> DirectoryPage:
    """A page of conversations. The cursor is `page:offset`, counted from the newest page down."""
    request = request or DirectoryRequest()
    head = await ctx.get("head", type_hint=Head) or Head()
    number, offset = _cursor(request.cursor, head.pages)
    found: list[Entry] = []
    while len(found) < request.limit and number >= 0:
        if number >= head.pages:
            entries = head.entries
        else:
            page = await ctx.get(_page(number), type_hint=Page)
            entries = page.entries if page else []
        taken = entries[offset : offset + request.limit - len(found)]
        found += taken
        offset += len(taken)
        if offset >= len(entries):
            number, offset = number - 1, 0
    return DirectoryPage(entries=found, cursor=f"{number}:{offset}" if number >= 0 else None)


async def listed(ctx: Context | ObjectContext, owner: str) -> list[str]:
    """All conversations of a directory, asked for page by page from another handler; those used last come first."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await ctx.object_call(list_, owner, DirectoryRequest(cursor=cursor, limit=MOST))
        found += [entry.conversation for entry in page.entries]
        cursor = page.cursor
        if cursor is None:
            return list(dict.fromkeys(found))  # one that was used meanwhile has moved, and may come twice


async def _sunk(ctx: ObjectContext, head: Head, entry: Entry) -> bool:
    """Put an entry that comes late among those that have sunk already, where one of them is newer; whether one is."""
    place: tuple[int, Page] | None = None
    for number in range(head.pages - 1, -1, -1):
        page = await ctx.get(_page(number), type_hint=Page)
        if page is None or not page.entries:
            continue
        if page.entries[0].at > entry.at:
            place = number, page
        if page.entries[-1].at <= entry.at:
            break
    if place is None:
        return False
    number, page = place
    page.entries.append(entry)
    page.entries.sort(key=_age)
    set_record(ctx, _page(number), page)
    ctx.set(_place(entry.conversation), number)
    return True


async def _pull(ctx: ObjectContext, conversation: str) -> Entry | None:
    """Take an entry out of the page it sank into, if it did."""
    number = await ctx.get(_place(conversation), type_hint=int)
    if number is None:
        return None
    page = await ctx.get(_page(number), type_hint=Page) or Page()
    known = next((e for e in page.entries if e.conversation == conversation), None)
    set_record(ctx, _page(number), Page(entries=[e for e in page.entries if e.conversation != conversation]))
    ctx.clear(_place(conversation))
    return known


def _cursor(cursor: str | None, pages: int) -> tuple[int, int]:
    """Where to go on. A cursor that makes no sense starts at the top."""
    if cursor:
        number, _, offset = cursor.partition(":")
        if _NUMBER.fullmatch(number) and _NUMBER.fullmatch(offset):
            return min(int(number), pages), int(offset)
    return pages, 0


def _age(entry: Entry) -> float:
    return -entry.at.timestamp()


def _page(number: int) -> str:
    return f"page:{number}"


def _place(conversation: str) -> str:
    return f"at:{conversation}"
