"""What the engine itself says about the invocations of a conversation: entries and bytes, out of its own tables."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import aiohttp

from chat_service.errors import UserError

SETTLE_SECONDS = 60.0


@dataclass(frozen=True)
class Written:
    """The journal of one invocation, complete."""

    invocation: str
    service: str
    handler: str
    entries: int
    bytes: int


class Tables:
    """The engine's SQL."""

    def __init__(self, session: aiohttp.ClientSession, admin_url: str) -> None:
        self._session = session
        self._url = f"{admin_url}/query"

    async def query(self, sql: str) -> list[dict[str, Any]]:
        """Rows of a query.

        Raises:
            UserError: when the engine refuses it.
        """
        headers = {"Accept": "application/json"}
        async with self._session.post(self._url, json={"query": sql}, headers=headers) as response:
            if response.status != 200:
                raise UserError(f"the engine refused {sql!r}: {(await response.text())[:300]}")
            rows: list[dict[str, Any]] = (await response.json())["rows"]
            return rows

    async def settled(self) -> None:
        """Wait until nothing is under way: pages, directories and titles follow after a turn has answered.

        Raises:
            UserError: when that takes longer than a minute.
        """
        until = time.monotonic() + SETTLE_SECONDS
        while (await self.query("select count(*) as n from sys_invocation where status != 'completed'"))[0]["n"]:
            if time.monotonic() > until:
                raise UserError("the engine does not come to rest")
            await asyncio.sleep(0.01)

    async def invocations(self) -> set[str]:
        """The ids of everything that was ever called and is still kept."""
        return {row["id"] for row in await self.query("select id from sys_invocation")}

    async def written(self, invocations: set[str]) -> list[Written]:
        """Their journals, as long as they are kept: the briefest retention is `policy.BRIEF`."""
        if not invocations:
            return []
        ids = ", ".join(f"'{one}'" for one in sorted(invocations))
        sql = (
            "select i.id as id, i.target_service_name as service, i.target_handler_name as handler, "
            "count(*) as entries, sum(j.raw_length) as bytes from sys_journal j join sys_invocation i on i.id = j.id "
            f"where j.id in ({ids}) and i.id in ({ids}) group by 1, 2, 3"
        )
        return [Written(r["id"], r["service"], r["handler"], r["entries"], r["bytes"]) for r in await self.query(sql)]
