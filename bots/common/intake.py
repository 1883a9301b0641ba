"""`SlackIntake`, `DiscordIntake`: what comes in, one event at a time per conversation, in the order it was accepted.

The adapter hands an event over as it came and may then acknowledge it: from here on nothing is lost. What takes time
(names, files, who may do what) happens here, in durable steps, and never waits for a running turn.
"""

from __future__ import annotations

import logging

import restate
from restate import ObjectContext, RunOptions, TerminalError, VirtualObject

from bots.common import commands
from bots.common.access import within_limits
from bots.common.classify import classify, is_welcome, narrowest
from bots.common.command_handlers import run_command
from bots.common.dependencies import IntakeDependencies, StepDone, best_effort, is_too_old, scope_of, send_ephemeral
from bots.common.errors import PermanentError
from bots.common.events import MessageEvent, PlatformEvent
from bots.common.offline_notice import PAUSE, OfflineNoticeRequest, is_news, tell_when_quiet
from bots.common.refusals import send_refusal
from bots.common.thread_context import DEALT, Dealt, collect_thread_context
from bots.common.thread_routing import as_it_was, known_conversation, may_branch, resolve
from chat_service import keys
from chat_service.contracts import EditRequest, Inbound, Notes, RedactRequest
from chat_service.contracts.validation_errors import validation_errors_as_text
from chat_service.objects import invocation_policy
from chat_service.objects.channel_threads import Follow, Place, PlaceRequest, follow, look
from chat_service.objects.chat_edits import edit_waiting, note, redact_waiting
from chat_service.objects.queue import accept
from chat_service.storage.record import StateRecord
from chat_service.storage.serde import set_record

log = logging.getLogger(__name__)


class Maybe(StateRecord):
    """What was heard, if anything."""

    heard: MessageEvent | None = None


def intake_object(name: str, it: IntakeDependencies) -> VirtualObject:
    """The intake object of a platform; `name` is the key's prefix with a capital (`Slack`)."""
    obj = VirtualObject(
        f"{name}Intake",
        description=f"Takes in what happens on {name}.",
        state_preload=False,
        invocation_retry_policy=invocation_policy.PATIENT,
        invocation_context_managers=[validation_errors_as_text],
        idempotency_retention=invocation_policy.DAY,
        journal_retention=invocation_policy.BRIEF,
    )

    @obj.handler()
    async def event(ctx: ObjectContext, arrival: PlatformEvent) -> None:
        """Something happened in a thread. Never waits for a running turn."""
        try:
            await _take_in(ctx, it, arrival)
        except TerminalError as error:
            # Whatever it was, the next event of this thread must be heard.
            log.error("an event of %s was not taken in: %s", ctx.key(), error.message)

    @obj.handler()
    async def was_away(ctx: ObjectContext, telling: OfflineNoticeRequest) -> None:
        """Tell those who wrote while nobody was there, as soon as nobody waits for an answer."""
        if (later := await tell_when_quiet(ctx, it, telling)) is not None:
            ctx.object_send(was_away, ctx.key(), later, send_delay=PAUSE)

    return obj


def _telling(arrival: PlatformEvent) -> bytes:
    return OfflineNoticeRequest(run=arrival.backfill_run).model_dump_json().encode()


async def _take_in(ctx: ObjectContext, it: IntakeDependencies, arrival: PlatformEvent) -> None:
    key = keys.parse(ctx.key())
    if key is None:
        raise TerminalError(f"not a conversation key: {ctx.key()}", status_code=400)
    heard = await _hear(ctx, it, arrival)
    if heard is None:
        return
    wide, narrow = key.scopes
    asked = [
        ctx.object_call(look, wide, PlaceRequest()),
        *([ctx.object_call(look, heard.parent_scope, PlaceRequest())] if heard.parent_scope else []),
        ctx.object_call(look, narrow, PlaceRequest(conversation=ctx.key())),
    ]
    await restate.gather(*asked)
    places = [await one for one in asked]
    if heard.kind != "said" or not heard.starts_conversation:
        places[-1] = await as_it_was(ctx, places[-1])
    channel = places[-1]
    if heard.kind != "said":
        if (home := await known_conversation(ctx, it, heard, channel)) is not None:
            _revise(ctx, home, heard)
        return
    verdict = classify(heard, key, places, it.settings)
    if verdict.kind != "ask" and not (verdict.kind == "ignore" and channel.thread is None):
        await _unmark(ctx, it, ctx.key(), heard, ours=True)  # it may have looked like a question when it came
    match verdict.kind:
        case "ignore" if channel.thread is not None:
            _dealt_with(ctx, heard)
        case "refuse":
            await send_refusal(ctx, it, heard, verdict.reason, why=verdict.reason)
            _dealt_with(ctx, heard)
        case "command":
            await run_command(ctx, it, heard, verdict)
            _dealt_with(ctx, heard)
        case "note" if heard.has_content:
            notes = [*_answered(it, heard, key, places), heard.to_inbound(expects_reply=False)]
            ctx.object_send(note, ctx.key(), Notes(messages=notes))
            unread = channel.thread is None and not heard.starts_conversation
            ctx.object_send(follow, narrow, Follow(conversation=ctx.key(), seen=heard.position, unread=unread))
        case "ask":
            in_thread = narrowest([one.rules for one in places], "answer_in") == "thread"
            home = await resolve(ctx, it, heard, in_thread=in_thread) if may_branch(it, key, heard) else ctx.key()
            if home != ctx.key():
                heard, places = (
                    heard.model_copy(update={"starts_conversation": True}),
                    [*places[:-1], Place(rules=channel.rules)],
                )
            await _ask(ctx, it, heard, arrival, home, places)


def _answered(
    it: IntakeDependencies, heard: MessageEvent, key: keys.ConversationKey, places: list[Place]
) -> list[Inbound]:
    """What a message is a reply to, if it may be known here: remembered before it, once."""
    before = heard.reply_to
    if before is None or not (before.has_content and is_welcome(before, key, places, it.settings)):
        return []
    return [before.to_inbound(expects_reply=False)]


def _dealt_with(ctx: ObjectContext, heard: MessageEvent) -> None:
    """A message that leads to no turn: catch-up is not to come back to it, however much later. The next mention reads
    it, and what was said before it."""
    set_record(ctx, DEALT, Dealt(position=heard.position))
    done = Follow(conversation=ctx.key(), seen=heard.position, active=False, unread=True)
    ctx.object_send(follow, scope_of(ctx), done)


async def _hear(ctx: ObjectContext, it: IntakeDependencies, arrival: PlatformEvent) -> MessageEvent | None:
    async def hear() -> Maybe:
        """Only reads, so it may run twice."""
        try:
            return Maybe(heard=await it.ears.parse_event(ctx.key(), arrival.raw))
        except PermanentError as gone:
            raise TerminalError(str(gone)) from gone

    found: Maybe = await ctx.run_typed("hear", hear, RunOptions(type_hint=Maybe))
    return found.heard


async def _ask(
    ctx: ObjectContext,
    it: IntakeDependencies,
    heard: MessageEvent,
    arrival: PlatformEvent,
    home: str,
    places: list[Place],
) -> None:
    """A message for the bot, on its way to the conversation that is its home."""
    key = keys.parse(home)
    assert key is not None  # noqa: S101
    if heard.unreadable_files:
        await send_ephemeral(ctx, it, heard, commands.unreadable(heard.unreadable_files))
    if not heard.has_question_content:
        if not heard.unreadable_files:
            await send_ephemeral(ctx, it, heard, commands.BLANK)
        _dealt_with(ctx, heard)
        await _unmark(ctx, it, home, heard, ours=bool(arrival.backfill_run))
        return
    old = bool(arrival.backfill_run) and await is_too_old(ctx, it, heard)
    # What was written while nobody listened comes all at once, which says nothing about how fast it was written.
    paced = heard.position >= arrival.backfill_run
    if not old and not await within_limits(ctx, it, heard, key, paced=paced):
        # Not answered, but said all the same: whoever asks next may mean it.
        ctx.object_send(note, home, Notes(messages=[heard.to_inbound(expects_reply=False)]))
        _dealt_with(ctx, heard)
        await _unmark(ctx, it, home, heard, ours=bool(arrival.backfill_run))
        return
    if not old:
        await _mark(ctx, it, home, heard)  # before what takes its time
    gap: str | None = None
    reads = not heard.starts_conversation and not heard.is_direct_message
    if heard.mentions_bot and reads:
        gap = await collect_thread_context(ctx, it, heard, places)
    before = _answered(it, heard, key, places)
    if before:
        ctx.object_send(note, home, Notes(messages=before))
        if heard.reply_to is not None and heard.reply_to.unreadable_files:
            await send_ephemeral(ctx, it, heard, commands.unreadable(heard.reply_to.unreadable_files))
    following = Follow(
        conversation=home,
        seen=heard.position,
        gap=gap,
        unread=reads and gap is None and places[-1].thread is None,
        quiet=False if heard.mentions_bot else None,
        within=heard.parent_scope or (scope_of(ctx) if home != ctx.key() else ""),
    )
    if places[-1].thread is None:
        await ctx.object_call(follow, key.scopes[-1], following)  # an edit that follows at once must find it
    else:
        ctx.object_send(follow, key.scopes[-1], following)
    if old:
        ctx.object_send(note, home, Notes(messages=[heard.to_inbound(expects_reply=False)]))
        if await is_news(ctx, arrival.backfill_run):
            ctx.generic_send(f"{key.platform.capitalize()}Intake", "was_away", _telling(arrival), key=ctx.key())
        return
    try:
        await ctx.object_call(accept, home, heard.to_inbound())
    except TerminalError as error:
        word = commands.FULL if error.status_code == 429 else f"That did not work: {error.message}"
        await send_ephemeral(ctx, it, heard, word)
        if error.status_code == 429:
            # As above: it was said, and the next question may mean it.
            ctx.object_send(note, home, Notes(messages=[heard.to_inbound(expects_reply=False)]))
        await _unmark(ctx, it, home, heard)
        return


async def _mark(ctx: ObjectContext, it: IntakeDependencies, home: str, heard: MessageEvent) -> None:
    async def mark() -> StepDone:
        """Run twice it marks twice, which shows once."""
        it.run_in_background(it.ears.add_status(home, heard))
        return StepDone()

    await ctx.run_typed("mark", mark, RunOptions(type_hint=StepDone))


async def _unmark(
    ctx: ObjectContext, it: IntakeDependencies, home: str, heard: MessageEvent, *, ours: bool = False
) -> None:
    """It will not be answered, so nothing is to say that it has arrived."""
    await best_effort(ctx, "unmark", lambda: it.ears.remove_status(home, [heard.id], ours=ours))


def _revise(ctx: ObjectContext, home: str, heard: MessageEvent) -> None:
    if heard.kind == "deleted":
        ctx.object_send(redact_waiting, home, RedactRequest(id=heard.id, at=heard.at))
    else:
        files = heard.attachments if heard.attachments_changed else None
        ctx.object_send(edit_waiting, home, EditRequest(id=heard.id, message=heard.text, attachments=files))


__all__ = ["IntakeDependencies", "intake_object"]
