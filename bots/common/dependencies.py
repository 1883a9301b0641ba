"""The dependencies of the intake's handlers, and helpers for messages that are not replies."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from restate import ObjectContext, RunOptions, TerminalError

from bots.common.background_tasks import BackgroundTasks
from bots.common.errors import PermanentError
from bots.common.events import MessageEvent
from bots.common.protocols import Messenger
from chat_service import keys
from chat_service.contracts import utc
from chat_service.settings import Settings
from chat_service.storage.record import StateRecord

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
"""Attempts for a message beside the replies. It may be lost: the conversation does not wait for it."""


class StepDone(StateRecord):
    """The result of a durable step that returns nothing."""


class IntakeDependencies:
    """The objects of the process that the intake's handlers use.

    `open_thread` opens a thread for a question and returns its conversation key, on a platform whose channels are
    conversations. Run twice for the same message it returns the same key.
    """

    def __init__(
        self,
        messenger: Messenger,
        settings: Settings,
        open_thread: Callable[[str, MessageEvent], Awaitable[str]] | None = None,
    ) -> None:
        self.messenger, self.settings, self.open_thread = messenger, settings, open_thread
        self._background = BackgroundTasks()

    def run_in_background(self, work: Awaitable[None]) -> None:
        """Run something that may be lost beside the handler."""
        self._background.start(work)


def scope_of(ctx: ObjectContext) -> str:
    """Return the scope of the channel in which the message was written."""
    key = keys.parse(ctx.key())
    return key.scopes[-1] if key else ""


async def is_too_old(ctx: ObjectContext, deps: IntakeDependencies, event: MessageEvent) -> bool:
    """Return whether a message is too old to be answered now."""
    return utc(await ctx.time()) - event.at > timedelta(seconds=deps.settings.backfill_max_age)


async def add_status(ctx: ObjectContext, deps: IntakeDependencies, conversation: str, event: MessageEvent) -> None:
    """Show that the message was received, without waiting for it."""

    async def start() -> StepDone:
        """May run twice: the second status replaces the first."""
        deps.run_in_background(deps.messenger.add_status(conversation, event))
        return StepDone()

    await ctx.run_typed("add status", start, RunOptions(type_hint=StepDone))


async def send_ephemeral(ctx: ObjectContext, deps: IntakeDependencies, event: MessageEvent, text: str) -> None:
    """Send a text to the author of a message only, where the platform can."""
    await best_effort(ctx, "send ephemeral", lambda: deps.messenger.send_ephemeral(ctx.key(), event, text))


async def best_effort(ctx: ObjectContext, name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` in a durable step and go on without it after three attempts."""

    async def attempt() -> StepDone:
        try:
            await work()
        except PermanentError as error:
            log.warning("%s in %s is not possible: %s", name, ctx.key(), error)
        return StepDone()

    try:
        await ctx.run_typed(name, attempt, RunOptions(type_hint=StepDone, max_attempts=MAX_ATTEMPTS))
    except TerminalError as error:
        if error.status_code == 409:  # the invocation was cancelled
            raise
        log.warning("%s in %s failed %d times and is left out: %s", name, ctx.key(), MAX_ATTEMPTS, error.message)
