"""`Channel`: settings, rules and threads of a workspace, a channel, or (on the web) a person; keyed by scope.

`slack:T1` is the workspace, `slack:T1:C1` a channel in it. Bots check with the platform that a person may change
settings before they call `configure` or `set_rules`. All state is bounded.
"""

from __future__ import annotations

from restate import ObjectContext, ObjectSharedContext

from chat_service import handlers, keys
from chat_service.calls import call, send
from chat_service.contracts import ConfigureRequest, Overrides
from chat_service.contracts.channel import (
    FIRST_POSITION,
    ChannelRules,
    ChannelRulesChange,
    ChannelThread,
    ChannelThreads,
    ChannelView,
    ChannelViewRequest,
    PostponedDelivery,
    ReadPosition,
    ReleasedDeliveries,
    ScopeSettings,
    ThreadUpdate,
)
from chat_service.storage.record import StateRecord
from chat_service.storage.serde import set_record

MAX_THREADS = 500
MAX_POSTPONED = 500


class StoredSettings(StateRecord):
    """The overrides of this scope. `off` repeats the rule, so that a turn finds it without loading the rules."""

    overrides: Overrides = Overrides()
    off: bool = False


class StoredParent(StateRecord):
    """The channel around a thread that is a scope of its own."""

    scope: str = ""


class StoredRules(StateRecord):
    """The rules of this scope."""

    rules: ChannelRules = ChannelRules()


class StoredThreads(StateRecord):
    """The conversations of this channel, the most recently used last."""

    threads: list[ChannelThread] = []


class StoredReadPosition(StateRecord):
    """The position up to which the channel was read."""

    position: str = ""


class PostponedDeliveries(StateRecord):
    """Deliveries that wait until the platform's bot is registered."""

    deliveries: list[PostponedDelivery] = []


async def configure(ctx: ObjectContext, request: ConfigureRequest) -> Overrides:
    """Change the overrides of this scope. Conversations in it use them from their next turn on."""
    settings = await ctx.get("settings", type_hint=StoredSettings) or StoredSettings()
    settings.overrides = request.apply_to(settings.overrides)
    set_record(ctx, "settings", settings)
    return settings.overrides


async def get_overrides(ctx: ObjectSharedContext) -> Overrides:
    """Return the overrides of this scope alone."""
    return (await ctx.get("settings", type_hint=StoredSettings) or StoredSettings()).overrides


async def get_scope_settings(ctx: ObjectSharedContext) -> ScopeSettings:
    """Return the overrides of this scope and, for a thread, those of its parent channel."""
    settings = await ctx.get("settings", type_hint=StoredSettings) or StoredSettings()
    parent_scope = (await ctx.get("parent", type_hint=StoredParent) or StoredParent()).scope
    if not parent_scope:
        return ScopeSettings(own=settings.overrides, off=settings.off)
    parent = await call(ctx, handlers.CHANNEL_GET_SCOPE_SETTINGS, parent_scope, None)
    return ScopeSettings(own=settings.overrides, parent=parent.own, off=settings.off or parent.off)


async def get(ctx: ObjectSharedContext, request: ChannelViewRequest) -> ChannelView:
    """Return the rules, the requested thread and the read position of this channel."""
    threads = (await ctx.get("threads", type_hint=StoredThreads) or StoredThreads()).threads
    return ChannelView(
        rules=(await ctx.get("rules", type_hint=StoredRules) or StoredRules()).rules,
        thread=_find(threads, request.conversation),
        is_full=len(threads) >= MAX_THREADS,
        position=(await ctx.get("read_position", type_hint=StoredReadPosition) or StoredReadPosition()).position,
    )


async def set_rules(ctx: ObjectContext, change: ChannelRulesChange) -> ChannelRules:
    """Change the rules of this scope."""
    stored = await ctx.get("rules", type_hint=StoredRules) or StoredRules()
    stored.rules = stored.rules.model_copy(update=change.model_dump(exclude_none=True))
    set_record(ctx, "rules", stored)
    if change.off is not None:
        settings = await ctx.get("settings", type_hint=StoredSettings) or StoredSettings()
        set_record(ctx, "settings", settings.model_copy(update={"off": change.off}))
    return stored.rules


async def get_threads(ctx: ObjectSharedContext) -> ChannelThreads:
    """Return the conversations of this channel that the bot takes part in, the most recently used last."""
    return ChannelThreads(threads=(await ctx.get("threads", type_hint=StoredThreads) or StoredThreads()).threads)


async def update_thread(ctx: ObjectContext, request: ThreadUpdate) -> None:
    """Store that the bot takes part in a conversation, or how far it was read. Idempotent."""
    stored = await ctx.get("threads", type_hint=StoredThreads) or StoredThreads()
    known = _find(stored.threads, request.conversation)
    if known is None and not request.active:
        return
    if request.parent_scope:
        set_record(ctx, "parent", StoredParent(scope=request.parent_scope))
    thread = known or ChannelThread(conversation=request.conversation)
    thread.gap_start = thread.gap_start if request.gap_start is None else request.gap_start
    if request.unread:
        thread.gap_start = thread.gap_start or thread.position or FIRST_POSITION
    thread.position = max(thread.position, request.position)
    thread.muted = thread.muted if request.muted is None else request.muted
    stored.threads = _bounded([*(other for other in stored.threads if other is not known), thread])
    set_record(ctx, "threads", stored)


def _find(threads: list[ChannelThread], conversation: str | None) -> ChannelThread | None:
    return next((thread for thread in threads if thread.conversation == conversation), None)


def _bounded(threads: list[ChannelThread]) -> list[ChannelThread]:
    """Return at most `MAX_THREADS` threads. The oldest are dropped first, but muted ones after all others, because
    `muted` is stored nowhere else."""
    excess = max(len(threads) - MAX_THREADS, 0)
    dropped = {thread.conversation for thread in [t for t in threads[:-1] if not t.muted][:excess]}
    return [thread for thread in threads if thread.conversation not in dropped][-MAX_THREADS:]


async def advance_read_position(ctx: ObjectContext, request: ReadPosition) -> None:
    """Store the position up to which the channel was read. It never moves backwards."""
    stored = await ctx.get("read_position", type_hint=StoredReadPosition) or StoredReadPosition()
    if request.position > stored.position:
        set_record(ctx, "read_position", StoredReadPosition(position=request.position))


async def postpone_delivery(ctx: ObjectContext, delivery: PostponedDelivery) -> None:
    """Keep a delivery until the platform's bot is registered. Beyond `MAX_POSTPONED` the oldest are dropped: their
    replies stay in the history, marked as undelivered."""
    stored = await ctx.get("postponed", type_hint=PostponedDeliveries) or PostponedDeliveries()
    stored.deliveries = [*stored.deliveries, delivery][-MAX_POSTPONED:]
    set_record(ctx, "postponed", stored)


async def release_deliveries(ctx: ObjectContext) -> ReleasedDeliveries:
    """Send the postponed deliveries to the platform's bot, each once and in order."""
    stored = await ctx.get("postponed", type_hint=PostponedDeliveries) or PostponedDeliveries()
    for delivery in stored.deliveries:
        key = keys.parse(delivery.conversation)
        if key is not None and (deliver := handlers.delivery_handler(key.platform)):
            send(ctx, deliver, delivery.conversation, delivery.request)
    ctx.clear("postponed")
    return ReleasedDeliveries(deliveries=len(stored.deliveries))


async def forget(ctx: ObjectContext) -> None:
    """Delete everything that is stored for this scope."""
    ctx.clear_all()
