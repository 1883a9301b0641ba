"""Detection of misspelled settings in `.env`, which would be ignored silently."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from dotenv import dotenv_values

from chat_service.settings import Settings

MIN_SIMILARITY = 0.8
"""Similarity of two names (`difflib`): `OPENAI_KEY` and `SLACK_TOKEN` are above it, and `OPENAI_ORG_ID`, a setting of
another program that may share the file, is below."""


def find_env_typos() -> Iterator[str]:
    """Yield one line for each name in `.env` that is not a setting but similar to an unused one."""
    settings = [name.upper() for name in Settings.model_fields]
    written = {name.upper(): name for name in dotenv_values(".env")}
    unused = [name for name in settings if name not in written]
    for name, spelling in written.items():
        if name not in settings and (similar := get_close_matches(name, unused, 1, MIN_SIMILARITY)):
            yield f".env: {spelling} is not a setting: did you mean {similar[0]}?"
