"""Queries and commands of Restate's admin API on finished and running invocations, for deletions.

Restate keeps finished invocations for a day, texts included: that is how a repeat gets the reply that it got before.
Deleted texts must be removed there too, so the finished invocations of a conversation are purged. A repeat is then
recognized by the tombstones in the Transcript.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import aiohttp

from chat_service import handlers, keys

MAX_PURGED = 500
"""Invocations that one purge removes."""
TIMEOUT = aiohttp.ClientTimeout(total=30)


async def purge_invocations(admin_url: str, object_keys: Iterable[str], upto: datetime) -> bool:
    """Purge the finished invocations of these objects that were created up to `upto`. Idempotent.

    Returns whether unfinished ones, or more than `MAX_PURGED`, are left.
    """
    quoted = ", ".join(_quote(key) for key in object_keys)
    query = (
        "SELECT id, status FROM sys_invocation "  # noqa: S608  the keys' quotes are doubled
        f"WHERE target_service_key IN ({quoted}) AND created_at <= '{_timestamp(upto)}' "
        f"AND status != 'scheduled' LIMIT {MAX_PURGED}"  # timers and queued calls hold no text
    )
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        rows = await _select(session, admin_url, query)
        for row in rows:
            if row["status"] == "completed":
                await _change(session, f"{admin_url}/invocations/{row['id']}/purge")
    return len(rows) == MAX_PURGED or any(row["status"] != "completed" for row in rows)


async def kill_writers(admin_url: str, conversation: str, upto: datetime) -> None:
    """Kill the invocations that write a title or a summary: their input contains the text, and a model may be slow.

    They are found by their caller, because they have no key. Those whose caller has left the journal end by themselves.
    Idempotent.
    """
    service = handlers.BACKGROUND_WRITE_TITLE.service
    names = f"'{handlers.BACKGROUND_WRITE_TITLE.name}', '{handlers.BACKGROUND_WRITE_SUMMARY.name}'"
    chat = handlers.CHAT_MESSAGE.service
    query = (
        f"SELECT id FROM sys_invocation WHERE target_service_name = '{service}' "  # noqa: S608  as above
        f"AND target_handler_name IN ({names}) "
        f"AND status != 'completed' AND created_at <= '{_timestamp(upto)}' AND invoked_by_id IN "
        f"(SELECT id FROM sys_invocation WHERE target_service_name = '{chat}' "
        f"AND target_service_key = {_quote(conversation)})"
    )
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        for row in await _select(session, admin_url, query):
            await _change(session, f"{admin_url}/invocations/{row['id']}/kill")


async def find_discord_people(admin_url: str, user: str) -> list[str]:
    """Return how a Discord user is named as a person of each server that has a directory of theirs.

    `user` must be decimal.
    """
    query = (
        f"SELECT DISTINCT service_key FROM state WHERE service_name = '{handlers.DIRECTORY_LIST.service}' "  # noqa: S608
        f"AND service_key LIKE 'person:discord:%:{user}'"
    )
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        rows = await _select(session, admin_url, query)
    people = sorted(row["service_key"].removeprefix("person:") for row in rows)
    return [person for person in people if keys.is_person(person)]


async def _select(session: aiohttp.ClientSession, admin_url: str, query: str) -> list[dict[str, str]]:
    headers = {"Accept": "application/json"}
    async with session.post(f"{admin_url}/query", json={"query": query}, headers=headers) as response:
        response.raise_for_status()
        rows: list[dict[str, str]] = (await response.json())["rows"]
        return rows


async def _change(session: aiohttp.ClientSession, url: str) -> None:
    async with session.patch(url) as response:
        if response.status not in (404, 409):  # it ended meanwhile, or is not as finished as it seemed
            response.raise_for_status()


def _quote(key: str) -> str:
    doubled = key.replace("'", "''")
    return f"'{doubled}'"


def _timestamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
