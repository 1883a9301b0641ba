"""Decides which conversation answers a message on a platform whose channels are conversations.

That is the channel's own conversation, or one in a thread that is opened for the question.
"""

from __future__ import annotations

import logging

from restate import ObjectContext, RunOptions

from bots.common.dependencies import IntakeDependencies, scope_of
from bots.common.errors import PermanentError
from bots.common.events import MessageEvent
from chat_service import calls, handlers, keys
from chat_service.contracts import HistoryRequest
from chat_service.contracts.channel import ChannelThread, ChannelView, ChannelViewRequest
from chat_service.storage.record import StateRecord
from chat_service.storage.serde import set_record

log = logging.getLogger(__name__)

MAX_ROUTED = 200


class RoutedQuestions(StateRecord):
    """The conversations that answer the latest questions of a channel, by message id.

    A setting decides where a question is answered; a repeat must get the same key after the setting has changed.
    """

    conversations: dict[str, str] = {}


def may_open_thread(deps: IntakeDependencies, key: keys.ConversationKey, event: MessageEvent) -> bool:
    """Return whether a thread can be opened from the message: it is in a channel and contains something to answer."""
    is_in_channel = not (event.is_direct_message or event.parent_scope or key.thread)
    return deps.open_thread is not None and is_in_channel and event.has_question_content


async def resolve(ctx: ObjectContext, deps: IntakeDependencies, event: MessageEvent, *, in_thread: bool) -> str:
    """Return the key of the conversation that answers a question. The first decision for a message is kept."""
    routed = await ctx.get("routed_questions", type_hint=RoutedQuestions) or RoutedQuestions()
    if (conversation := routed.conversations.get(event.id)) is not None:
        return conversation
    conversation = await _open_thread(ctx, deps, event) if in_thread else ctx.key()
    routed.conversations = dict([*routed.conversations.items(), (event.id, conversation)][-MAX_ROUTED:])
    set_record(ctx, "routed_questions", routed)
    return conversation


async def with_own_thread(ctx: ObjectContext, channel: ChannelView) -> ChannelView:
    """Return the channel with this conversation as its thread, even if the channel has more threads than it lists.

    A full list may lack this conversation, so its history is asked for.
    """
    if channel.thread is not None or not channel.is_full:
        return channel
    page = await calls.call(ctx, handlers.CHAT_GET_HISTORY, ctx.key(), HistoryRequest(limit=1))
    if not (page.messages or page.running or page.waiting):
        return channel
    return channel.model_copy(update={"thread": ChannelThread(conversation=ctx.key())})


async def find_conversation(
    ctx: ObjectContext, deps: IntakeDependencies, event: MessageEvent, channel: ChannelView
) -> str | None:
    """Return the conversation that holds an edited or deleted message; None if the bot takes no part in it."""
    if deps.open_thread is not None and not event.parent_scope:
        routed = await ctx.get("routed_questions", type_hint=RoutedQuestions) or RoutedQuestions()
        if (conversation := routed.conversations.get(event.id)) is not None:
            return conversation
        if not event.is_direct_message:
            thread = f"{scope_of(ctx).rpartition(':')[0]}:{event.id}"
            view = await calls.call(ctx, handlers.CHANNEL_GET, thread, ChannelViewRequest(conversation=thread))
            if view.thread is not None:
                return thread
    return ctx.key() if channel.thread is not None else None


async def _open_thread(ctx: ObjectContext, deps: IntakeDependencies, event: MessageEvent) -> str:
    assert deps.open_thread is not None  # noqa: S101  may_open_thread has checked it
    open_thread = deps.open_thread

    async def attempt() -> str:
        """May run twice: the second run finds the thread that the first has opened."""
        try:
            return await open_thread(ctx.key(), event)
        except PermanentError as error:
            log.warning("no thread can be opened in %s, so the answer goes into the channel: %s", ctx.key(), error)
            return ctx.key()

    conversation: str = await ctx.run_typed("open a thread", attempt, RunOptions(type_hint=str))
    return conversation
