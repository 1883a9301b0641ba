"""How a turn is answered: model steps, the durable pauses between them, and the stop that may end either.

Journal entries of a turn that goes well: one, the model step. Every further try costs a sleep and a step.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import restate
from restate import ObjectContext, RunOptions, TerminalError
from restate.server_context import DisconnectedException

from chat_service.contracts import Message, RunningTurn, utc
from chat_service.domain import context, summary_policy
from chat_service.domain.conversation import Conversation
from chat_service.domain.settings import EffectiveSettings
from chat_service.live import LiveEvent
from chat_service.models.protocol import ChatModel, Prompt
from chat_service.runtime import Runtime
from chat_service.settings import Settings
from chat_service.storage.clock import now
from chat_service.storage.serde import RecordSerde
from chat_service.storage.state import TurnResult, fill_in_time, set_start_time
from chat_service.turn.cancellation import CancelToken
from chat_service.turn.model_step import StepContext, StepResult, run
from chat_service.turn.token_budget import context_tokens, prompt_budget, shrink_after_rejection, update_from_usage

log = logging.getLogger(__name__)

STOP_SIGNAL = "stop"
STEP_ATTEMPTS = 3
"""How often a step that raises is run; it only raises by a mistake of ours, see `speech`."""
MAX_PAUSE_SECONDS = 30.0
MAX_RETRY_AFTER_SECONDS = 120.0
"""A provider that wants to be left alone for longer than this counts as away."""
FALLBACK_AFTER = 2
"""Tries of the first model before the second one is asked, where there is one."""
TRIMS = 4
"""How often an over-long context is trimmed before the turn is told as failed."""

BROKEN = "Something went wrong on our side while answering. Nothing was lost: please try again."
CANCELLED = "The turn was cancelled by an operator. Please try again."


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which model is asked next, how often it was asked, and how much fits."""

    tries: int = 0
    trims: int = 0
    on_fallback: bool = False


def retry_delay(tries: int, retry_after: float | None) -> float:
    """Seconds to wait before try number `tries` + 1: the provider's wish, or 0.5 s doubling up to 30 s."""
    if retry_after is not None:
        return min(max(retry_after, 0.05), MAX_RETRY_AFTER_SECONDS)
    return float(min(0.5 * 2 ** (tries - 1), MAX_PAUSE_SECONDS))


async def answer_turn(
    ctx: ObjectContext,
    runtime: Runtime,
    conversation: Conversation,
    history: list[Message],
    question: list[Message],
    effective: EffectiveSettings,
) -> TurnResult:
    """`answer`, with the one outer guard: whatever is raised becomes a told failure, and the key goes on.

    Raises:
        TerminalError: never; a cancellation (409) is told as a stopped turn.
    """
    running = conversation.meta.running
    if running is None:
        raise ValueError("no turn is running")
    try:
        return await answer(ctx, runtime, conversation, history, question, effective)
    except TerminalError as error:
        if error.status_code == 409:
            return TurnResult(status="stopped", error=CANCELLED, at=await now(ctx))
        log.error("turn %s of %s failed: %s", running.turn, ctx.key(), error.message)
    except DisconnectedException:
        raise  # the engine went away in mid-attempt; it will come back and run the handler again
    except Exception:
        log.exception("turn %s of %s failed", running.turn, ctx.key())
    return TurnResult(status="failed", error=BROKEN, at=await now(ctx))


async def answer(
    ctx: ObjectContext,
    runtime: Runtime,
    conversation: Conversation,
    history: list[Message],
    question: list[Message],
    effective: EffectiveSettings,
) -> TurnResult:
    """Ask until there is an answer, a stop, or nothing left to try."""
    meta, models = conversation.meta, runtime.models
    stop = ctx.signal(STOP_SIGNAL, type_hint=str)
    plan = _Plan()
    first_start: float | None = None
    while True:
        model = models.fallback if plan.on_fallback and models.fallback else models.primary
        asked = _asked(runtime.settings, effective, plan)
        prompt = partial(_prompt, runtime, conversation, history, effective, plan, asked)
        spoken = await _step(ctx, runtime, meta.running, model, asked, question, prompt, stop)
        question = fill_in_time(question, spoken.started_at)
        if meta.running:
            set_start_time(meta.running, spoken.started_at)
        ended = spoken.at.timestamp()
        first_start = first_start if first_start is not None else ended - spoken.seconds
        if spoken.outcome in ("answered", "stopped", "failed"):
            update_from_usage(meta, spoken)
            return _answer(spoken, first_start)
        if spoken.outcome == "too_long":
            shrink_after_rejection(meta, spoken)
            plan = replace(plan, trims=plan.trims + 1)
            if plan.trims > TRIMS:
                return _answer(spoken.model_copy(update={"outcome": "failed"}), first_start)
            continue
        plan = replace(plan, tries=plan.tries + 1)
        plan, wait = _next_try(runtime, plan, spoken.retry_after)
        if wait is None:
            return _answer(spoken.model_copy(update={"outcome": "failed"}), first_start)
        stopped = await _pause(ctx, runtime, meta.running, spoken, wait, stop)
        if stopped is not None:
            return _answer(spoken.model_copy(update={"outcome": "stopped", "error": None}), first_start, stopped)


def _next_try(runtime: Runtime, plan: _Plan, retry_after: float | None) -> tuple[_Plan, float | None]:
    """The plan for the next try and the pause before it in seconds; None when all tries are used up."""
    away = retry_after is not None and retry_after > MAX_RETRY_AFTER_SECONDS
    has_fallback = runtime.models.fallback is not None and not plan.on_fallback
    limit = min(FALLBACK_AFTER, runtime.settings.model_max_attempts)
    if has_fallback and (away or plan.tries >= limit):
        return _Plan(trims=plan.trims, on_fallback=True), 0.0
    if away or plan.tries >= runtime.settings.model_max_attempts:
        return plan, None
    return plan, retry_delay(plan.tries, retry_after)


def _asked(settings: Settings, effective: EffectiveSettings, plan: _Plan) -> str:
    """The name of the model that is asked, as the settings have it."""
    if plan.on_fallback:
        return settings.fallback_model or "the fallback"
    return effective.model or settings.openai_model or "the first"


def _prompt(
    runtime: Runtime,
    conversation: Conversation,
    history: list[Message],
    effective: EffectiveSettings,
    plan: _Plan,
    asked: str,
    question: list[Message],
) -> Prompt:
    meta, settings = conversation.meta, runtime.settings
    budget = prompt_budget(settings, meta, asked)
    said = meta.running.partial_text if meta.running else ""
    prompt = context.build_prompt(
        summary_policy.prompt_with_summary(effective.prompt, meta.summary, budget), history, question, budget, said
    )
    return replace(
        prompt,
        temperature=effective.temperature,
        max_output_tokens=min(settings.model_max_output_tokens, context_tokens(settings, meta, asked) // 2),
        # A conversation's own model is a model of the first endpoint; the fallback answers with its own.
        model=None if plan.on_fallback else effective.model,
    )


async def _step(
    ctx: ObjectContext,
    runtime: Runtime,
    running: RunningTurn | None,
    model: ChatModel,
    asked: str,
    question: list[Message],
    prompt_of: Callable[[list[Message]], Prompt],
    stop: restate.RestateDurableFuture[str],
) -> StepResult:
    if running is None:
        raise ValueError("no turn is running")
    halt = CancelToken()
    known = running.started_at

    async def call() -> StepResult:
        """Run twice, the model is asked twice. What the handler knows is not touched: a replay must find the same."""
        began = known or utc(time.time())
        shown = running.model_copy(update={"started_at": began, "question": fill_in_time(running.question, began)})
        prompt = prompt_of(fill_in_time(question, began))
        stage = StepContext(ctx.key(), shown, runtime.bus, runtime.cancellations)
        spoken = await run(model, prompt, stage, halt, runtime.settings.model_max_seconds)
        spoken.requested_model, spoken.prompt_characters, spoken.shortened = asked, context.prompt_size(prompt), prompt.shortened
        return spoken

    step = ctx.run_typed("model", call, RunOptions(serde=RecordSerde(StepResult), max_attempts=STEP_ATTEMPTS))
    who, value = await restate.select(step=step, stop=stop)
    if who == "stop":
        # The step runs in this very process: it ends at once and gives back what was already said.
        halt.set(value or None)
        spoken: StepResult = await step
        if spoken.outcome != "answered":
            spoken = spoken.model_copy(update={"outcome": "stopped", "error": None, "stop_all_marker": value or None})
        else:
            spoken = spoken.model_copy(update={"stop_all_marker": value or None})
        return spoken
    return StepResult.model_validate(value)


async def _pause(
    ctx: ObjectContext,
    runtime: Runtime,
    running: RunningTurn | None,
    spoken: StepResult,
    seconds: float,
    stop: restate.RestateDurableFuture[str],
) -> str | None:
    """Wait durably; gives the stop's mark (empty for a plain stop) when somebody stopped it, else None."""
    if seconds <= 0 or running is None:
        return None
    event = LiveEvent(
        conversation=ctx.key(),
        kind="retry",
        turn=running.turn,
        seconds=seconds,
        text=spoken.error or "the model failed",
    )

    async def announce() -> None:
        """Run twice, the windows count down anew."""
        runtime.bus.publish(event)

    await ctx.run_typed("announce the pause", announce)
    who, value = await restate.select(sleep=ctx.sleep(timedelta(seconds=seconds)), stop=stop)
    return str(value or "") if who == "stop" else None


def _answer(spoken: StepResult, started: float, drain: str | None = None) -> TurnResult:
    status = spoken.outcome
    return TurnResult(
        status="failed" if status in ("retry", "too_long") else status,
        text=spoken.text,
        error=spoken.error,
        model=spoken.model or None,
        usage=spoken.usage,
        seconds=round(spoken.at.timestamp() - started, 3),
        cut=spoken.cut,
        shortened=spoken.shortened and status == "answered",
        at=spoken.at,
        stop_all_marker=drain or spoken.stop_all_marker,
    )
