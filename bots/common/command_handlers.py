"""What is done about a command. Those that would queue behind a running turn are sent, not waited for."""

from __future__ import annotations

import restate
from restate import ObjectContext, RunOptions

from bots.common import commands
from bots.common.classify import Action
from bots.common.dependencies import TELL_ATTEMPTS, IntakeDependencies, best_effort, scope_of, send_ephemeral
from bots.common.events import MessageEvent
from chat_service import keys
from chat_service.contracts import StopRequest
from chat_service.objects.channel_threads import Follow, follow, threads
from chat_service.objects.chat import reset
from chat_service.objects.chat_deletion import forget
from chat_service.objects.chat_stop import stop
from chat_service.objects.directory import listed
from chat_service.objects.queue import waiting as waits

BUSY = 20
"""Conversations of a direct conversation that are looked at for something to stop: those used last."""


async def run_command(ctx: ObjectContext, it: IntakeDependencies, heard: MessageEvent, verdict: Action) -> None:
    """Do what was said, and answer the person."""
    match verdict.command:
        case "help":
            await send_ephemeral(ctx, it, heard, commands.help_on(ctx.key()))
        case "stop":
            if not await _stop(ctx, heard):
                await send_ephemeral(ctx, it, heard, commands.NOTHING_RUNS)
        case "stop all":
            for one in await _meant(ctx, heard):
                await _stop_all(ctx, it, one)
            await send_ephemeral(ctx, it, heard, commands.STOPPING)
        case "reset" if _is_outside(ctx, heard):
            await send_ephemeral(ctx, it, heard, commands.ALWAYS_FRESH)
        case "reset":
            ctx.object_send(reset, ctx.key(), arg=None)
            _read_from_here(ctx, heard)
            await send_ephemeral(ctx, it, heard, commands.RESET)
        case "quiet":
            await _be_quiet(ctx, it, heard)
        case "history":
            await best_effort(ctx, "history", lambda: it.ears.show_history(ctx.key(), heard))
        case "forget":
            await _forget(ctx, it, heard)
        case None:
            pass


def _is_outside(ctx: ObjectContext, heard: MessageEvent) -> bool:
    """Whether it was said in a direct conversation that has threads, but in none of them: all of them are meant."""
    key = keys.parse(ctx.key())
    return heard.is_direct_message and heard.starts_conversation and key is not None and bool(key.thread)


async def _meant(ctx: ObjectContext, heard: MessageEvent) -> list[str]:
    """The conversations that a command is about, those used last."""
    if not _is_outside(ctx, heard):
        return [ctx.key()]
    found = await ctx.object_call(threads, scope_of(ctx), arg=None)
    return [one.conversation for one in found.threads[-BUSY:]]


async def _stop(ctx: ObjectContext, heard: MessageEvent) -> bool:
    if _is_outside(ctx, heard):
        asked = [ctx.object_call(stop, one, StopRequest()) for one in await _meant(ctx, heard)]
        await restate.gather(*asked)
        return any([(await one).stopped for one in asked])
    return (await ctx.object_call(stop, ctx.key(), StopRequest())).stopped


async def _stop_all(ctx: ObjectContext, it: IntakeDependencies, conversation: str) -> None:
    waiting = (await ctx.object_call(waits, conversation, arg=None)).messages
    ctx.object_send(stop, conversation, StopRequest(all=True))
    if ids := [one.id for one in waiting if one.id]:
        await best_effort(ctx, "unmark", lambda: it.ears.remove_status(conversation, ids))


async def _be_quiet(ctx: ObjectContext, it: IntakeDependencies, heard: MessageEvent) -> None:
    """Where only two talk, every message is for the bot: to promise silence there would be a lie."""
    if heard.is_direct_message:
        await send_ephemeral(ctx, it, heard, commands.NOT_QUIET)
        return
    # What was said before it is not read: the next mention begins there.
    quiet = Follow(conversation=ctx.key(), seen=heard.position, unread=not heard.starts_conversation, quiet=True)
    await ctx.object_call(follow, scope_of(ctx), quiet)
    await send_ephemeral(ctx, it, heard, commands.QUIET)


def _read_from_here(ctx: ObjectContext, heard: MessageEvent) -> None:
    """What is no longer to be looked at is not read up either."""
    here = Follow(conversation=ctx.key(), seen=heard.position, active=False, gap="")
    ctx.object_send(follow, scope_of(ctx), here)


async def _forget(ctx: ObjectContext, it: IntakeDependencies, heard: MessageEvent) -> None:
    person = heard.author.id if heard.author else ""

    async def may() -> bool:
        """Only looks, so it may run twice."""
        return heard.is_direct_message or await it.ears.may_administer(ctx.key(), person)

    if await ctx.run_typed("may they", may, RunOptions(type_hint=bool, max_attempts=TELL_ATTEMPTS)):
        if _is_outside(ctx, heard):
            found = await ctx.object_call(threads, scope_of(ctx), arg=None)
            # Some are known to the channel's directory alone, and some not to it yet.
            known = {one.conversation for one in found.threads} | set(await listed(ctx, f"channel:{scope_of(ctx)}"))
            for one in sorted(known):
                ctx.object_send(forget, one, arg=None)
        else:
            ctx.object_send(forget, ctx.key(), arg=None)
        _read_from_here(ctx, heard)
        await send_ephemeral(ctx, it, heard, commands.ALL_FORGOTTEN if _is_outside(ctx, heard) else commands.FORGOTTEN)
    else:
        await send_ephemeral(ctx, it, heard, commands.not_yours(ctx.key()))
