"""Names in `.env` that are no setting, but nearly one: a slip of which nothing would be heard otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from dotenv import dotenv_values

from chat_service.settings import Settings

ALIKE = 0.8
"""How much of two names must be the same (`difflib`): `OPENAI_KEY` and `SLACK_TOKEN` are meant, `OPENAI_ORG_ID` is
somebody else's setting, for which there is room in the same file."""


def find_env_typos() -> Iterator[str]:
    """A line for each."""
    known = [name.upper() for name in Settings.model_fields]
    given = {name.upper(): name for name in dotenv_values(".env")}
    free = [name for name in known if name not in given]
    for name, written in given.items():
        if name not in known and (meant := get_close_matches(name, free, 1, ALIKE)):
            yield f".env: {written} is no setting; was {meant[0]} meant?"
