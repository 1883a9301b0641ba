"""`Directory`: the conversations of a person, a channel or a workspace, newest first; one object for each of them.

`Chat` sends to it and does not wait, so it delays no turn. The most recently active entries are in `head`. Older ones
move into numbered pages, and `at:{conversation}` holds the page's number. So an update costs the same however many
conversations there are.
"""

from __future__ import annotations

import re

from restate import ObjectContext, ObjectSharedContext

from chat_service.contracts import DirectoryEntry, DirectoryPage, DirectoryRequest
from chat_service.contracts.directory import DirectoryRemoval
from chat_service.storage.record import StateRecord
from chat_service.storage.serde import set_record

MAX_HEAD = 100
PAGE_SIZE = 50
_NUMBER = re.compile(r"[0-9]{1,9}")


class Head(StateRecord):
    """The newest entries, newest first, and how many pages lie below."""

    entries: list[DirectoryEntry] = []
    pages: int = 0


class Page(StateRecord):
    """Older entries, newest first."""

    entries: list[DirectoryEntry] = []


async def update(ctx: ObjectContext, entry: DirectoryEntry) -> None:
    """Insert a conversation by its last activity, or move it; a late update never sets an earlier time."""
    head = await ctx.get("head", type_hint=Head) or Head()
    known = next((e for e in head.entries if e.conversation == entry.conversation), None)
    if known is None:
        known = await _remove_from_page(ctx, entry.conversation)
    else:
        head.entries.remove(known)
    if known is not None:
        entry.at = max(entry.at, known.at)
        entry.title = entry.title or known.title
    is_late = not head.entries or entry.at < head.entries[-1].at
    if not (is_late and await _insert_into_page(ctx, head, entry)):
        head.entries.append(entry)
        head.entries.sort(key=_age)
    if len(head.entries) > MAX_HEAD:
        oldest = head.entries[-PAGE_SIZE:]
        del head.entries[-PAGE_SIZE:]
        set_record(ctx, _page_key(head.pages), Page(entries=oldest))
        for moved in oldest:
            ctx.set(_page_number_key(moved.conversation), head.pages)
        head.pages += 1
    set_record(ctx, "head", head)


async def remove(ctx: ObjectContext, removal: DirectoryRemoval) -> None:
    """Remove a conversation."""
    head = await ctx.get("head", type_hint=Head) or Head()
    kept = [e for e in head.entries if e.conversation != removal.conversation]
    if len(kept) == len(head.entries):
        await _remove_from_page(ctx, removal.conversation)
        return
    head.entries = kept
    set_record(ctx, "head", head)


async def erase(ctx: ObjectContext) -> None:
    """Remove all conversations."""
    ctx.clear_all()


async def list_conversations(ctx: ObjectSharedContext, request: DirectoryRequest | None) -> DirectoryPage:
    """Return a page of conversations. The cursor is `page:offset`, counted from the newest page down."""
    request = request or DirectoryRequest()
    head = await ctx.get("head", type_hint=Head) or Head()
    number, offset = _cursor(request.cursor, head.pages)
    found: list[DirectoryEntry] = []
    while len(found) < request.limit and number >= 0:
        if number >= head.pages:
            entries = head.entries
        else:
            page = await ctx.get(_page_key(number), type_hint=Page)
            entries = page.entries if page else []
        taken = entries[offset : offset + request.limit - len(found)]
        found += taken
        offset += len(taken)
        if offset >= len(entries):
            number, offset = number - 1, 0
    return DirectoryPage(entries=found, cursor=f"{number}:{offset}" if number >= 0 else None)


async def _insert_into_page(ctx: ObjectContext, head: Head, entry: DirectoryEntry) -> bool:
    """Insert a late entry into the oldest page that has a newer entry; return whether there is one."""
    target: tuple[int, Page] | None = None
    for number in range(head.pages - 1, -1, -1):
        page = await ctx.get(_page_key(number), type_hint=Page)
        if page is None or not page.entries:
            continue
        if page.entries[0].at > entry.at:
            target = number, page
        if page.entries[-1].at <= entry.at:
            break
    if target is None:
        return False
    number, page = target
    page.entries.append(entry)
    page.entries.sort(key=_age)
    set_record(ctx, _page_key(number), page)
    ctx.set(_page_number_key(entry.conversation), number)
    return True


async def _remove_from_page(ctx: ObjectContext, conversation: str) -> DirectoryEntry | None:
    """Remove an entry from its page and return it; None when it is in no page."""
    number = await ctx.get(_page_number_key(conversation), type_hint=int)
    if number is None:
        return None
    page = await ctx.get(_page_key(number), type_hint=Page) or Page()
    known = next((e for e in page.entries if e.conversation == conversation), None)
    set_record(ctx, _page_key(number), Page(entries=[e for e in page.entries if e.conversation != conversation]))
    ctx.clear(_page_number_key(conversation))
    return known


def _cursor(cursor: str | None, pages: int) -> tuple[int, int]:
    """Return the page number and the offset of a cursor. An invalid cursor starts at the newest entry."""
    if cursor:
        number, _, offset = cursor.partition(":")
        if _NUMBER.fullmatch(number) and _NUMBER.fullmatch(offset):
            return min(int(number), pages), int(offset)
    return pages, 0


def _age(entry: DirectoryEntry) -> float:
    return -entry.at.timestamp()


def _page_key(number: int) -> str:
    return f"page:{number}"


def _page_number_key(conversation: str) -> str:
    return f"at:{conversation}"
