"""Before a question that calls the bot into a thread: what was said there meanwhile, as context."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from restate import ObjectContext, RunOptions, TerminalError

from bots.common import commands
from bots.common.classify import is_welcome
from bots.common.dependencies import IntakeDependencies, StepDone, is_too_old, send_ephemeral
from bots.common.errors import PermanentError
from bots.common.events import MessageEvent, ThreadContext
from chat_service import keys
from chat_service.contracts import Author, Inbound, Notes
from chat_service.objects.channel_threads import BEGINNING, Place
from chat_service.objects.chat_edits import note
from chat_service.objects.queue import accept, waiting
from chat_service.storage.record import StateRecord

log = logging.getLogger(__name__)

ATTEMPTS = 4
"""Tries to read the thread, over some seconds: after them the question is answered without, and the next mention reads
from the same place."""
LEFT_OUT = "(More was said here before than can be read: it is left out.)"
DEALT = "dealt"
"""Names what the intake keeps of the last message that led to no turn."""
NAMED = 8
"""Unreadable files that are named to the person, at most."""


class Dealt(StateRecord):
    """The place of the last message that was taken in and led to no turn: refused, a command, or blank."""

    position: str = ""


async def collect_thread_context(
    ctx: ObjectContext, it: IntakeDependencies, heard: MessageEvent, places: Sequence[Place]
) -> str:
    """Note what was said since the bot last took part, and ask what was meant for it and never came. Gives what
    `Follow.gap` has to be: the position after which it could not be read, or nothing."""
    thread, key = places[-1].thread, keys.parse(ctx.key())
    assert key is not None  # noqa: S101  the intake has looked
    after = (thread.gap_start or thread.position) if thread else ""

    async def earlier() -> ThreadContext:
        """Only reads, so it may run twice."""
        try:
            return await it.ears.read_thread(ctx.key(), heard, after)
        except PermanentError as gone:
            log.warning("the thread %s cannot be read: %s", ctx.key(), gone)
            return ThreadContext(complete=False)

    try:
        found: ThreadContext = await ctx.run_typed(
            "read up",
            earlier,
            RunOptions(
                type_hint=ThreadContext,
                max_attempts=ATTEMPTS,
                initial_retry_interval=timedelta(milliseconds=500),
                retry_interval_factor=2,
            ),
        )
    except TerminalError as error:
        if error.status_code == 409:
            raise
        log.warning("the thread %s was not read, which is left to the next mention: %s", ctx.key(), error.message)
        found = ThreadContext(complete=False)
    # Whoever may not use the bot does not reach the model through somebody else's mention either.
    kept = [one for one in found.messages if _is_context(one) and is_welcome(one, key, places, it.settings)]
    dealt = await ctx.get(DEALT, type_hint=Dealt) or Dealt() if any(map(_is_question, kept)) else Dealt()
    known = max(thread.position if thread else "", dealt.position)
    # Their events were lost: as context alone they would be known by their ids, and never answered.
    lost = [m for m in kept if m.position > known and _is_question(m) and not await is_too_old(ctx, it, m)]
    # What waits for its turn is answered then; as context it would be known by its id, and never be.
    waits = {one.id for one in (await ctx.object_call(waiting, ctx.key(), arg=None)).messages} if kept else set()
    notes = [one.to_inbound(expects_reply=False) for one in kept if one not in lost and one.id not in waits]
    if found.truncated_before and notes:
        place = next((n for n, one in enumerate(kept) if one.position >= found.truncated_before), len(kept) - 1)
        notes.insert(place, _left_out(notes[min(place, len(notes) - 1)]))
    if notes:
        ctx.object_send(note, ctx.key(), Notes(messages=notes))
    for one in lost:
        await _ask(ctx, it, one)
    if names := [name for one in kept for name in one.unreadable_files][-NAMED:]:
        await send_ephemeral(ctx, it, heard, commands.unreadable(names))
    return "" if found.complete else after or BEGINNING


def _is_question(one: MessageEvent) -> bool:
    return one.mentions_bot and one.has_question_content and not one.edited  # an edit is not answered


async def _ask(ctx: ObjectContext, it: IntakeDependencies, one: MessageEvent) -> None:
    async def mark() -> StepDone:
        """Run twice it marks twice, which shows once."""
        it.run_in_background(it.ears.add_status(ctx.key(), one))
        return StepDone()

    try:
        await ctx.object_call(accept, ctx.key(), one.to_inbound())
    except TerminalError as error:
        log.warning("%s in %s is context alone: %s", one.id, ctx.key(), error.message)
        ctx.object_send(note, ctx.key(), Notes(messages=[one.to_inbound(expects_reply=False)]))
    else:
        await ctx.run_typed("mark", mark, RunOptions(type_hint=StepDone))


def _is_context(one: MessageEvent) -> bool:
    """What was said to somebody: a command is not."""
    return one.has_content and not (one.mentions_bot and commands.command_of(one.text))


def _left_out(later: Inbound) -> Inbound:
    """What the model is told in place of what is not read, so that it does not take the rest for all there is."""
    said = Author(id="", name="Note")
    return Inbound(message=LEFT_OUT, id=f"cut:{later.id}", author=said, at=later.at, expects_reply=False)
