"""Answer a turn: model steps, the durable waits between them, and the stop that may end either.

A turn without failures writes one journal entry here, the model step. Every further attempt costs a sleep and a step.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import restate
from restate import ObjectContext, RestateDurableFuture, RunOptions, TerminalError
from restate.server_context import DisconnectedException

from chat_service.contracts import Message, RunningTurn, utc
from chat_service.domain import context, summary_policy
from chat_service.domain.conversation import Conversation
from chat_service.domain.settings import EffectiveSettings
from chat_service.live import LiveEvent
from chat_service.models.protocol import ChatModel, Prompt
from chat_service.runtime import Runtime
from chat_service.storage.clock import now
from chat_service.storage.serde import RecordSerde
from chat_service.storage.state import TurnResult, fill_in_time, set_start_time
from chat_service.turn import token_budget
from chat_service.turn.cancellation import CancelToken
from chat_service.turn.model_step import StepContext, StepResult, run

log = logging.getLogger(__name__)

STOP_SIGNAL = "stop"
MAX_STEP_RUNS = 3
"""Runs of a step that raises an exception, which only a bug can cause; see `model_step`."""
MAX_RETRY_DELAY_SECONDS = 30.0
MAX_RETRY_AFTER_SECONDS = 120.0
"""A provider that asks for a longer pause counts as unavailable."""
FALLBACK_AFTER_ATTEMPTS = 2
"""Attempts with the primary model before the fallback model is called, if there is one."""
MAX_TRIMS = 4
"""Times that a prompt which is too long is shortened before the turn fails."""

INTERNAL_ERROR = "Something went wrong on our side while answering. Nothing was lost: please try again."
CANCELLED = "The turn was cancelled by an operator. Please try again."


@dataclass(frozen=True, slots=True)
class _Turn:
    """The parts of a turn that stay the same in all attempts."""

    ctx: ObjectContext
    runtime: Runtime
    conversation: Conversation
    running: RunningTurn
    history: list[Message]
    effective: EffectiveSettings
    stop: RestateDurableFuture[str]


@dataclass(frozen=True, slots=True)
class _Plan:
    """The model to call next.

    Attributes:
        attempts: calls of this model that have failed.
        trims: times that the prompt was shortened.
        use_fallback: call the fallback model.
    """

    attempts: int = 0
    trims: int = 0
    use_fallback: bool = False


@dataclass(frozen=True, slots=True)
class _Stop:
    """A stop that arrived during a wait; the marker is None unless it was a "stop all"."""

    stop_all_marker: str | None


async def answer_turn(
    ctx: ObjectContext,
    runtime: Runtime,
    conversation: Conversation,
    history: list[Message],
    question: list[Message],
    effective: EffectiveSettings,
) -> TurnResult:
    """Answer the running turn. Every exception becomes a failed turn, so that the key continues with the next message.

    A cancelled invocation (TerminalError 409) becomes a stopped turn.

    Raises:
        ValueError: no turn is running.
        DisconnectedException: Restate closed the connection; it will run the handler again.
    """
    running = conversation.meta.running
    if running is None:
        raise ValueError("no turn is running")
    try:
        stop = ctx.signal(STOP_SIGNAL, type_hint=str)
        return await _answer(_Turn(ctx, runtime, conversation, running, history, effective, stop), question)
    except TerminalError as error:
        if error.status_code == 409:
            return TurnResult(status="stopped", error=CANCELLED, at=await now(ctx))
        log.error("turn %s of %s failed: %s", running.turn, ctx.key(), error.message)
    except DisconnectedException:
        raise
    except Exception:
        log.exception("turn %s of %s failed", running.turn, ctx.key())
    return TurnResult(status="failed", error=INTERNAL_ERROR, at=await now(ctx))


async def _answer(turn: _Turn, question: list[Message]) -> TurnResult:
    """Call models until one answers, the turn is stopped, or no attempt is left."""
    meta = turn.conversation.meta
    plan = _Plan()
    started: float | None = None
    while True:
        result = await _call_model(turn, plan, question)
        question = fill_in_time(question, result.started_at)
        set_start_time(turn.running, result.started_at)
        started = result.at.timestamp() - result.seconds if started is None else started
        if result.outcome == "too_long":
            token_budget.shrink_after_rejection(meta, result)
            plan = replace(plan, trims=plan.trims + 1)
            if plan.trims > MAX_TRIMS:
                return _turn_result(result, started)
            continue
        if result.outcome != "retry":
            token_budget.update_from_usage(meta, result)
            return _turn_result(result, started)
        plan, wait = _plan_retry(turn.runtime, replace(plan, attempts=plan.attempts + 1), result.retry_after)
        if wait is None:
            return _turn_result(result, started)
        stop = await _wait(turn, wait, result.error or "the model failed")
        if stop is not None:
            marker = stop.stop_all_marker or result.stop_all_marker
            stopped = {"outcome": "stopped", "error": None, "stop_all_marker": marker}
            return _turn_result(result.model_copy(update=stopped), started)


def _plan_retry(runtime: Runtime, plan: _Plan, retry_after: float | None) -> tuple[_Plan, float | None]:
    """Return the plan for the next attempt and the wait before it in seconds; None when no attempt is left."""
    is_unavailable = retry_after is not None and retry_after > MAX_RETRY_AFTER_SECONDS
    has_fallback = runtime.models.fallback is not None and not plan.use_fallback
    limit = min(FALLBACK_AFTER_ATTEMPTS, runtime.settings.model_max_attempts)
    if has_fallback and (is_unavailable or plan.attempts >= limit):
        return _Plan(trims=plan.trims, use_fallback=True), 0.0
    if is_unavailable or plan.attempts >= runtime.settings.model_max_attempts:
        return plan, None
    return plan, retry_delay(plan.attempts, retry_after)


def retry_delay(attempts: int, retry_after: float | None) -> float:
    """Return the seconds to wait after `attempts` failures: as the provider asked, or 0.5 s doubling up to 30 s."""
    if retry_after is not None:
        return min(max(retry_after, 0.05), MAX_RETRY_AFTER_SECONDS)
    return float(min(0.5 * 2 ** (attempts - 1), MAX_RETRY_DELAY_SECONDS))


async def _call_model(turn: _Turn, plan: _Plan, question: list[Message]) -> StepResult:
    """Run the model step, or end it when the turn is stopped."""
    token = CancelToken()
    started_at = turn.running.started_at

    async def call() -> StepResult:
        """Repeating it calls the model again. It must not change the handler's objects: a replay has to find them as
        they were."""
        return await _run_step(turn, plan, question, token, started_at or utc(time.time()))

    options = RunOptions(serde=RecordSerde(StepResult), max_attempts=MAX_STEP_RUNS)
    step = turn.ctx.run_typed("model", call, options)
    completed, value = await restate.select(step=step, stop=turn.stop)
    if completed == "step":
        return StepResult.model_validate(value)
    # The step runs in this process: it ends immediately and returns the text so far.
    marker = str(value) if value else None
    token.set(marker)
    result: StepResult = await step
    if result.outcome == "answered":
        return result.model_copy(update={"stop_all_marker": marker})
    return result.model_copy(update={"outcome": "stopped", "error": None, "stop_all_marker": marker})


async def _run_step(
    turn: _Turn, plan: _Plan, question: list[Message], token: CancelToken, started_at: datetime
) -> StepResult:
    runtime = turn.runtime
    model_name = _model_name(turn, plan)
    prompt = _build_prompt(turn, plan, model_name, fill_in_time(question, started_at))
    update = {"started_at": started_at, "question": fill_in_time(turn.running.question, started_at)}
    step = StepContext(turn.ctx.key(), turn.running.model_copy(update=update), runtime.bus, runtime.cancellations)
    result = await run(_model(runtime, plan), prompt, step, token, runtime.settings.model_max_seconds)
    result.requested_model = model_name
    result.prompt_characters, result.shortened = context.prompt_size(prompt), prompt.shortened
    return result


def _model(runtime: Runtime, plan: _Plan) -> ChatModel:
    models = runtime.models
    return models.fallback if plan.use_fallback and models.fallback else models.primary


def _model_name(turn: _Turn, plan: _Plan) -> str:
    """Return the name of the called model, as in the settings."""
    settings = turn.runtime.settings
    if plan.use_fallback:
        return settings.fallback_model or "the fallback"
    return turn.effective.model or settings.openai_model or "the first"


def _build_prompt(turn: _Turn, plan: _Plan, model_name: str, question: list[Message]) -> Prompt:
    meta, settings, effective = turn.conversation.meta, turn.runtime.settings, turn.effective
    budget = token_budget.prompt_budget(settings, meta, model_name)
    system = summary_policy.prompt_with_summary(effective.prompt, meta.summary, budget)
    prompt = context.build_prompt(system, turn.history, question, budget, turn.running.partial_text)
    context_tokens = token_budget.context_tokens(settings, meta, model_name)
    return replace(
        prompt,
        temperature=effective.temperature,
        max_output_tokens=min(settings.model_max_output_tokens, context_tokens // 2),
        # A conversation's own model is a model of the primary endpoint. The fallback uses its own.
        model=None if plan.use_fallback else effective.model,
    )


async def _wait(turn: _Turn, seconds: float, reason: str) -> _Stop | None:
    """Wait durably. Returns the stop that ended the wait, if there was one."""
    if seconds <= 0:
        return None
    event = LiveEvent(conversation=turn.ctx.key(), kind="retry", turn=turn.running.turn, seconds=seconds, text=reason)

    async def publish() -> None:
        """Repeating it restarts the countdown in the windows."""
        turn.runtime.bus.publish(event)

    await turn.ctx.run_typed("publish retry", publish)
    completed, value = await restate.select(sleep=turn.ctx.sleep(timedelta(seconds=seconds)), stop=turn.stop)
    return _Stop(str(value) if value else None) if completed == "stop" else None


def _turn_result(result: StepResult, started: float) -> TurnResult:
    """Return the turn's result after its last step. `started` is the start of the first step, in Unix seconds."""
    return TurnResult(
        status="failed" if result.outcome in ("retry", "too_long") else result.outcome,
        text=result.text,
        error=result.error,
        model=result.model or None,
        usage=result.usage,
        seconds=round(result.at.timestamp() - started, 3),
        cut=result.cut,
        shortened=result.shortened and result.outcome == "answered",
        at=result.at,
        stop_all_marker=result.stop_all_marker,
    )
