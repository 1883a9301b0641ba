"""Determine how much fits into a prompt, from what each model's provider has reported."""

from __future__ import annotations

from chat_service.domain import context
from chat_service.settings import Settings
from chat_service.storage.state import Meta, ModelLimits
from chat_service.turn.model_step import StepResult

MAX_MODELS = 4
"""Models whose limits a conversation remembers."""
MIN_PROMPT_TOKENS = 50
"""Smallest prompt whose usage figures are used. In a shorter one the chat template's tokens distort the ratio."""


def prompt_budget(settings: Settings, meta: Meta, model: str | None = None) -> context.Budget:
    """Return how much fits into a prompt for a model, by default for the one that answered last."""
    room = context_tokens(settings, meta, model)
    ratio = _limits(meta, model).chars_per_token
    return context.Budget.of(room, settings.model_max_output_tokens, ratio, images=settings.model_images)


def context_tokens(settings: Settings, meta: Meta, model: str | None = None) -> int:
    """Return the size of a model's context in tokens: the setting, or less if the provider has reported less."""
    return min(_limits(meta, model).context_tokens or settings.model_context_tokens, settings.model_context_tokens)


def update_from_usage(meta: Meta, result: StepResult) -> None:
    """Adjust the characters per token by the provider's count, slowly, so that one odd prompt has little effect."""
    if result.usage is None or result.usage.prompt < MIN_PROMPT_TOKENS:
        return
    known = _limits(meta, result.requested_model)
    measured = result.prompt_characters / result.usage.prompt
    ratio = round(min(max(0.8 * known.chars_per_token + 0.2 * measured, 0.5), 8.0), 3)
    _store(meta, result.requested_model, ModelLimits(chars_per_token=ratio, context_tokens=known.context_tokens))


def shrink_after_rejection(meta: Meta, result: StepResult) -> None:
    """Reduce the budget so that the next prompt fits: by the provider's figures, or by a third if it gave none."""
    known = _limits(meta, result.requested_model)
    room, ratio = result.context_tokens or known.context_tokens, known.chars_per_token
    if result.prompt_tokens:
        ratio = min(max(result.prompt_characters / result.prompt_tokens * 0.95, 0.3), ratio * 0.95)
    else:
        ratio = max(ratio * 0.66, 0.3)
    _store(meta, result.requested_model, ModelLimits(chars_per_token=round(ratio, 3), context_tokens=room))


def _limits(meta: Meta, model: str | None) -> ModelLimits:
    """Return the known limits. A new model starts with the last one's ratio, which depends mostly on the language."""
    last = next(reversed(meta.model_limits.values()), ModelLimits())
    return last if model is None else meta.model_limits.get(model, ModelLimits(chars_per_token=last.chars_per_token))


def _store(meta: Meta, model: str, limits: ModelLimits) -> None:
    meta.model_limits.pop(model, None)
    meta.model_limits[model] = limits
    while len(meta.model_limits) > MAX_MODELS:
        del meta.model_limits[next(iter(meta.model_limits))]
