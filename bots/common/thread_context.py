"""Reads the messages of a thread before a mention and stores them as context.

Messages that mention the bot and whose events were lost are answered as questions.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from typing import TypeVar

from restate import ObjectContext, RunOptions, TerminalError

from bots.common import commands, texts
from bots.common.attachments import content_length
from bots.common.classify import is_author_allowed
from bots.common.dependencies import IntakeDependencies, add_status, is_too_old, send_ephemeral
from bots.common.errors import PermanentError
from bots.common.events import MessageEvent, ThreadContext
from chat_service import calls, handlers, keys
from chat_service.contracts import MAX_INLINE, Author, Inbound, Notes
from chat_service.contracts.channel import FIRST_POSITION, ChannelThread, ChannelView
from chat_service.contracts.queue import QueuedMessages
from chat_service.storage.record import StateRecord

log = logging.getLogger(__name__)
Raw = TypeVar("Raw")

ATTEMPTS = 4
"""Attempts to read the thread, over some seconds. After them the question is answered without context, and the next
mention reads from the same position."""
HANDLED_POSITION = "handled_position"
"""State key of `HandledPosition`."""
MAX_NAMED_FILES = 8


class HandledPosition(StateRecord):
    """The position of the last message that was taken in without a turn: refused, a command, or empty."""

    position: str = ""


async def parse_newest_first(
    messages: Iterable[Raw], parse: Callable[[Raw, int], Awaitable[MessageEvent | None]]
) -> list[MessageEvent]:
    """Parse a thread's messages, the newest first, and return them oldest first.

    `parse` gets a message and the characters that are left for attachments: those nearest to the question are read.
    """
    events: list[MessageEvent] = []
    room = MAX_INLINE
    for message in messages:
        event = await parse(message, room)
        if event is not None:
            room -= sum(map(content_length, event.attachments))
            events.insert(0, event)
    return events


async def collect_thread_context(
    ctx: ObjectContext, deps: IntakeDependencies, event: MessageEvent, channels: Sequence[ChannelView]
) -> str:
    """Store what was written since the bot last read the thread, and answer questions whose events were lost.

    Return the position after which the thread could not be read, for `ThreadUpdate.gap_start`; "" if all was read.
    """
    thread, key = channels[-1].thread, keys.parse(ctx.key())
    assert key is not None  # noqa: S101  the intake has checked the key
    after = (thread.gap_start or thread.position) if thread else ""
    context = await _read_thread(ctx, deps, event, after)
    # A person who may not use the bot does not reach the model through another person's mention either.
    kept = [
        message
        for message in context.messages
        if _is_context(message) and is_author_allowed(message, key, channels, deps.settings)
    ]
    lost = await _find_lost_questions(ctx, deps, kept, thread)
    # A message in the queue is answered in its turn. As context its id would be known, and it would not be answered.
    queue = await calls.call(ctx, handlers.QUEUE_GET_WAITING, ctx.key(), None) if kept else QueuedMessages()
    queued = {message.id for message in queue.messages}
    notes = [
        message.to_inbound(expects_reply=False) for message in kept if message not in lost and message.id not in queued
    ]
    if context.truncated_before and notes:
        _insert_omission(notes, kept, context.truncated_before)
    if notes:
        calls.send(ctx, handlers.CHAT_ADD_NOTES, ctx.key(), Notes(messages=notes))
    for message in lost:
        await _ask(ctx, deps, message)
    if names := [name for message in kept for name in message.unreadable_files][-MAX_NAMED_FILES:]:
        await send_ephemeral(ctx, deps, event, texts.unreadable_files(names))
    return "" if context.complete else after or FIRST_POSITION


async def _read_thread(ctx: ObjectContext, deps: IntakeDependencies, event: MessageEvent, after: str) -> ThreadContext:
    async def read() -> ThreadContext:
        """Only reads, so it may run twice."""
        try:
            return await deps.messenger.read_thread(ctx.key(), event, after)
        except PermanentError as error:
            log.warning("the thread %s cannot be read: %s", ctx.key(), error)
            return ThreadContext(complete=False)

    options = RunOptions(
        type_hint=ThreadContext,
        max_attempts=ATTEMPTS,
        initial_retry_interval=timedelta(milliseconds=500),
        retry_interval_factor=2,
    )
    try:
        context: ThreadContext = await ctx.run_typed("read thread", read, options)
    except TerminalError as error:
        if error.status_code == 409:  # the invocation was cancelled
            raise
        log.warning("the thread %s was not read; the next mention reads it: %s", ctx.key(), error.message)
        return ThreadContext(complete=False)
    return context


async def _find_lost_questions(
    ctx: ObjectContext, deps: IntakeDependencies, messages: list[MessageEvent], thread: ChannelThread | None
) -> list[MessageEvent]:
    """Return the questions whose events were lost. As context they would be known by their ids and stay unanswered."""
    handled = HandledPosition()
    if any(map(_is_question, messages)):
        handled = await ctx.get(HANDLED_POSITION, type_hint=HandledPosition) or HandledPosition()
    known = max(thread.position if thread else "", handled.position)
    return [
        message
        for message in messages
        if message.position > known and _is_question(message) and not await is_too_old(ctx, deps, message)
    ]


async def _ask(ctx: ObjectContext, deps: IntakeDependencies, message: MessageEvent) -> None:
    try:
        await calls.call(ctx, handlers.QUEUE_ADD, ctx.key(), message.to_inbound())
    except TerminalError as error:
        log.warning("%s in %s was not queued and is kept as context: %s", message.id, ctx.key(), error.message)
        calls.send(ctx, handlers.CHAT_ADD_NOTES, ctx.key(), Notes(messages=[message.to_inbound(expects_reply=False)]))
    else:
        await add_status(ctx, deps, ctx.key(), message)


def _is_question(message: MessageEvent) -> bool:
    return message.mentions_bot and message.has_question_content and not message.edited  # an edit is not answered


def _is_context(message: MessageEvent) -> bool:
    """Return whether the message has content and is not a command."""
    return message.has_content and not (message.mentions_bot and commands.parse_command(message.text))


def _insert_omission(notes: list[Inbound], kept: list[MessageEvent], truncated_before: str) -> None:
    """Tell the model where messages were left out, so that it does not take the rest for all there is."""
    index = next((n for n, message in enumerate(kept) if message.position >= truncated_before), len(kept) - 1)
    following = notes[min(index, len(notes) - 1)]
    notes.insert(
        index,
        Inbound(
            message=texts.EARLIER_MESSAGES_OMITTED,
            id=f"cut:{following.id}",
            author=Author(id="", name="Note"),
            at=following.at,
            expects_reply=False,
        ),
    )
