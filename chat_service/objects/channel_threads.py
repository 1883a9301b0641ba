"""What `Channel` knows of a place beside its settings: who may use it, its threads, how far it was read, and the
replies that wait for their platform's bot.

Keyed by scope: `slack:T1` is the workspace, `slack:T1:C1` the channel in it. Everything is bounded.
"""

from __future__ import annotations

from typing import Literal

from restate import ObjectContext, ObjectSharedContext

from chat_service import keys
from chat_service.contracts import Contract
from chat_service.objects.channel import Scope, Within, channel
from chat_service.storage.serde import StateRecord, set_record
from chat_service.turn.delivery_request import Postponed, delivery_service

MAX_THREADS = 500
MAX_POSTPONED = 500

ReplyMode = Literal["threads", "mentions", "everything"]
"""`threads`: once mentioned, every message of the thread is meant for the bot. `mentions`: only those that name it.
`everything`: every message, named or not."""
AnswerIn = Literal["channel", "thread"]
"""Where a question is answered on a platform whose channels are conversations: there, or in a thread of its own."""


class Rules(StateRecord):
    """What an administrator decided about this place; ids are the platform's, of people or of channels."""

    off: bool = False
    reply_mode: ReplyMode | None = None
    answer_in: AnswerIn | None = None
    allow: list[str] = []
    block: list[str] = []


class RulesChange(Contract):
    """Changes of the rules; None leaves one as it is."""

    off: bool | None = None
    reply_mode: ReplyMode | None = None
    answer_in: AnswerIn | None = None
    allow: list[str] | None = None
    block: list[str] | None = None


class Thread(Contract):
    """A conversation the bot takes part in.

    `seen` is the platform's position of the last message that was dealt with, in whatever way. Positions are compared
    as text. `gap` is where reading up has to begin, when what came after it was left unread.
    """

    conversation: str
    quiet: bool = False
    seen: str = ""
    gap: str = ""


BEGINNING = "0"
"""Stands before every position."""


class Threads(StateRecord):
    """The conversations of this channel, the most recently used last."""

    threads: list[Thread] = []


class Follow(Contract):
    """A message was dealt with: the bot takes part from now on, if `active`; `quiet` and `gap` None leave them as they
    are. `unread`: the message itself or what came before it is left to the next reading up. `within`: the channel
    around a thread that is a place of its own."""

    conversation: str
    seen: str = ""
    active: bool = True
    quiet: bool | None = None
    gap: str | None = None
    unread: bool = False
    within: str = ""


class Reach(StateRecord):
    """How far the channel was read: everything up to `position` was taken in, or was not for the bot."""

    position: str = ""


class Waiting(StateRecord):
    """Turns whose replies wait for the platform's bot."""

    turns: list[Postponed] = []


class PlaceRequest(Contract):
    """Looks a place up, with the conversation that is of interest."""

    conversation: str | None = None


class Place(Contract):
    """The rules, the conversation asked for (None: the bot takes no part in it), and how far the channel was read.
    `full`: there are more conversations than are listed, so one that is not may be forgotten here alone."""

    rules: Rules
    thread: Thread | None = None
    full: bool = False
    position: str = ""


class ThreadList(Contract):
    """The conversations that the bot takes part in."""

    threads: list[Thread] = []


class Released(Contract):
    """How many replies set out."""

    turns: int = 0


@channel.handler(kind="shared")
async def look(ctx: ObjectSharedContext, request: PlaceRequest) -> Place:
    """The place as it stands."""
    threads = await ctx.get("threads", type_hint=Threads) or Threads()
    return Place(
        rules=await ctx.get("rules", type_hint=Rules) or Rules(),
        thread=next((one for one in threads.threads if one.conversation == request.conversation), None),
        full=len(threads.threads) >= MAX_THREADS,
        position=(await ctx.get("reach", type_hint=Reach) or Reach()).position,
    )


@channel.handler(kind="shared")
async def threads(ctx: ObjectSharedContext) -> ThreadList:
    """The conversations of this channel that the bot takes part in, the most recently used last."""
    return ThreadList(threads=(await ctx.get("threads", type_hint=Threads) or Threads()).threads)


@channel.handler()
async def rule(ctx: ObjectContext, change: RulesChange) -> Rules:
    """Change who may use this place, and how. The adapter has checked that the person may."""
    rules = await ctx.get("rules", type_hint=Rules) or Rules()
    rules = rules.model_copy(update=change.model_dump(exclude_none=True))
    set_record(ctx, "rules", rules)
    if change.off is not None:  # for what waits: its turn asks for the settings only
        scope = await ctx.get("scope", type_hint=Scope) or Scope()
        set_record(ctx, "scope", scope.model_copy(update={"off": change.off}))
    return rules


@channel.handler()
async def follow(ctx: ObjectContext, request: Follow) -> None:
    """Remember that the bot takes part in a conversation, or how far it was read. Run twice it says the same."""
    kept = await ctx.get("threads", type_hint=Threads) or Threads()
    known = next((one for one in kept.threads if one.conversation == request.conversation), None)
    if known is None and not request.active:
        return
    if request.within:
        set_record(ctx, "within", Within(scope=request.within))
    thread = known or Thread(conversation=request.conversation)
    thread.gap = thread.gap if request.gap is None else request.gap
    if request.unread:
        thread.gap = thread.gap or thread.seen or BEGINNING
    thread.seen = max(thread.seen, request.seen)
    thread.quiet = thread.quiet if request.quiet is None else request.quiet
    kept.threads = _bounded([*(one for one in kept.threads if one is not known), thread])
    set_record(ctx, "threads", kept)


def _bounded(threads: list[Thread]) -> list[Thread]:
    """The threads that are kept: the oldest go first, but those that were told to be quiet after all others, since that
    stands nowhere else."""
    over = max(len(threads) - MAX_THREADS, 0)
    gone = {one.conversation for one in [one for one in threads[:-1] if not one.quiet][:over]}
    return [one for one in threads if one.conversation not in gone][-MAX_THREADS:]


@channel.handler()
async def advance(ctx: ObjectContext, reach: Reach) -> None:
    """The channel was read up to here; never backwards."""
    before = await ctx.get("reach", type_hint=Reach) or Reach()
    if reach.position > before.position:
        set_record(ctx, "reach", reach)


@channel.handler(ingress_private=True)
async def postpone(ctx: ObjectContext, turn: Postponed) -> None:
    """Keep a turn for when the platform's bot comes up. Beyond 500 the oldest go: their replies stay in the history,
    marked as undelivered."""
    waiting = await ctx.get("postponed", type_hint=Waiting) or Waiting()
    waiting.turns = [*waiting.turns, turn][-MAX_POSTPONED:]
    set_record(ctx, "postponed", waiting)


@channel.handler()
async def release(ctx: ObjectContext) -> Released:
    """The bot is there: what waited for it sets out, each once and in order."""
    waiting = await ctx.get("postponed", type_hint=Waiting) or Waiting()
    for turn in waiting.turns:
        key = keys.parse(turn.conversation)
        if key is not None and (service := delivery_service(key.platform)):
            ctx.generic_send(service, "deliver", turn.order.model_dump_json().encode(), key=turn.conversation)
    ctx.clear("postponed")
    return Released(turns=len(waiting.turns))
