"""Read the clock in a durable step."""

from __future__ import annotations

import time
from datetime import datetime

from restate import ObjectContext, ObjectSharedContext, RunOptions

from chat_service.contracts import utc


async def now(ctx: ObjectContext | ObjectSharedContext) -> datetime:
    """Return the time at which the handler first reached this call; a replay returns the same time.

    Trap: the SDK's own `ctx.time()` reads its clock in a thread. The way to the thread and back is a tenth of the CPU
    time of a whole turn (0.4 of 3.9 ms, measured with 32 conversations at once).
    """

    async def read_clock() -> float:
        return time.time()

    return utc(await ctx.run_typed("now", read_clock, RunOptions(type_hint=float)))
