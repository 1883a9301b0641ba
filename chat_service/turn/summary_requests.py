"""Requests for a conversation's rolling summary, which `Background` writes while the conversation goes on."""

from __future__ import annotations

from restate import ObjectContext

from chat_service import handlers, runtime
from chat_service.calls import send
from chat_service.contracts.background import SummaryRequest
from chat_service.domain import summary_policy
from chat_service.domain.conversation import Conversation
from chat_service.storage.serde import set_record
from chat_service.turn.token_budget import prompt_budget


def request_summary(ctx: ObjectContext, conversation: Conversation, system_prompt: str) -> None:
    """Request a summary if the conversation needs one beside this system prompt. Call it before the state is saved."""
    meta = conversation.meta
    budget = prompt_budget(runtime.current().settings, meta)
    upto = summary_policy.needed_summary_upto(conversation, budget, system_prompt)
    if upto is not None:
        meta.summary_requested_upto = upto
        send_summary_request(ctx, conversation, upto)


def request_replacement_summary(ctx: ObjectContext, conversation: Conversation) -> None:
    """Request a summary in place of one that covered messages which are no longer shown.

    Call it after the state is saved: the writer must not read the messages that were shown before.
    """
    if not conversation.stale_summary_upto:
        return
    meta = conversation.meta
    upto = summary_policy.replacement_summary_upto(conversation, prompt_budget(runtime.current().settings, meta))
    conversation.stale_summary_upto = 0
    if upto:
        meta.summary_requested_upto = upto
        set_record(ctx, "meta", meta)
        send_summary_request(ctx, conversation, upto)


def send_summary_request(ctx: ObjectContext, conversation: Conversation, upto: int) -> None:
    """Request a summary of everything up to `upto`, which extends the existing summary."""
    meta, held = conversation.meta, conversation.recent.messages
    after = conversation.verbatim_after
    request = SummaryRequest(
        conversation=ctx.key(),
        epoch=meta.summary_epoch,
        after=after,
        upto=upto,
        summary=meta.summary,
        characters=prompt_budget(runtime.current().settings, meta).characters,
        messages=[m for m in held if after < m.seq <= upto] if held and held[0].seq <= after + 1 else [],
    )
    send(ctx, handlers.BACKGROUND_WRITE_SUMMARY, None, request)
