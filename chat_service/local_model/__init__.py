"""The embedded model: a small real one, so that the first answer needs no account."""

from pathlib import Path

from chat_service.settings import Settings

LABEL = "Qwen2.5 0.5B"


def label(settings: Settings) -> str:
    """How the embedded model is called, wherever a person reads its name: one of somebody's own like its file."""
    return LABEL if settings.embeds_demo else Path(settings.local_model).stem
