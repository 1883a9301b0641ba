"""Call the model: the body of a turn's durable step, and the only place that calls a model for a turn.

If it is repeated (a crash between the effect and the journal), it calls the model again. The previews then have a new
attempt id, and their text replaces the old attempt's in every window. It raises no exception for anything that a model
may do: every way in which a call can end is a value, so that the handler decides durably what comes next.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass
from functools import partial
from typing import Literal

from chat_service.contracts import CutOff, RunningTurn, Time, Usage, is_blank, utc
from chat_service.live import LiveBus
from chat_service.models.protocol import ChatModel, Failure, Finished, ModelError, Prompt
from chat_service.storage.record import StateRecord
from chat_service.turn.cancellation import CancelRegistry, CancelToken
from chat_service.turn.preview_publisher import PreviewPublisher
from chat_service.unicode_text import well_formed

log = logging.getLogger(__name__)

Outcome = Literal["answered", "stopped", "failed", "retry", "too_long"]
"""How a step ended. `retry`: another attempt may succeed. `too_long`: the prompt exceeds the model's context."""
OUTCOME_OF_FAILURE: dict[Failure, Outcome] = {Failure.RETRY: "retry", Failure.TOO_LONG: "too_long"}
CUT_OFF_OF_FINISH_REASON: dict[str, CutOff] = {"length": "length", "content_filter": "filter"}
"""Values of `finish_reason` in the OpenAI protocol that mean that the reply is incomplete."""


class StepResult(StateRecord):
    """How one call of a model ended.

    Attributes:
        model: the model's name according to the provider.
        requested_model: the model's name according to the settings.
        started_at: when the turn started.
        at: when the step ended.
        seconds: duration of the step.
        shortened: the question did not fit into the prompt and its middle was left out.
        prompt_characters: size of the prompt, as `domain.context.prompt_size` counts it.
        retry_after: pause in seconds that the provider asked for.
        context_tokens: size of the model's context, as a rejection reported it.
        prompt_tokens: size of the prompt, as a rejection reported it.
        stop_all_marker: marker of the "stop all" that ended the step.
    """

    outcome: Outcome
    text: str = ""
    error: str | None = None
    model: str | None = None
    usage: Usage | None = None
    started_at: Time
    at: Time
    seconds: float
    cut: CutOff | None = None
    shortened: bool = False
    requested_model: str = ""
    prompt_characters: int = 0
    retry_after: float | None = None
    context_tokens: int | None = None
    prompt_tokens: int | None = None
    stop_all_marker: str | None = None


@dataclass(frozen=True, slots=True)
class StepContext:
    """The environment of a step. The start time of `running` is set."""

    conversation: str
    running: RunningTurn
    bus: LiveBus
    cancellations: CancelRegistry


async def run(
    model: ChatModel, prompt: Prompt, step: StepContext, token: CancelToken, max_seconds: float
) -> StepResult:
    """Call the model and publish its reply, until it ends, fails, is cancelled, or `max_seconds` are over."""
    publisher = PreviewPublisher(step.conversation, step.running, step.bus)
    result = partial(_result, step, token, publisher, time.monotonic())
    publisher.publish("started")
    if publisher.text:
        publisher.flush()  # only for a continued reply, since it delays the next chunk
    with step.cancellations.register(step.conversation, step.running.turn, token):
        reading = asyncio.create_task(_read_stream(model, prompt, publisher))
        cancelling = asyncio.create_task(token.wait())
        try:
            # A step that is repeated after a crash may find the token set: it must not call the model at all.
            if not token.is_set:
                await asyncio.wait({reading, cancelling}, timeout=max_seconds, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                return _answered(result, publisher, reading.result())
            reading.cancel()
            await asyncio.wait({reading})
            if not token.is_set:
                publisher.close()
                return result("failed", error=f"the model was cut off after {max_seconds:g} s")
            await publisher.restore_text()
            publisher.close()
            return result("stopped")
        except ModelError as error:
            publisher.flush()
            return result(
                OUTCOME_OF_FAILURE.get(error.failure, "failed"),
                error=well_formed(error.message),
                retry_after=error.retry_after,
                context_tokens=error.context_tokens,
                prompt_tokens=error.prompt_tokens,
            )
        except Exception as error:  # a custom backend may raise anything
            log.exception("the model backend raised an exception that is no ModelError")
            return result("failed", error=f"the model backend failed: {type(error).__name__}")
        finally:
            for task in (reading, cancelling):
                task.cancel()


async def _read_stream(model: ChatModel, prompt: Prompt, publisher: PreviewPublisher) -> Finished:
    """Call the model and read its stream to the end.

    Raises:
        ModelError: the stream ended early, or the model failed.
    """
    # The protocol promises an iterator that ends the provider's generation when it is closed.
    async with contextlib.aclosing(model.stream(prompt)) as stream:
        async for event in stream:
            if isinstance(event, Finished):
                publisher.end_text()
                return event
            if not publisher.add(event.text):
                return Finished(model="", reason="length")
    raise ModelError(Failure.RETRY, "the model's stream ended early")


def _result(
    step: StepContext,
    token: CancelToken,
    publisher: PreviewPublisher,
    clock: float,
    outcome: Outcome,
    **more: object,
) -> StepResult:
    fields = {
        "outcome": outcome,
        "text": publisher.text,
        "started_at": step.running.started_at,
        "at": utc(time.time()),
        "seconds": round(time.monotonic() - clock, 3),
        "stop_all_marker": token.stop_all_marker,
    }
    return StepResult.model_validate({**fields, **more})


def _answered(result: partial[StepResult], publisher: PreviewPublisher, finished: Finished) -> StepResult:
    _require_text(publisher.text, finished.reason)
    publisher.close()
    usage = finished.usage
    return result(
        "answered",
        cut=CUT_OFF_OF_FINISH_REASON.get(finished.reason),
        model=finished.model,
        usage=usage
        and Usage(prompt=usage.prompt_tokens, completion=usage.completion_tokens, cached=usage.cached_tokens),
    )


def _require_text(text: str, finish_reason: str) -> None:
    """Treat an empty reply as a failure: it would be shown as a blank message, and providers refuse a prompt with one.

    Raises:
        ModelError: the reply is empty.
    """
    if not is_blank(text):
        return
    if finish_reason == "content_filter":
        message = "the provider's content filter removed the whole reply: ask in other words"
        raise ModelError(Failure.PERMANENT, message)
    if finish_reason == "length":
        message = "the model used up its tokens before its reply began: raise MODEL_MAX_OUTPUT_TOKENS, or ask for less"
        raise ModelError(Failure.PERMANENT, message)
    raise ModelError(Failure.RETRY, "the model's reply was empty")
