"""The one place where a model is called: the body of a turn's durable step.

Run twice (a crash between the effect and the journal), it asks the model again and tags its previews with a new
attempt, which replaces the text of the old one in every window. It never raises for what a model may do: every way
a call can end is a value, so that the handler decides durably what comes next.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass
from typing import Literal
from uuid import uuid4

from chat_service.contracts import MAX_TEXT, CutOff, RunningTurn, Time, Usage, is_blank, utc
from chat_service.live import LiveBus, LiveEvent
from chat_service.models.protocol import ChatModel, Failure, Finished, ModelError, Prompt, TextDelta
from chat_service.storage.serde import StateRecord
from chat_service.turn.cancellation import CancelRegistry, CancelToken
from chat_service.unicode_text import SurrogateJoiner, well_formed

log = logging.getLogger(__name__)

CUTS: dict[str, CutOff] = {"length": "length", "content_filter": "filter"}
"""How providers of the OpenAI protocol say (`finish_reason`) that a reply is not whole."""
PREVIEW_SECONDS = 0.04
"""The first piece goes out at once, later ones together this often: quicker than an eye, slower than a token."""


class StepResult(StateRecord):
    """How one call of a model ended; `asked` is the model's name, `size` what the prompt weighed, in characters."""

    outcome: Literal["answered", "stopped", "failed", "retry", "too_long"]
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
    """Where a step speaks: the conversation, its turn (whose beginning is known), and who listens."""

    conversation: str
    running: RunningTurn
    bus: LiveBus
    cancellations: CancelRegistry


async def run(model: ChatModel, prompt: Prompt, stage: StepContext, halt: CancelToken, limit: float) -> StepResult:
    """Ask the model and publish what it says, until it ends, fails, somebody stops it, or `limit` seconds are over."""
    clock = time.monotonic()
    voice = PreviewPublisher(stage)
    voice.publish("started")
    if voice.text:
        voice.flush()  # only then: the first piece of a new reply goes out at once, later ones wait for each other

    def spoken(outcome: Literal["answered", "stopped", "failed", "retry", "too_long"], **more: object) -> StepResult:
        fields = {
            "outcome": outcome,
            "text": voice.text,
            "started_at": stage.running.started_at,
            "at": utc(time.time()),
            "seconds": round(time.monotonic() - clock, 3),
            "stop_all_marker": halt.stop_all_marker,
        }
        return StepResult.model_validate({**fields, **more})

    with stage.cancellations.register(stage.conversation, stage.running.turn, halt):
        listening = asyncio.create_task(voice.listen(model, prompt))
        stopping = asyncio.create_task(halt.wait())
        try:
            # A step that is repeated after a crash finds the stop already there: it must not ask the model at all.
            if not halt.is_set:
                await asyncio.wait({listening, stopping}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if not listening.done():
                listening.cancel()
                await asyncio.wait({listening})
                if not halt.is_set:
                    voice.close()
                    return spoken("failed", error=f"the model was cut off: it had talked for {limit:g} s")
                if voice.text == stage.running.partial_text and (said := await stage.bus.get_preview(stage.conversation)):
                    voice.text = said.text if said.turn == stage.running.turn else voice.text
                voice.close()
                return spoken("stopped")
            finished = listening.result()
            _must_have_spoken(voice.text, finished.reason)
            voice.close()
            usage = finished.usage
            return spoken(
                "answered",
                cut=CUTS.get(finished.reason),
                model=finished.model,
                usage=usage
                and Usage(prompt=usage.prompt_tokens, completion=usage.completion_tokens, cached=usage.cached_tokens),
            )
        except ModelError as error:
            voice.flush()
            outcome: Literal["failed", "retry", "too_long"] = (
                "retry"
                if error.failure is Failure.RETRY
                else "too_long"
                if error.failure is Failure.TOO_LONG
                else "failed"
            )
            return spoken(
                outcome,
                error=well_formed(error.message),
                retry_after=error.retry_after,
                context_tokens=error.context_tokens,
                prompt_tokens=error.prompt_tokens,
            )
        except Exception as error:  # a plugged-in backend may raise anything
            log.exception("the model backend raised what is no ModelError")
            return spoken("failed", error=f"the model backend failed: {type(error).__name__}")
        finally:
            for task in (listening, stopping):
                task.cancel()


def _must_have_spoken(text: str, reason: str) -> None:
    """An empty reply is a failure: shown, it would be a blank bubble, and providers refuse a prompt that holds one."""
    if not is_blank(text):
        return
    if reason == "content_filter":
        why = "the provider's filter let nothing of the reply through: ask in other words"
        raise ModelError(Failure.PERMANENT, why)
    if reason == "length":
        why = "the model had used up its tokens before it said a word: raise MODEL_MAX_OUTPUT_TOKENS, or ask for less"
        raise ModelError(Failure.PERMANENT, why)
    raise ModelError(Failure.RETRY, "the model answered with nothing")


class PreviewPublisher:
    """What the model has said in this attempt, and its way to the windows."""

    def __init__(self, stage: StepContext) -> None:
        self._stage = stage
        self._attempt = uuid4().hex[:12]
        self._sent = 0
        self._timer: asyncio.TimerHandle | None = None
        self._last = 0.0
        self.text = stage.running.partial_text

    async def listen(self, model: ChatModel, prompt: Prompt) -> Finished:
        """Take the stream in to its end."""
        pieces = SurrogateJoiner()
        # The protocol promises an iterator that ends the provider's generation when it is closed.
        async with contextlib.aclosing(model.stream(prompt)) as stream:
            async for event in stream:
                if isinstance(event, Finished):
                    self.text += pieces.flush()
                    return event
                if isinstance(event, TextDelta) and (piece := pieces.feed(event.text)):
                    self.text += self._joint(piece) + piece
                    if len(self.text) >= MAX_TEXT:
                        # No model means to say this much; state is kept small on purpose.
                        self.text = self.text[:MAX_TEXT]
                        return Finished(model="", reason="length")
                    self._preview()
        raise ModelError(Failure.RETRY, "the model's stream ended in the middle")

    def _joint(self, piece: str) -> str:
        """What stands between a reply's beginning and the words it goes on with: a model begins without a space."""
        said = self._stage.running.partial_text
        if not said or self.text != said:
            return ""
        return " " if not said[-1].isspace() and piece[0].isalnum() else ""

    def publish(self, kind: Literal["started", "delta", "ended"], **fields: object) -> None:
        """Send an event of this turn."""
        running = self._stage.running
        event = {
            "conversation": self._stage.conversation,
            "kind": kind,
            "turn": running.turn,
            "invocation": running.invocation,
            "attempt": self._attempt,
            **fields,
        }
        if kind == "started":
            event["question"] = running.question
        self._stage.bus.publish(LiveEvent.model_validate(event))

    def _preview(self) -> None:
        if self._timer is not None:
            return
        wait = self._last + PREVIEW_SECONDS - time.monotonic()
        if wait <= 0:
            self.flush()
        else:
            self._timer = asyncio.get_running_loop().call_later(wait, self.flush)

    def flush(self) -> None:
        """Send what has not been sent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._last = time.monotonic()
        if self._sent < len(self.text):
            self.publish("delta", offset=self._sent, text=self.text[self._sent :])
            self._sent = len(self.text)

    def close(self) -> None:
        """The last preview, and the word that no more will come."""
        self.flush()
        self.publish("ended")
