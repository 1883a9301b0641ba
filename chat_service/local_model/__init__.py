"""The embedded model: a small real model, so that the first answer needs no account."""

from pathlib import Path

from chat_service.settings import Settings

LABEL = "Qwen2.5 0.5B"


def model_label(settings: Settings) -> str:
    """Return the embedded model's display name: for the operator's own file, its name without the suffix."""
    return LABEL if settings.embeds_default_model else Path(settings.local_model).stem
