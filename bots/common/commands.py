"""Commands that people write to the bot by name, such as "@bot stop".

A command that would wait behind a running turn is sent to the conversation and not waited for.
"""

from __future__ import annotations

import re
from typing import Literal

from restate import ObjectContext, RunOptions

from bots.common import texts
from bots.common.dependencies import MAX_ATTEMPTS, IntakeDependencies, best_effort, scope_of, send_ephemeral
from bots.common.events import MessageEvent
from chat_service import calls, handlers, keys
from chat_service.calls import list_directory
from chat_service.contracts import StopRequest
from chat_service.contracts.channel import ThreadUpdate

Command = Literal["help", "stop", "stop all", "reset", "quiet", "history", "forget"]

MAX_STOPPED = 20
"""A stop outside any thread of a direct conversation reaches this many of its threads: the last used."""
_COMMAND = re.compile(r"[\s/!,:]*(help|stop all|stop|reset|quiet|history|forget)[\s.!?]*", re.IGNORECASE)


def parse_command(text: str) -> Command | None:
    """Return the command if the text is a command and nothing else."""
    match = _COMMAND.fullmatch(text)
    if match is None:
        return None
    command: Command = match.group(1).lower()  # type: ignore[assignment]
    return command


def remove_bot_name(text: str, name: re.Pattern[str]) -> str:
    """Remove the bot's name at the beginning of a text, where it is the address.

    Elsewhere it is part of the sentence and stays, unless only a command is left without it ("stop @bot").
    """
    bare = name.sub(" ", text)
    if parse_command(bare) is not None:
        return bare
    return re.sub(rf"^\s*(?:(?:{name.pattern})[\s,:]*)+", "", text)


async def run_command(ctx: ObjectContext, deps: IntakeDependencies, event: MessageEvent, command: Command) -> None:
    """Carry out a command and answer the person."""
    match command:
        case "help":
            await send_ephemeral(ctx, deps, event, texts.help_text(ctx.key()))
        case "stop":
            if not await _stop(ctx, event):
                await send_ephemeral(ctx, deps, event, texts.NOTHING_RUNS)
        case "stop all":
            for conversation in await _addressed_conversations(ctx, event):
                await _stop_all(ctx, deps, conversation)
            await send_ephemeral(ctx, deps, event, texts.STOPPING)
        case "reset":
            await _reset(ctx, deps, event)
        case "quiet":
            await _mute(ctx, deps, event)
        case "history":
            await best_effort(ctx, "show history", lambda: deps.messenger.show_history(ctx.key(), event))
        case "forget":
            await _forget(ctx, deps, event)


def _is_outside_threads(ctx: ObjectContext, event: MessageEvent) -> bool:
    """Return whether a direct conversation that has threads got the message outside them: it is then about them all."""
    key = keys.parse(ctx.key())
    return event.is_direct_message and event.starts_conversation and key is not None and bool(key.thread)


async def _addressed_conversations(ctx: ObjectContext, event: MessageEvent) -> list[str]:
    """Return the conversations that a command is about, the last used ones."""
    if not _is_outside_threads(ctx, event):
        return [ctx.key()]
    found = await calls.call(ctx, handlers.CHANNEL_GET_THREADS, scope_of(ctx), None)
    return [thread.conversation for thread in found.threads[-MAX_STOPPED:]]


async def _stop(ctx: ObjectContext, event: MessageEvent) -> bool:
    if not _is_outside_threads(ctx, event):
        return (await calls.call(ctx, handlers.CHAT_STOP, ctx.key(), StopRequest())).stopped
    requests = [(conversation, StopRequest()) for conversation in await _addressed_conversations(ctx, event)]
    return any(result.stopped for result in await calls.call_all(ctx, handlers.CHAT_STOP, requests))


async def _stop_all(ctx: ObjectContext, deps: IntakeDependencies, conversation: str) -> None:
    messages = (await calls.call(ctx, handlers.QUEUE_GET_WAITING, conversation, None)).messages
    calls.send(ctx, handlers.CHAT_STOP, conversation, StopRequest(all=True))
    if ids := [message.id for message in messages if message.id]:
        await best_effort(ctx, "remove status", lambda: deps.messenger.remove_status(conversation, ids))


async def _reset(ctx: ObjectContext, deps: IntakeDependencies, event: MessageEvent) -> None:
    if _is_outside_threads(ctx, event):
        await send_ephemeral(ctx, deps, event, texts.RESET_NEEDS_THREAD)
        return
    calls.send(ctx, handlers.CHAT_RESET, ctx.key(), None)
    _skip_earlier_messages(ctx, event)
    await send_ephemeral(ctx, deps, event, texts.RESET)


async def _mute(ctx: ObjectContext, deps: IntakeDependencies, event: MessageEvent) -> None:
    """Ignore messages until the next mention. Not possible in a direct message, where every message is for the bot."""
    if event.is_direct_message:
        await send_ephemeral(ctx, deps, event, texts.NOT_QUIET)
        return
    # Messages before this one were not read; the next mention reads from there.
    muted = ThreadUpdate(
        conversation=ctx.key(), position=event.position, unread=not event.starts_conversation, muted=True
    )
    await calls.call(ctx, handlers.CHANNEL_UPDATE_THREAD, scope_of(ctx), muted)
    await send_ephemeral(ctx, deps, event, texts.QUIET)


def _skip_earlier_messages(ctx: ObjectContext, event: MessageEvent) -> None:
    """Make the next mention read only what was written after this message."""
    here = ThreadUpdate(conversation=ctx.key(), position=event.position, active=False, gap_start="")
    calls.send(ctx, handlers.CHANNEL_UPDATE_THREAD, scope_of(ctx), here)


async def _forget(ctx: ObjectContext, deps: IntakeDependencies, event: MessageEvent) -> None:
    async def is_permitted() -> bool:
        """Only reads, so it may run twice."""
        return event.is_direct_message or await deps.messenger.may_administer(ctx.key(), event.author_id)

    options = RunOptions(type_hint=bool, max_attempts=MAX_ATTEMPTS)
    if not await ctx.run_typed("check permission", is_permitted, options):
        await send_ephemeral(ctx, deps, event, texts.not_permitted_to_forget(ctx.key()))
        return
    if _is_outside_threads(ctx, event):
        found = await calls.call(ctx, handlers.CHANNEL_GET_THREADS, scope_of(ctx), None)
        # The channel's directory lists threads that `Channel` no longer follows, and lacks the newest ones.
        listed_there = await list_directory(ctx, f"channel:{scope_of(ctx)}")
        for conversation in sorted({thread.conversation for thread in found.threads} | set(listed_there)):
            calls.send(ctx, handlers.CHAT_FORGET, conversation, None)
    else:
        calls.send(ctx, handlers.CHAT_FORGET, ctx.key(), None)
    _skip_earlier_messages(ctx, event)
    text = texts.ALL_FORGOTTEN if _is_outside_threads(ctx, event) else texts.FORGOTTEN
    await send_ephemeral(ctx, deps, event, text)
