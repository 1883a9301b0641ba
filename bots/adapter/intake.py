"""`SlackIntake`, `DiscordIntake`: what comes in, one event at a time per conversation, in the order it was accepted.

The adapter hands an event over as it came and may then acknowledge it: from here on nothing is lost. What takes time
(names, files, who may do what) happens here, in durable steps, and never waits for a running turn.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

import restate
from restate import ObjectContext, RunOptions, TerminalError, VirtualObject

from bots.adapter import commands
from bots.adapter.contract import Arrival, Ears, Gone, Heard, Inbounds
from bots.adapter.judging import Verdict, judge, narrowest
from chat_service import keys
from chat_service.contracts import EditRequest, Notes, RedactRequest, StopRequest, utc
from chat_service.conversation import policy
from chat_service.conversation.chat import forget, reset, stop
from chat_service.conversation.inbox import accept
from chat_service.conversation.inbox import waiting as waits
from chat_service.conversation.places import Follow, Place, PlaceRequest, follow, look
from chat_service.conversation.quota import Claim, claim
from chat_service.conversation.records import Stored, put
from chat_service.conversation.revisions import edit_waiting, note, redact_waiting
from chat_service.settings import Settings

log = logging.getLogger(__name__)

KEPT_HOMES = 200
TELL_ATTEMPTS = 3
"""A word beside the replies may be lost: the conversation does not wait for it."""


class Maybe(Stored):
    """What was heard, if anything."""

    heard: Heard | None = None


class Away(Stored):
    """The catch-up run in which the thread was last told that nobody was there."""

    run: str = ""


class Done(Stored):
    """The result of a step that has none."""


class Homes(Stored):
    """Where the latest questions of a channel are answered, by message id: a setting may decide it, and a repeat must
    get the same key after the setting has changed."""

    homes: dict[str, str] = {}


class Intake:
    """What the handlers need of their process. `branch` opens a thread of its own for a question and gives its key, on
    a platform whose channels are conversations; run twice it gives the same."""

    def __init__(
        self, ears: Ears, settings: Settings, branch: Callable[[str, Heard], Awaitable[str]] | None = None
    ) -> None:
        self.ears, self.settings, self.branch = ears, settings, branch
        self._tasks: set[asyncio.Task[None]] = set()

    def soon(self, work: Awaitable[None]) -> None:
        """Do something lossy beside the handler."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def intake_object(name: str, it: Intake) -> VirtualObject:
    """The intake object of a platform; `name` is the key's prefix with a capital (`Slack`)."""
    obj = VirtualObject(
        f"{name}Intake",
        description=f"Takes in what happens on {name}.",
        state_preload=False,
        invocation_retry_policy=policy.PATIENT,
        idempotency_retention=policy.DAY,
        journal_retention=policy.BRIEF,
    )

    @obj.handler()
    async def event(ctx: ObjectContext, arrival: Arrival) -> None:
        """Something happened in a thread. Never waits for a running turn."""
        try:
            await _take_in(ctx, it, arrival)
        except TerminalError as error:
            # Whatever it was, the next event of this thread must be heard.
            log.error("an event of %s was not taken in: %s", ctx.key(), error.message)

    return obj


async def _take_in(ctx: ObjectContext, it: Intake, arrival: Arrival) -> None:
    key = keys.parse(ctx.key())
    if key is None:
        raise TerminalError(f"not a conversation key: {ctx.key()}", status_code=400)
    heard = await _hear(ctx, it, arrival)
    if heard is None:
        return
    wide, narrow = key.scopes
    asked = [
        ctx.object_call(look, wide, PlaceRequest()),
        *([ctx.object_call(look, heard.parent, PlaceRequest())] if heard.parent else []),
        ctx.object_call(look, narrow, PlaceRequest(conversation=ctx.key())),
    ]
    await restate.gather(*asked)
    places = [await one for one in asked]
    channel = places[-1]
    if heard.kind != "said":
        if (home := await _known_home(ctx, it, heard, channel)) is not None:
            _revise(ctx, home, heard)
        return
    verdict = judge(heard, key, places, it.settings)
    match verdict.act:
        case "refuse":
            await _tell(ctx, it, heard, verdict.reason)
        case "command":
            await _obey(ctx, it, heard, verdict, channel)
        case "note":
            ctx.object_send(note, ctx.key(), Notes(messages=[heard.inbound(expects_reply=False)]))
            ctx.object_send(follow, narrow, Follow(conversation=ctx.key(), seen=heard.position))
        case "ask":
            in_thread = narrowest([one.rules for one in places], "answer_in") == "thread"
            home = await _home(ctx, it, heard, in_thread=in_thread) if _may_branch(it, key, heard) else ctx.key()
            if home != ctx.key():
                heard, channel = heard.model_copy(update={"opens": True}), Place(rules=channel.rules)
            await _ask(ctx, it, heard, arrival, home, channel)


async def _hear(ctx: ObjectContext, it: Intake, arrival: Arrival) -> Heard | None:
    async def hear() -> Maybe:
        """Only reads, so it may run twice."""
        try:
            return Maybe(heard=await it.ears.hear(ctx.key(), arrival.raw))
        except Gone as gone:
            raise TerminalError(str(gone)) from gone

    found: Maybe = await ctx.run_typed("hear", hear, RunOptions(type_hint=Maybe))
    return found.heard


def _may_branch(it: Intake, key: keys.ConversationKey, heard: Heard) -> bool:
    """Whether the message stands in a channel, where a thread can be opened from it, and says something to answer."""
    return it.branch is not None and not (heard.direct or heard.parent or key.thread) and heard.says_something


async def _home(ctx: ObjectContext, it: Intake, heard: Heard, *, in_thread: bool) -> str:
    """The conversation that answers a question: the channel's, or one in a thread of its own. The first decision
    stays."""
    known = await ctx.get("homes", type_hint=Homes) or Homes()
    if (home := known.homes.get(heard.id)) is not None:
        return home
    home = await _branch(ctx, it, heard) if in_thread else ctx.key()
    known.homes = dict([*known.homes.items(), (heard.id, home)][-KEPT_HOMES:])
    put(ctx, "homes", known)
    return home


async def _branch(ctx: ObjectContext, it: Intake, heard: Heard) -> str:
    assert it.branch is not None  # noqa: S101
    branch = it.branch

    async def attempt() -> str:
        """Run twice it finds the thread that it opened."""
        try:
            return await branch(ctx.key(), heard)
        except Gone as gone:
            log.warning("no thread can be opened in %s, so the answer goes into the channel: %s", ctx.key(), gone)
            return ctx.key()

    home: str = await ctx.run_typed("open a thread", attempt, RunOptions(type_hint=str))
    return home


async def _known_home(ctx: ObjectContext, it: Intake, heard: Heard, channel: Place) -> str | None:
    """The conversation that a changed message belongs to; None when the bot never took part."""
    if it.branch is not None and not heard.parent:
        known = await ctx.get("homes", type_hint=Homes) or Homes()
        if (home := known.homes.get(heard.id)) is not None:
            return home
        own = f"{_scope(ctx).rpartition(':')[0]}:{heard.id}"
        if not heard.direct and (await ctx.object_call(look, own, PlaceRequest(conversation=own))).thread is not None:
            return own
    return ctx.key() if channel.thread is not None else None


async def _ask(ctx: ObjectContext, it: Intake, heard: Heard, arrival: Arrival, home: str, channel: Place) -> None:
    """A message for the bot, on its way to the conversation that is its home."""
    key = keys.parse(home)
    assert key is not None  # noqa: S101
    if heard.unreadable:
        await _tell(ctx, it, heard, commands.unreadable(heard.unreadable))
    if not heard.says_something:
        if not heard.unreadable:
            await _tell(ctx, it, heard, commands.BLANK)
        return
    if not await _within_limits(ctx, it, heard, key):
        return
    if heard.mentions_bot and not heard.opens and not heard.direct:
        await _read_up(ctx, it, heard, channel)
    following = Follow(
        conversation=home,
        seen=heard.position,
        quiet=False if heard.mentions_bot else None,
        within=heard.parent or (_scope(ctx) if home != ctx.key() else ""),
    )
    if channel.thread is None:
        await ctx.object_call(follow, key.scopes[-1], following)  # an edit that follows at once must find it
    else:
        ctx.object_send(follow, key.scopes[-1], following)
    if arrival.late and await _is_old(ctx, it, heard):
        ctx.object_send(note, home, Notes(messages=[heard.inbound(expects_reply=False)]))
        await _was_away(ctx, it, arrival)
        return
    try:
        await ctx.object_call(accept, home, heard.inbound())
    except TerminalError as error:
        await _tell(
            ctx, it, heard, commands.FULL if error.status_code == 429 else f"That did not work: {error.message}"
        )
        return

    async def mark() -> Done:
        """Run twice it marks twice, which shows once."""
        it.soon(it.ears.mark(home, heard))
        return Done()

    await ctx.run_typed("mark", mark, RunOptions(type_hint=Done))


async def _within_limits(ctx: ObjectContext, it: Intake, heard: Heard, key: keys.ConversationKey) -> bool:
    limits = it.settings
    person = heard.author.id if heard.author else ""
    claims = [
        (f"{key.platform}:{key.space}:{person}", limits.person_messages_per_minute, limits.person_tokens_per_day),
        (key.scopes[-1], limits.channel_messages_per_minute, limits.channel_tokens_per_day),
    ]
    if wider := heard.parent or (_scope(ctx) if _scope(ctx) != key.scopes[-1] else ""):
        # Where a thread is a place of its own, its messages count for its channel; tokens are counted by conversation.
        claims[1:] = [
            (wider, limits.channel_messages_per_minute, 0),
            (key.scopes[-1], 0, limits.channel_tokens_per_day),
        ]
    for owner, per_minute, per_day in claims:
        if not (per_minute or per_day):
            continue
        request = Claim(id=f"{ctx.key()}:{heard.id}", per_minute=per_minute, tokens_per_day=per_day)
        granted = await ctx.object_call(claim, owner, request)
        if not granted.allowed:
            await _tell(ctx, it, heard, commands.wait_a_bit(granted.over, granted.wait))
            return False
    return True


def _scope(ctx: ObjectContext) -> str:
    """The channel in which the message was written."""
    key = keys.parse(ctx.key())
    return key.scopes[-1] if key else ""


async def _read_up(ctx: ObjectContext, it: Intake, heard: Heard, channel: Place) -> None:
    """What was said in the thread since the bot last took part, as context before the question."""

    async def earlier() -> Inbounds:
        """Only reads, so it may run twice."""
        try:
            return await it.ears.earlier(ctx.key(), heard, channel.thread.seen if channel.thread else "")
        except Gone as gone:
            log.warning("the thread %s cannot be read: %s", ctx.key(), gone)
            return Inbounds()

    found: Inbounds = await ctx.run_typed("read up", earlier, RunOptions(type_hint=Inbounds))
    if found.messages:
        ctx.object_send(note, ctx.key(), Notes(messages=found.messages))


async def _is_old(ctx: ObjectContext, it: Intake, heard: Heard) -> bool:
    now = utc(await ctx.time())
    return now - heard.at > timedelta(seconds=it.settings.catchup_max_age)


async def _was_away(ctx: ObjectContext, it: Intake, arrival: Arrival) -> None:
    """Once per thread and catch-up, however many old messages there are."""
    away = await ctx.get("away", type_hint=Away) or Away()
    if away.run == arrival.late:
        return
    put(ctx, "away", Away(run=arrival.late))
    text = commands.was_away(it.settings.catchup_max_age / 3600)
    await _lossy(ctx, "say", lambda: it.ears.say(ctx.key(), f"away-{arrival.late}", text))


async def _obey(ctx: ObjectContext, it: Intake, heard: Heard, verdict: Verdict, channel: Place) -> None:
    """A command. Those that would queue behind a running turn are sent, not waited for."""
    match verdict.command:
        case "help":
            await _tell(ctx, it, heard, commands.help_on(ctx.key()))
        case "stop":
            done = await ctx.object_call(stop, ctx.key(), StopRequest())
            if not done.stopped:
                await _tell(ctx, it, heard, commands.NOTHING_RUNS)
        case "stop all":
            waiting = (await ctx.object_call(waits, ctx.key(), arg=None)).messages
            ctx.object_send(stop, ctx.key(), StopRequest(all=True))
            await _lossy(ctx, "unmark", lambda: it.ears.unmark(ctx.key(), [one.id for one in waiting if one.id]))
            await _tell(ctx, it, heard, commands.STOPPING)
        case "reset":
            ctx.object_send(reset, ctx.key(), arg=None)
            await _tell(ctx, it, heard, commands.RESET)
        case "quiet":
            quiet = Follow(conversation=ctx.key(), seen=heard.position, quiet=True)
            key = keys.parse(ctx.key())
            if key is not None:
                await ctx.object_call(follow, key.scopes[-1], quiet)
            await _tell(ctx, it, heard, commands.QUIET)
        case "history":
            await _lossy(ctx, "history", lambda: it.ears.show_history(ctx.key(), heard))
        case "forget":
            await _forget(ctx, it, heard)
        case None:
            pass


async def _forget(ctx: ObjectContext, it: Intake, heard: Heard) -> None:
    person = heard.author.id if heard.author else ""

    async def may() -> bool:
        """Only looks, so it may run twice."""
        return heard.direct or await it.ears.may_administer(ctx.key(), person)

    if await ctx.run_typed("may they", may, RunOptions(type_hint=bool, max_attempts=TELL_ATTEMPTS)):
        ctx.object_send(forget, ctx.key(), arg=None)
        await _tell(ctx, it, heard, commands.FORGOTTEN)
    else:
        await _tell(ctx, it, heard, commands.NOT_YOURS)


def _revise(ctx: ObjectContext, home: str, heard: Heard) -> None:
    if heard.kind == "deleted":
        ctx.object_send(redact_waiting, home, RedactRequest(id=heard.id, at=heard.at))
    else:
        ctx.object_send(edit_waiting, home, EditRequest(id=heard.id, message=heard.text))


async def _tell(ctx: ObjectContext, it: Intake, heard: Heard, text: str) -> None:
    await _lossy(ctx, "tell", lambda: it.ears.tell(ctx.key(), heard, text))


async def _lossy(ctx: ObjectContext, name: str, work: Callable[[], Awaitable[None]]) -> None:
    """A word that may be said twice, or be lost: after a few tries the conversation goes on without it."""

    async def attempt() -> Done:
        try:
            await work()
        except Gone as gone:
            log.warning("%s in %s: %s", name, ctx.key(), gone)
        return Done()

    try:
        await ctx.run_typed(name, attempt, RunOptions(type_hint=Done, max_attempts=TELL_ATTEMPTS))
    except TerminalError as error:
        if error.status_code == 409:
            raise
        log.warning("%s in %s was given up: %s", name, ctx.key(), error.message)
