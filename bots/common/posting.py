"""Posting a message once, whatever dies or gets lost: looked for before it is posted a second time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

from restate import ObjectContext, RunOptions, TerminalError

from bots.common.errors import OutcomeUnknownError, PermanentError
from bots.common.previews import Previews
from bots.common.protocols import DeliveryTarget, PostedMessage, ReplyWriter

PROCESS = uuid4().hex
"""Tells the tries of this process from those of one that died."""
SETTLE_SECONDS = 3.0
"""After an unclear answer a commit can still come: so long it is waited for before the message is looked for."""
GONE_STATUS = 410
REPEAT = RunOptions[PostedMessage](
    type_hint=PostedMessage,
    initial_retry_interval=timedelta(milliseconds=500),
    max_retry_interval=timedelta(seconds=10),
    retry_interval_factor=2,
)


class DeliveryDependencies:
    """What `deliver` needs of its process."""

    def __init__(self, writer: ReplyWriter, previews: Previews) -> None:
        self.outlet, self.previews = writer, previews
        self._tried: dict[str, float] = {}

    async def once(
        self,
        name: str,
        first: str,
        find: Callable[[], Awaitable[PostedMessage | None]],
        post: Callable[[], Awaitable[PostedMessage]],
    ) -> PostedMessage:
        """Post, unless it was posted: only the first try of all may do so without looking.

        `first` is the process that began; a try of another, or a second one of ours, looks first, and waits before it
        does, since a post whose answer was lost may be committed late.
        """
        ours = first == PROCESS
        sure = ours and not self._tried.get(name)  # a refusal is clear: nothing of it comes later
        if ours and name not in self._tried:
            self._tried[name] = 0
        else:
            await asyncio.sleep(max(self._tried.get(name, time.monotonic()) + SETTLE_SECONDS - time.monotonic(), 0))
            if (there := await find()) is not None:
                self._tried.pop(name, None)
                return there.model_copy(update={"confirmed": False})
        try:
            opened = await post()
        except (
            OutcomeUnknownError,
            asyncio.CancelledError,
        ):  # cancelled when the engine's connection breaks in the middle
            self._tried[name] = time.monotonic()
            raise
        self._tried.pop(name, None)
        return opened if sure else opened.model_copy(update={"confirmed": False})


async def post_once(
    ctx: ObjectContext,
    it: DeliveryDependencies,
    spot: DeliveryTarget,
    number: int,
    post: Callable[[], Awaitable[PostedMessage]],
) -> PostedMessage:
    """Message `number` of a turn, posted by this handler or found."""

    async def begins() -> str:
        """Run twice it names the later process, which has not posted either."""
        return PROCESS

    first = await ctx.run_typed(f"who posts {number} first", begins, RunOptions(type_hint=str))
    name = f"{ctx.request().id}:{number}"

    async def newly() -> PostedMessage:
        opened = await post()
        if number == 0:
            it.previews.opened(opened)
        return opened

    async def attempt() -> PostedMessage:
        try:
            return await it.once(name, first, lambda: it.outlet.find(spot, number), newly)
        except PermanentError as gone:
            raise TerminalError(str(gone), status_code=GONE_STATUS) from gone

    opened: PostedMessage = await ctx.run_typed(f"post {number}", attempt, REPEAT)
    return opened
