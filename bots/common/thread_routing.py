"""Which conversation answers a message, on a platform whose channels are conversations: the channel's own, or one in a
thread that is opened for the question."""

from __future__ import annotations

import logging

from restate import ObjectContext, RunOptions

from bots.common.dependencies import IntakeDependencies, scope_of
from bots.common.errors import PermanentError
from bots.common.events import MessageEvent
from chat_service import keys
from chat_service.contracts import HistoryRequest
from chat_service.objects.channel_threads import Place, PlaceRequest, Thread, look
from chat_service.objects.chat import get_history
from chat_service.storage.record import StateRecord
from chat_service.storage.serde import set_record

log = logging.getLogger(__name__)

KEPT_HOMES = 200


class RoutedThreads(StateRecord):
    """Where the latest questions of a channel are answered, by message id: a setting may decide it, and a repeat must
    get the same key after the setting has changed."""

    homes: dict[str, str] = {}


def may_branch(it: IntakeDependencies, key: keys.ConversationKey, heard: MessageEvent) -> bool:
    """Whether the message stands in a channel, where a thread can be opened from it, and says something to answer."""
    return (
        it.branch is not None
        and not (heard.is_direct_message or heard.parent_scope or key.thread)
        and heard.has_question_content
    )


async def resolve(ctx: ObjectContext, it: IntakeDependencies, heard: MessageEvent, *, in_thread: bool) -> str:
    """The conversation that answers a question: the channel's, or one in a thread of its own. The first decision
    stays."""
    known = await ctx.get("homes", type_hint=RoutedThreads) or RoutedThreads()
    if (home := known.homes.get(heard.id)) is not None:
        return home
    home = await _branch(ctx, it, heard) if in_thread else ctx.key()
    known.homes = dict([*known.homes.items(), (heard.id, home)][-KEPT_HOMES:])
    set_record(ctx, "homes", known)
    return home


async def as_it_was(ctx: ObjectContext, place: Place) -> Place:
    """The place with the conversation that is of interest, also when the bot takes part in more of them than are
    listed: then the conversation itself is asked."""
    if place.thread is not None or not place.full:
        return place
    page = await ctx.object_call(get_history, ctx.key(), HistoryRequest(limit=1))
    if not (page.messages or page.running or page.waiting):
        return place
    return place.model_copy(update={"thread": Thread(conversation=ctx.key())})


async def known_conversation(
    ctx: ObjectContext, it: IntakeDependencies, heard: MessageEvent, channel: Place
) -> str | None:
    """The conversation that a changed message belongs to; None when the bot never took part."""
    if it.branch is not None and not heard.parent_scope:
        known = await ctx.get("homes", type_hint=RoutedThreads) or RoutedThreads()
        if (home := known.homes.get(heard.id)) is not None:
            return home
        own = f"{scope_of(ctx).rpartition(':')[0]}:{heard.id}"
        if (
            not heard.is_direct_message
            and (await ctx.object_call(look, own, PlaceRequest(conversation=own))).thread is not None
        ):
            return own
    return ctx.key() if channel.thread is not None else None


async def _branch(ctx: ObjectContext, it: IntakeDependencies, heard: MessageEvent) -> str:
    assert it.branch is not None  # noqa: S101
    branch = it.branch

    async def attempt() -> str:
        """Run twice it finds the thread that it opened."""
        try:
            return await branch(ctx.key(), heard)
        except PermanentError as gone:
            log.warning("no thread can be opened in %s, so the answer goes into the channel: %s", ctx.key(), gone)
            return ctx.key()

    home: str = await ctx.run_typed("open a thread", attempt, RunOptions(type_hint=str))
    return home
