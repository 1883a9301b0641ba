"""Run a turn from its message to its reply, for the exclusive handlers of `Chat`.

The journal of a turn at the bare ingress has nine entries: the input; read `meta`; read `recent` (both are preloaded
and cost no round trip); write `meta` (the question, before the model is called); the model step, and its result (which
also sets the time of a message that came without one); write `recent`; write `meta`; the output. Every tenth turn also
requests a summary, and a slightly later one sends a page to the Transcript. A turn of a platform also takes its message
from the queue, reads the settings of its scopes, and updates the directories.
"""

from __future__ import annotations

from dataclasses import replace

from restate import ObjectContext, ObjectSharedContext, TerminalError

from chat_service import handlers, keys, runtime
from chat_service.calls import call, call_all, send
from chat_service.contracts import Inbound, Message, Overrides, Reply, RunningTurn
from chat_service.contracts.queue import TakeRequest
from chat_service.contracts.quota import TokenUsage
from chat_service.domain.conversation import Conversation
from chat_service.domain.replies import to_reply
from chat_service.domain.settings import EffectiveSettings, resolve
from chat_service.storage import persistence
from chat_service.storage.clock import now
from chat_service.storage.serde import set_record
from chat_service.storage.state import TurnResult, set_start_time
from chat_service.turn import deduplication, delivery_request, directory_updates, summary_requests
from chat_service.turn.retry_loop import answer_turn

SWITCHED_OFF = "I was switched off here before your turn came. Nothing was lost: ask again when I am back."
TITLE_AFTER_TURNS = (1, 3)
"""Turns after which a title is written: the first immediately, a better one when the subject is clear."""


async def take_question(
    ctx: ObjectContext, conversation: Conversation, inbound: Inbound
) -> tuple[list[Inbound] | None, EffectiveSettings]:
    """Return the question to answer now, and the settings in force. The question is None when it went to the queue.

    Raises:
        TerminalError: 400 for a queued message without an id.
    """
    settings = await effective_settings(ctx, conversation)
    if inbound.queued:
        if inbound.id is None:
            raise TerminalError("a message from the queue needs an id", status_code=400)
        together = settings.combines_bursts and not conversation.meta.stop_all_marker
        taken = await call(ctx, handlers.QUEUE_TAKE, ctx.key(), TakeRequest(id=inbound.id, together=together))
        if taken.again:
            return await deduplication.drop_repeats(ctx, conversation, taken.messages), settings
        return taken.messages, settings
    if settings.combines_bursts and inbound.expects_reply:
        queued = inbound.model_copy(update={"id": inbound.id or str(ctx.uuid()), "gathered": True})
        send(ctx, handlers.QUEUE_ADD, ctx.key(), queued)
        return None, settings
    return [inbound], settings


async def run_turn(
    ctx: ObjectContext, conversation: Conversation, settings: EffectiveSettings, *, replaces_question: bool = False
) -> Reply:
    """Answer the open turn and store the result.

    `replaces_question`: the turn's question is shown instead of an earlier one from now on.

    Raises:
        ValueError: no turn is running.
    """
    running = conversation.meta.running
    if running is None:
        raise ValueError("no turn is running")
    set_record(ctx, "meta", conversation.meta)
    if replaces_question:
        set_record(ctx, "recent", conversation.recent)
        summary_requests.request_replacement_summary(ctx, conversation)
    await _update_directories_at_start(ctx, conversation, running)
    history = [m for m in conversation.verbatim_messages() if m.turn != running.turn]
    question = running.question or [
        m for m in conversation.recent.messages if m.turn == running.turn and m.role == "user"
    ]
    undelivered = await delivery_request.request_delivery(ctx, running, question)
    if settings.off:  # switched off while the message waited; later messages do not get here
        result = TurnResult(status="failed", error=SWITCHED_OFF, at=await now(ctx))
    else:
        result = await answer_turn(ctx, runtime.current(), conversation, history, question, settings)
    set_start_time(running, result.at)
    reply = conversation.close_turn(result)
    reply.undelivered = undelivered
    summary_requests.request_summary(ctx, conversation, settings.prompt)
    await persistence.save(ctx, conversation)
    summary_requests.request_replacement_summary(ctx, conversation)
    if keys.parse(ctx.key()):
        _charge_quotas(ctx, reply, question)
        if reply.turn in TITLE_AFTER_TURNS or (replaces_question and conversation.is_first_shown_turn(reply.turn)):
            directory_updates.request_title(ctx, conversation)
        directory_updates.update_directories(ctx, conversation, reply.at, question)
    return to_reply(reply)


async def fail_turn(ctx: ObjectContext, conversation: Conversation, reason: str) -> Reply:
    """Close the open turn as failed without calling the model."""
    at = await now(ctx)
    if conversation.meta.running:
        set_start_time(conversation.meta.running, at)
    reply = conversation.close_turn(TurnResult(status="failed", error=reason, at=at))
    await persistence.save(ctx, conversation)
    return to_reply(reply)


async def effective_settings(ctx: ObjectContext, conversation: Conversation) -> EffectiveSettings:
    """Return the settings in force for the conversation."""
    return await resolve_settings(ctx, conversation.meta.overrides)


async def resolve_settings(ctx: ObjectContext | ObjectSharedContext, overrides: Overrides) -> EffectiveSettings:
    """Return the settings in force, from the deployment's to the conversation's own `overrides`.

    The scopes are read at the same time.
    """
    key = keys.parse(ctx.key())
    scopes = key.scopes if key else ()
    scope_settings = await call_all(ctx, handlers.CHANNEL_GET_SCOPE_SETTINGS, [(scope, None) for scope in scopes])
    names = ("workspace", "channel")[-len(scopes) :] if scopes else ()
    layers: list[tuple[str, Overrides]] = []
    off = False
    for name, scope in zip(names, scope_settings, strict=True):
        off = off or scope.off
        layers += [(name, scope.own)] if scope.parent is None else [(name, scope.parent), ("thread", scope.own)]
    layers.append(("conversation", overrides))
    process = runtime.current()
    return replace(resolve(process.settings, process.personas, layers, in_chat=key is not None), off=off)


async def _update_directories_at_start(ctx: ObjectContext, conversation: Conversation, running: RunningTurn) -> None:
    """List a new conversation immediately, and any conversation for new people: a request to forget them during the
    turn has to find it."""
    if conversation.meta.title == "" and keys.parse(ctx.key()):
        question = [*running.question, *(m for m in conversation.recent.messages if m.turn == running.turn)]
        directory_updates.update_directories(ctx, conversation, await now(ctx), question)
    else:
        await directory_updates.list_for_new_people(ctx, conversation)


def _charge_quotas(ctx: ObjectContext, reply: Message, question: list[Message]) -> None:
    """Send the tokens that a turn used to the quotas of its person and its channel, where a limit is set."""
    key = keys.parse(ctx.key())
    limits = runtime.current().settings
    if key is None or key.platform == "web" or reply.usage is None:
        return
    tokens = TokenUsage(tokens=reply.usage.prompt + reply.usage.completion)
    person = next((m.author.id for m in reversed(question) if m.author and m.author.id), "")
    if limits.person_tokens_per_day and person:
        send(ctx, handlers.QUOTA_ADD_TOKENS, f"{key.platform}:{key.space}:{person}", tokens)
    if limits.channel_tokens_per_day:
        send(ctx, handlers.QUOTA_ADD_TOKENS, key.scopes[-1], tokens)
