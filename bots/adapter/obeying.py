"""What is done about a command. Those that would queue behind a running turn are sent, not waited for."""

from __future__ import annotations

from restate import ObjectContext, RunOptions

from bots.adapter import commands
from bots.adapter.contract import Heard
from bots.adapter.judging import Verdict
from bots.adapter.listening import TELL_ATTEMPTS, Intake, lossy, scope_of, tell
from bots.adapter.stopping import stop_once
from chat_service.contracts import StopRequest
from chat_service.conversation.chat import forget, reset, stop
from chat_service.conversation.inbox import waiting as waits
from chat_service.conversation.places import Follow, follow


async def obey(ctx: ObjectContext, it: Intake, heard: Heard, verdict: Verdict) -> None:
    """Do what was said, and answer the person."""
    match verdict.command:
        case "help":
            await tell(ctx, it, heard, commands.help_on(ctx.key()))
        case "stop":
            done = await ctx.object_call(stop, ctx.key(), StopRequest(), idempotency_key=stop_once(heard.id))
            if not done.stopped:  # what it is about may have begun since the listener looked
                done = await ctx.object_call(stop, ctx.key(), StopRequest())
            if not done.stopped:
                await tell(ctx, it, heard, commands.NOTHING_RUNS)
        case "stop all":
            waiting = (await ctx.object_call(waits, ctx.key(), arg=None)).messages
            ctx.object_send(stop, ctx.key(), StopRequest(all=True))
            await lossy(ctx, "unmark", lambda: it.ears.unmark(ctx.key(), [one.id for one in waiting if one.id]))
            await tell(ctx, it, heard, commands.STOPPING)
        case "reset":
            ctx.object_send(reset, ctx.key(), arg=None)
            _read_from_here(ctx, heard)
            await tell(ctx, it, heard, commands.RESET)
        case "quiet":
            await _be_quiet(ctx, it, heard)
        case "history":
            await lossy(ctx, "history", lambda: it.ears.show_history(ctx.key(), heard))
        case "forget":
            await _forget(ctx, it, heard)
        case None:
            pass


async def _be_quiet(ctx: ObjectContext, it: Intake, heard: Heard) -> None:
    """Where only two talk, every message is for the bot: to promise silence there would be a lie."""
    if heard.direct:
        await tell(ctx, it, heard, commands.NOT_QUIET)
        return
    # What was said before it is not read: the next mention begins there.
    quiet = Follow(conversation=ctx.key(), seen=heard.position, unread=not heard.opens, quiet=True)
    await ctx.object_call(follow, scope_of(ctx), quiet)
    await tell(ctx, it, heard, commands.QUIET)


def _read_from_here(ctx: ObjectContext, heard: Heard) -> None:
    """What is no longer to be looked at is not read up either."""
    here = Follow(conversation=ctx.key(), seen=heard.position, active=False, gap="")
    ctx.object_send(follow, scope_of(ctx), here)


async def _forget(ctx: ObjectContext, it: Intake, heard: Heard) -> None:
    person = heard.author.id if heard.author else ""

    async def may() -> bool:
        """Only looks, so it may run twice."""
        return heard.direct or await it.ears.may_administer(ctx.key(), person)

    if await ctx.run_typed("may they", may, RunOptions(type_hint=bool, max_attempts=TELL_ATTEMPTS)):
        ctx.object_send(forget, ctx.key(), arg=None)
        _read_from_here(ctx, heard)
        await tell(ctx, it, heard, commands.FORGOTTEN)
    else:
        await tell(ctx, it, heard, commands.NOT_YOURS)
