"""Posts a message once, whatever fails: a message is looked for before it is posted a second time."""

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

LATE_SECONDS = 3.0
"""After a lost response the post may still take effect; the message is looked for after this time."""
PERMANENT_STATUS = 410
RETRY_OPTIONS = RunOptions[PostedMessage](
    type_hint=PostedMessage,
    initial_retry_interval=timedelta(milliseconds=500),
    max_retry_interval=timedelta(seconds=10),
    retry_interval_factor=2,
)


class DeliveryDependencies:
    """The objects of the process that the delivery's handlers use."""

    def __init__(self, writer: ReplyWriter, previews: Previews) -> None:
        self.writer, self.previews = writer, previews
        self.process_id = uuid4().hex
        """Distinguishes the attempts of this process from those of one that died."""
        self._unclear_at: dict[str, float | None] = {}
        """When an attempt of this process ended without a clear response, by message; None: not yet."""

    async def post_unless_found(
        self,
        name: str,
        first_process: str,
        find: Callable[[], Awaitable[PostedMessage | None]],
        post: Callable[[], Awaitable[PostedMessage]],
    ) -> PostedMessage:
        """Post a message, or return the one that an earlier attempt has posted.

        Only the first attempt of `first_process` posts without a search. Every other attempt waits and searches first,
        since a post whose response was lost may take effect late.
        """
        is_first_process = first_process == self.process_id
        # A rejected post is clear: nothing of it takes effect later.
        is_confirmed = is_first_process and self._unclear_at.get(name) is None
        if is_first_process and name not in self._unclear_at:
            self._unclear_at[name] = None
        else:
            await self._wait_for_late_post(name)
            if (found := await find()) is not None:
                self._unclear_at.pop(name, None)
                return found.model_copy(update={"confirmed": False})
        try:
            message = await post()
        except (OutcomeUnknownError, asyncio.CancelledError):  # cancelled when the connection to Restate breaks
            self._unclear_at[name] = time.monotonic()
            raise
        self._unclear_at.pop(name, None)
        return message if is_confirmed else message.model_copy(update={"confirmed": False})

    async def _wait_for_late_post(self, name: str) -> None:
        now = time.monotonic()
        unclear_at = self._unclear_at.get(name, now)  # now: another process tried, at an unknown time
        if unclear_at is not None:
            await asyncio.sleep(max(unclear_at + LATE_SECONDS - now, 0))


async def post_once(
    ctx: ObjectContext,
    deps: DeliveryDependencies,
    target: DeliveryTarget,
    number: int,
    post: Callable[[], Awaitable[PostedMessage]],
    *,
    searches_first: bool = False,
) -> PostedMessage:
    """Return message `number` of a turn, posted by this handler or found.

    `searches_first`: an earlier invocation may have posted it.
    """

    async def get_process() -> str:
        """Run twice it names the later process, which has not posted either."""
        return "" if searches_first else deps.process_id

    first_process = await ctx.run_typed(f"first process to post {number}", get_process, RunOptions(type_hint=str))
    name = f"{ctx.request().id}:{number}"

    async def post_new() -> PostedMessage:
        message = await post()
        if number == 0:
            deps.previews.mark_empty(message)
        return message

    async def attempt() -> PostedMessage:
        try:
            return await deps.post_unless_found(name, first_process, lambda: deps.writer.find(target, number), post_new)
        except PermanentError as error:
            raise TerminalError(str(error), status_code=PERMANENT_STATUS) from error

    message: PostedMessage = await ctx.run_typed(f"post {number}", attempt, RETRY_OPTIONS)
    return message
