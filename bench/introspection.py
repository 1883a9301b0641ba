"""Queries of Restate's SQL introspection API: invocations and the size of their journals."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import aiohttp

from chat_service.errors import UserError

IDLE_SECONDS = 60.0


@dataclass(frozen=True)
class JournalSize:
    """The number of entries and bytes of one invocation's journal."""

    invocation: str
    service: str
    handler: str
    entries: int
    bytes: int


class Introspection:
    """Runs SQL queries at Restate's admin API."""

    def __init__(self, session: aiohttp.ClientSession, admin_url: str) -> None:
        self._session = session
        self._url = f"{admin_url}/query"

    async def query(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query.

        Raises:
            UserError: when Restate rejects the query.
        """
        headers = {"Accept": "application/json"}
        async with self._session.post(self._url, json={"query": sql}, headers=headers) as response:
            if response.status != 200:
                raise UserError(f"Restate rejected {sql!r}: {(await response.text())[:300]}")
            rows: list[dict[str, Any]] = (await response.json())["rows"]
            return rows

    async def wait_until_idle(self) -> None:
        """Wait until no invocation is running: pages, directories and titles are written after a turn's answer.

        Raises:
            UserError: when that takes longer than a minute.
        """
        deadline = time.monotonic() + IDLE_SECONDS
        while (await self.query("select count(*) as n from sys_invocation where status != 'completed'"))[0]["n"]:
            if time.monotonic() > deadline:
                raise UserError(f"invocations are still running after {IDLE_SECONDS:g} s")
            await asyncio.sleep(0.05)

    async def invocations(self) -> set[str]:
        """Return the ids of all invocations that Restate still retains."""
        return {row["id"] for row in await self.query("select id from sys_invocation")}

    async def journal_sizes(self, invocations: set[str]) -> list[JournalSize]:
        """Return the journals' sizes, as far as Restate still retains them: `RETAIN_BRIEFLY` is the shortest time."""
        if not invocations:
            return []
        ids = ", ".join(f"'{invocation}'" for invocation in sorted(invocations))
        sql = (
            "select i.id as id, i.target_service_name as service, i.target_handler_name as handler, "
            "count(*) as entries, sum(j.raw_length) as bytes from sys_journal j join sys_invocation i on i.id = j.id "
            f"where j.id in ({ids}) and i.id in ({ids}) group by 1, 2, 3"
        )
        return [
            JournalSize(row["id"], row["service"], row["handler"], row["entries"], row["bytes"])
            for row in await self.query(sql)
        ]
