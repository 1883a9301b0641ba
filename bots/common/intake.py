"""`SlackIntake`, `DiscordIntake`: take in a conversation's events one at a time, in the order they were accepted.

The platform's listener sends an event as it came and may then acknowledge it: it cannot be lost any more. Slow work
(names, files, permissions) is done here in durable steps. Nothing here waits for a running turn.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from restate import ObjectContext, RunOptions, TerminalError, VirtualObject

from bots.common.access import send_refusal
from bots.common.classify import Action, classify, narrowest
from bots.common.commands import run_command
from bots.common.dependencies import IntakeDependencies
from bots.common.errors import PermanentError
from bots.common.events import MessageEvent, PlatformEvent, intake_handler
from bots.common.offline_notice import (
    RETRY_PAUSE,
    OfflineNoticeRequest,
    offline_notice_handler,
    post_when_idle,
)
from bots.common.questions import Question, ask, mark_handled, quoted_message, remove_status
from bots.common.thread_routing import find_conversation, may_open_thread, resolve, with_own_thread
from chat_service import calls, handlers, keys
from chat_service.contracts import EditRequest, Notes, RedactRequest
from chat_service.contracts.channel import ChannelView, ChannelViewRequest, ThreadUpdate
from chat_service.contracts.validation_errors import validation_errors_as_text
from chat_service.invocation_policy import RETAIN_BRIEFLY, RETAIN_ONE_DAY, RETRY_FOREVER
from chat_service.keys import Platform
from chat_service.storage.record import StateRecord

log = logging.getLogger(__name__)


class ParsedEvent(StateRecord):
    """The result of the step that parses an event; None when the bot has nothing to do with it."""

    event: MessageEvent | None = None


def intake_object(platform: Platform, deps: IntakeDependencies) -> VirtualObject:
    """Return the intake object of a platform."""
    handler, notice_handler = intake_handler(platform), offline_notice_handler(platform)
    obj = VirtualObject(
        handler.service,
        description=f"Takes in events from {platform.capitalize()}.",
        state_preload=False,
        invocation_retry_policy=RETRY_FOREVER,
        invocation_context_managers=[validation_errors_as_text],
        idempotency_retention=RETAIN_ONE_DAY,
        journal_retention=RETAIN_BRIEFLY,
    )

    @obj.handler(name=handler.name)
    async def take_in(ctx: ObjectContext, platform_event: PlatformEvent) -> None:
        """Take in an event of this thread. Never waits for a running turn."""
        try:
            await _take_in(ctx, deps, platform_event)
        except TerminalError as error:
            # The next event of this thread must be taken in, whatever went wrong with this one.
            log.error("an event of %s was not taken in: %s", ctx.key(), error.message)

    @obj.handler(name=notice_handler.name)
    async def post_offline_notice(ctx: ObjectContext, request: OfflineNoticeRequest) -> None:
        """Post the notice for messages that are too old to be answered, when no turn runs and no message waits."""
        if (next_check := await post_when_idle(ctx, deps, request)) is not None:
            calls.send(ctx, notice_handler, ctx.key(), next_check, RETRY_PAUSE)

    return obj


async def _take_in(ctx: ObjectContext, deps: IntakeDependencies, platform_event: PlatformEvent) -> None:
    key = keys.parse(ctx.key())
    if key is None:
        raise TerminalError(f"not a conversation key: {ctx.key()}", status_code=400)
    event = await _parse(ctx, deps, platform_event)
    if event is None:
        return
    channels = await _read_channels(ctx, key, event)
    if event.kind != "created":
        if (conversation := await find_conversation(ctx, deps, event, channels[-1])) is not None:
            _apply_change(ctx, conversation, event)
        return
    action = classify(event, key, channels, deps.settings)
    if action.kind == "ask":
        conversation = ctx.key()
        if may_open_thread(deps, key, event):
            in_thread = narrowest([channel.rules for channel in channels], "answer_in") == "thread"
            conversation = await resolve(ctx, deps, event, in_thread=in_thread)
        question = Question(event, conversation, channels, platform_event.backfill_run)
        if conversation != ctx.key():
            question = replace(
                question,
                event=event.model_copy(update={"starts_conversation": True}),
                channels=[*channels[:-1], ChannelView(rules=channels[-1].rules)],
            )
        await ask(ctx, deps, question)
    else:
        await _handle_without_turn(ctx, deps, event, key, channels, action)


async def _parse(ctx: ObjectContext, deps: IntakeDependencies, platform_event: PlatformEvent) -> MessageEvent | None:
    async def parse() -> ParsedEvent:
        """Only reads, so it may run twice."""
        try:
            return ParsedEvent(event=await deps.messenger.parse_event(ctx.key(), platform_event.raw))
        except PermanentError as error:
            raise TerminalError(str(error)) from error

    parsed: ParsedEvent = await ctx.run_typed("parse event", parse, RunOptions(type_hint=ParsedEvent))
    return parsed.event


async def _read_channels(ctx: ObjectContext, key: keys.ConversationKey, event: MessageEvent) -> list[ChannelView]:
    """Return the rules and threads of the message's scopes, the widest first."""
    space, channel = key.scopes
    requests = [
        (space, ChannelViewRequest()),
        *([(event.parent_scope, ChannelViewRequest())] if event.parent_scope else []),
        (channel, ChannelViewRequest(conversation=ctx.key())),
    ]
    channels = await calls.call_all(ctx, handlers.CHANNEL_GET, requests)
    if event.kind != "created" or not event.starts_conversation:
        channels[-1] = await with_own_thread(ctx, channels[-1])
    return channels


async def _handle_without_turn(
    ctx: ObjectContext,
    deps: IntakeDependencies,
    event: MessageEvent,
    key: keys.ConversationKey,
    channels: list[ChannelView],
    action: Action,
) -> None:
    """Ignore, refuse or store a message, or carry out its command."""
    thread = channels[-1].thread
    if action.kind != "ignore" or thread is not None:
        # The message may have looked like a question when it arrived.
        await remove_status(ctx, deps, ctx.key(), event, own_only=True)
    match action.kind:
        case "ignore" if thread is not None:
            mark_handled(ctx, event)
        case "refuse":
            await send_refusal(ctx, deps, event, action.reason, reason=action.reason)
            mark_handled(ctx, event)
        case "command" if action.command is not None:
            await run_command(ctx, deps, event, action.command)
            mark_handled(ctx, event)
        case "note" if event.has_content:
            notes = [*quoted_message(deps, event, key, channels), event.to_inbound(expects_reply=False)]
            calls.send(ctx, handlers.CHAT_ADD_NOTES, ctx.key(), Notes(messages=notes))
            unread = thread is None and not event.starts_conversation
            update = ThreadUpdate(conversation=ctx.key(), position=event.position, unread=unread)
            calls.send(ctx, handlers.CHANNEL_UPDATE_THREAD, key.scopes[-1], update)


def _apply_change(ctx: ObjectContext, conversation: str, event: MessageEvent) -> None:
    """Edit or redact a message in its conversation."""
    if event.kind == "deleted":
        calls.send(ctx, handlers.QUEUE_REDACT, conversation, RedactRequest(id=event.id, at=event.at))
    else:
        attachments = event.attachments if event.attachments_changed else None
        request = EditRequest(id=event.id, message=event.text, attachments=attachments)
        calls.send(ctx, handlers.QUEUE_EDIT, conversation, request)
