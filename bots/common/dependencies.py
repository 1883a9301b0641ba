"""What the intake needs of its process, and the words beside the replies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from restate import ObjectContext, RunOptions, TerminalError

from bots.common.errors import PermanentError
from bots.common.events import MessageEvent
from bots.common.protocols import Messenger
from chat_service import keys
from chat_service.contracts import utc
from chat_service.settings import Settings
from chat_service.storage.record import StateRecord

log = logging.getLogger(__name__)

TELL_ATTEMPTS = 3
"""A word beside the replies may be lost: the conversation does not wait for it."""


class StepDone(StateRecord):
    """The result of a step that has none."""


class IntakeDependencies:
    """What the handlers need of their process. `branch` opens a thread of its own for a question and gives its key, on
    a platform whose channels are conversations; run twice it gives the same."""

    def __init__(
        self,
        messenger: Messenger,
        settings: Settings,
        branch: Callable[[str, MessageEvent], Awaitable[str]] | None = None,
    ) -> None:
        self.ears, self.settings, self.branch = messenger, settings, branch
        self._tasks: set[asyncio.Task[None]] = set()

    def run_in_background(self, work: Awaitable[None]) -> None:
        """Do something lossy beside the handler."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def scope_of(ctx: ObjectContext) -> str:
    """The channel in which the message was written."""
    key = keys.parse(ctx.key())
    return key.scopes[-1] if key else ""


async def is_too_old(ctx: ObjectContext, it: IntakeDependencies, heard: MessageEvent) -> bool:
    """Whether a message was written too long ago to be answered now."""
    return utc(await ctx.time()) - heard.at > timedelta(seconds=it.settings.catchup_max_age)


async def send_ephemeral(ctx: ObjectContext, it: IntakeDependencies, heard: MessageEvent, text: str) -> None:
    """A word to the author of a message alone, where the platform can."""
    await best_effort(ctx, "tell", lambda: it.ears.send_ephemeral(ctx.key(), heard, text))


async def best_effort(ctx: ObjectContext, name: str, work: Callable[[], Awaitable[None]]) -> None:
    """A word that may be lost: after a few tries the conversation goes on without it."""

    async def attempt() -> StepDone:
        try:
            await work()
        except PermanentError as gone:
            log.warning("%s in %s: %s", name, ctx.key(), gone)
        return StepDone()

    try:
        await ctx.run_typed(name, attempt, RunOptions(type_hint=StepDone, max_attempts=TELL_ATTEMPTS))
    except TerminalError as error:
        if error.status_code == 409:
            raise
        log.warning("%s in %s was given up: %s", name, ctx.key(), error.message)
