"""Brings a question into its conversation's queue: checks its quota, stores its context, follows its thread."""

from __future__ import annotations

from dataclasses import dataclass

from restate import ObjectContext, TerminalError

from bots.common import texts
from bots.common.access import claim_quota
from bots.common.classify import is_author_allowed
from bots.common.dependencies import (
    IntakeDependencies,
    add_status,
    best_effort,
    is_too_old,
    scope_of,
    send_ephemeral,
)
from bots.common.events import MessageEvent
from bots.common.offline_notice import OfflineNoticeRequest, claim_notice, offline_notice_handler
from bots.common.thread_context import HANDLED_POSITION, HandledPosition, collect_thread_context
from chat_service import calls, handlers, keys
from chat_service.contracts import Inbound, Notes
from chat_service.contracts.channel import ChannelView, ThreadUpdate
from chat_service.storage.serde import set_record


@dataclass(frozen=True, slots=True)
class Question:
    """A message to answer, on its way to a conversation. `channels` are its scopes, the widest first."""

    event: MessageEvent
    conversation: str
    channels: list[ChannelView]
    backfill_run: str

    @property
    def key(self) -> keys.ConversationKey:
        """The parsed conversation key."""
        key = keys.parse(self.conversation)
        assert key is not None  # noqa: S101  it is this object's key, or that of a thread opened from it
        return key


async def ask(ctx: ObjectContext, deps: IntakeDependencies, question: Question) -> None:
    """Bring a question into its conversation's queue, with its context."""
    event, conversation = question.event, question.conversation
    if event.unreadable_files:
        await send_ephemeral(ctx, deps, event, texts.unreadable_files(event.unreadable_files))
    if not event.has_question_content:
        if not event.unreadable_files:
            await send_ephemeral(ctx, deps, event, texts.EMPTY_MESSAGE)
        await _leave_unanswered(ctx, deps, question)
        return
    is_old = bool(question.backfill_run) and await is_too_old(ctx, deps, event)
    # Messages that a backfill found arrive all at once, whatever the pace at which they were written.
    is_live = event.position >= question.backfill_run
    if not is_old and not await claim_quota(ctx, deps, event, question.key, count_messages=is_live):
        _store_note(ctx, question)  # the next question may refer to it
        await _leave_unanswered(ctx, deps, question)
        return
    if not is_old:
        await add_status(ctx, deps, conversation, event)  # before the slow steps
    gap_start = await _collect_context(ctx, deps, question)
    await _follow_thread(ctx, question, gap_start)
    if is_old:
        _store_note(ctx, question)
        if await claim_notice(ctx, question.backfill_run):
            request = OfflineNoticeRequest(run=question.backfill_run)
            calls.send(ctx, offline_notice_handler(question.key.platform), ctx.key(), request)
        return
    await _enqueue(ctx, deps, question)


async def _leave_unanswered(ctx: ObjectContext, deps: IntakeDependencies, question: Question) -> None:
    mark_handled(ctx, question.event)
    own_only = bool(question.backfill_run)
    await remove_status(ctx, deps, question.conversation, question.event, own_only=own_only)


async def _collect_context(ctx: ObjectContext, deps: IntakeDependencies, question: Question) -> str | None:
    """Store the context of a question. Return the position after which the thread is unread, None if not read."""
    event = question.event
    gap_start: str | None = None
    if event.mentions_bot and _has_earlier_messages(event):
        gap_start = await collect_thread_context(ctx, deps, event, question.channels)
    if quoted := quoted_message(deps, event, question.key, question.channels):
        calls.send(ctx, handlers.CHAT_ADD_NOTES, question.conversation, Notes(messages=quoted))
        if event.reply_to is not None and event.reply_to.unreadable_files:
            await send_ephemeral(ctx, deps, event, texts.unreadable_files(event.reply_to.unreadable_files))
    return gap_start


async def _follow_thread(ctx: ObjectContext, question: Question, gap_start: str | None) -> None:
    """Record that the bot takes part in the conversation, and how far the thread was read."""
    event, channel = question.event, question.key.scopes[-1]
    is_new = question.channels[-1].thread is None
    is_in_other_thread = question.conversation != ctx.key()
    update = ThreadUpdate(
        conversation=question.conversation,
        position=event.position,
        gap_start=gap_start,
        unread=_has_earlier_messages(event) and gap_start is None and is_new,
        muted=False if event.mentions_bot else None,
        parent_scope=event.parent_scope or (scope_of(ctx) if is_in_other_thread else ""),
    )
    if is_new:
        await calls.call(ctx, handlers.CHANNEL_UPDATE_THREAD, channel, update)  # an edit right after it must find it
    else:
        calls.send(ctx, handlers.CHANNEL_UPDATE_THREAD, channel, update)


async def _enqueue(ctx: ObjectContext, deps: IntakeDependencies, question: Question) -> None:
    try:
        await calls.call(ctx, handlers.QUEUE_ADD, question.conversation, question.event.to_inbound())
    except TerminalError as error:
        is_full = error.status_code == 429
        text = texts.QUEUE_FULL if is_full else f"That did not work: {error.message}"
        await send_ephemeral(ctx, deps, question.event, text)
        if is_full:
            _store_note(ctx, question)  # the next question may refer to it
        await remove_status(ctx, deps, question.conversation, question.event)


def _has_earlier_messages(event: MessageEvent) -> bool:
    """Return whether the message is in a thread that may contain messages the bot has not received."""
    return not event.starts_conversation and not event.is_direct_message


def _store_note(ctx: ObjectContext, question: Question) -> None:
    notes = Notes(messages=[question.event.to_inbound(expects_reply=False)])
    calls.send(ctx, handlers.CHAT_ADD_NOTES, question.conversation, notes)


def quoted_message(
    deps: IntakeDependencies, event: MessageEvent, key: keys.ConversationKey, channels: list[ChannelView]
) -> list[Inbound]:
    """Return the message that this one replies to, if it may be stored here. It is stored before the reply."""
    quoted = event.reply_to
    if quoted is None or not (quoted.has_content and is_author_allowed(quoted, key, channels, deps.settings)):
        return []
    return [quoted.to_inbound(expects_reply=False)]


def mark_handled(ctx: ObjectContext, event: MessageEvent) -> None:
    """Record that a message led to no turn, so that no backfill takes it for a lost question.

    The next mention reads it, and the messages before it, as context.
    """
    set_record(ctx, HANDLED_POSITION, HandledPosition(position=event.position))
    update = ThreadUpdate(conversation=ctx.key(), position=event.position, active=False, unread=True)
    calls.send(ctx, handlers.CHANNEL_UPDATE_THREAD, scope_of(ctx), update)


async def remove_status(
    ctx: ObjectContext, deps: IntakeDependencies, conversation: str, event: MessageEvent, *, own_only: bool = False
) -> None:
    await best_effort(
        ctx, "remove status", lambda: deps.messenger.remove_status(conversation, [event.id], own_only=own_only)
    )
