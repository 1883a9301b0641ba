"""`Summaries`: writes a conversation's rolling summary, beside it and never in front of a waiting person.

A summary that fails, or comes late, delays nobody and loses nothing: the next one starts from where the last
summary that was applied ended, and reads from the history what has left the window since.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from restate import Context, ObjectContext, RunOptions, Service

from chat_service import runtime
from chat_service.contracts import Contract, History, HistoryRequest, Message
from chat_service.domain import context, summary_policy
from chat_service.domain.conversation import Conversation
from chat_service.models.completion import ask
from chat_service.models.protocol import Failure, ModelError, Prompt
from chat_service.objects import invocation_policy
from chat_service.objects.chat_client import ask_chat, send_to_chat
from chat_service.storage.serde import set_record
from chat_service.turn.token_budget import budget_of

log = logging.getLogger(__name__)

PAGE = 100
MOST = 800
"""Messages that one summary reads at most; of a longer gap, the newest."""
TRIES = 4

service = Service(
    "Summaries",
    description="Writes the rolling summaries of conversations.",
    ingress_private=True,
    invocation_retry_policy=invocation_policy.PATIENT,
    inactivity_timeout=timedelta(hours=1),
    abort_timeout=timedelta(hours=1),
    journal_retention=invocation_policy.NONE,
)


class SummaryRequest(Contract):
    """Fold the messages after `after`, up to `upto`, into `summary`.

    They come along, unless some have scrolled out already (a summary before this one failed): then they are read.
    """

    conversation: str
    epoch: int
    after: int
    upto: int
    summary: str = ""
    characters: int
    messages: list[Message] = []


class Summarised(Contract):
    """A summary of everything up to `upto`."""

    epoch: int
    upto: int
    text: str


@service.handler()
async def write(ctx: Context, request: SummaryRequest) -> None:
    """Read, fold, hand over. Every piece is a step of its own, so that a crash repeats one piece, not all."""
    budget = context.Budget(request.characters)
    messages = request.messages or await _messages(ctx, request)
    summary = request.summary
    for lines in summary_policy.chunks(messages, budget):
        prompt = summary_policy.prompt(summary, lines, budget)

        async def fold(prompt: Prompt = prompt) -> str:
            """Run twice, the model is asked twice. An empty text means that it has no summary to give."""
            try:
                return (await ask(runtime.current().models, prompt)).strip()
            except ModelError as error:
                if error.failure is Failure.RETRY:
                    raise
                log.warning("no summary for %s: %s", request.conversation, error.message)
                return ""

        options: RunOptions[str] = RunOptions(
            max_attempts=TRIES,
            initial_retry_interval=timedelta(seconds=1),
            retry_interval_factor=4,
            max_retry_interval=timedelta(seconds=30),
        )
        summary = summary_policy.clipped(await ctx.run_typed("summary", fold, options), budget)
        if not summary:
            return  # the next request will cover this part too
    send_to_chat(
        ctx,
        request.conversation,
        "apply_summary",
        Summarised(epoch=request.epoch, upto=request.upto, text=summary),
    )


async def _messages(ctx: Context, request: SummaryRequest) -> list[Message]:
    found: list[Message] = []
    before: int | None = request.upto + 1
    while before is not None and before - 1 > request.after and len(found) < MOST:
        asked = HistoryRequest(before=before, limit=min(PAGE, before - 1 - request.after))
        page = await ask_chat(ctx, request.conversation, "get_history", asked, History)
        found = page.messages + found
        before = page.next_before
    return [m for m in found if m.seq > request.after]


def summarise(ctx: ObjectContext, conversation: Conversation, system: str) -> None:
    """Have a summary written, beside the conversation, when one is wanted beside this system prompt. To be called
    before the state is saved."""
    meta = conversation.meta
    upto = summary_policy.wanted(conversation, budget_of(runtime.current().settings, meta), system)
    if upto is not None:
        meta.summary_asked = upto
        send_for_summary(ctx, conversation, upto)


def summarise_anew(ctx: ObjectContext, conversation: Conversation) -> None:
    """Have a summary written in the place of one that told of what is shown no longer. To be called after the state
    is saved: whoever writes it must not read what was shown before."""
    if not conversation.lost_summary:
        return
    upto = summary_policy.anew(conversation, budget_of(runtime.current().settings, conversation.meta))
    conversation.lost_summary = 0
    if upto:
        conversation.meta.summary_asked = upto
        set_record(ctx, "meta", conversation.meta)
        send_for_summary(ctx, conversation, upto)


def send_for_summary(ctx: ObjectContext, conversation: Conversation, upto: int) -> None:
    """Have everything up to `upto` folded into the summary that stands."""
    meta, held = conversation.meta, conversation.recent.messages
    after = conversation.summarised
    request = SummaryRequest(
        conversation=ctx.key(),
        epoch=meta.summary_epoch,
        after=after,
        upto=upto,
        summary=meta.summary,
        characters=budget_of(runtime.current().settings, meta).characters,
        messages=[m for m in held if after < m.seq <= upto] if held and held[0].seq <= after + 1 else [],
    )
    # By name, since the handler's own serde would send every default along: twice the bytes.
    ctx.generic_send("Summaries", "write", request.model_dump_json(exclude_defaults=True).encode())
