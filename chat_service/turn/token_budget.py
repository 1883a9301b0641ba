"""How much fits into a prompt, by what was learned of each model from its provider's own figures."""

from __future__ import annotations

from chat_service.domain import context
from chat_service.settings import Settings
from chat_service.storage.state import Meta, ModelLimits
from chat_service.turn.model_step import StepResult

KEPT = 4
"""Models of which a conversation remembers what it learned."""
TELLING = 50
"""Tokens of a prompt from which on it tells something of the model: in a short one the framing weighs too much."""


def prompt_budget(settings: Settings, meta: Meta, model: str | None = None) -> context.Budget:
    """How much fits into a prompt for a model; for the one that answered last, if none is named."""
    room = context_tokens(settings, meta, model)
    ratio = _known(meta, model).chars_per_token
    return context.Budget.of(room, settings.model_max_output_tokens, ratio, images=settings.model_images)


def context_tokens(settings: Settings, meta: Meta, model: str | None = None) -> int:
    """The size of a model's context in tokens: the settings', or less where a refusal told so."""
    return min(_known(meta, model).context_tokens or settings.model_context_tokens, settings.model_context_tokens)


def update_from_usage(meta: Meta, spoken: StepResult) -> None:
    """Characters per token, from the provider's own count: slowly, so that one odd prompt does not sway it."""
    if spoken.usage is None or spoken.usage.prompt < TELLING:
        return
    known, seen = _known(meta, spoken.requested_model), spoken.prompt_characters / spoken.usage.prompt
    ratio = round(min(max(0.8 * known.chars_per_token + 0.2 * seen, 0.5), 8.0), 3)
    _keep(meta, spoken.requested_model, ModelLimits(chars_per_token=ratio, context_tokens=known.context_tokens))


def shrink_after_rejection(meta: Meta, spoken: StepResult) -> None:
    """Make the next prompt fit: by the provider's figures where it names them, else by a third."""
    known = _known(meta, spoken.requested_model)
    room, ratio = spoken.context_tokens or known.context_tokens, known.chars_per_token
    if spoken.prompt_tokens:
        ratio = min(max(spoken.prompt_characters / spoken.prompt_tokens * 0.95, 0.3), ratio * 0.95)
    else:
        ratio = max(ratio * 0.66, 0.3)
    _keep(meta, spoken.requested_model, ModelLimits(chars_per_token=round(ratio, 3), context_tokens=room))


def _known(meta: Meta, model: str | None) -> ModelLimits:
    """A model that is new here begins with the ratio of the last one: much of it lies in the language people write."""
    last = next(reversed(meta.model_limits.values()), ModelLimits())
    return last if model is None else meta.model_limits.get(model, ModelLimits(chars_per_token=last.chars_per_token))


def _keep(meta: Meta, model: str, learned: ModelLimits) -> None:
    meta.model_limits.pop(model, None)
    meta.model_limits[model] = learned
    while len(meta.model_limits) > KEPT:
        del meta.model_limits[next(iter(meta.model_limits))]
