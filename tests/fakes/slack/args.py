"""The arguments of a Web API call, however they came: query, form, or JSON."""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.slack.errors import invalid
from tests.fakes.slack.models import Json


class Args:
    """Named arguments. Form values are strings, and may hold JSON; JSON values are what they are."""

    def __init__(self, given: Json) -> None:
        self.given = given

    def need(self, *names: str) -> list[str]:
        """Required texts.

        Raises:
            Refused: `invalid_arguments` that names what is missing.
        """
        missing = [name for name in names if self.given.get(name) in (None, "")]
        if missing:
            raise invalid("invalid_arguments", *(f"missing required field: {name}" for name in missing))
        return [str(self.given[name]) for name in names]

    def text(self, name: str) -> str | None:
        """A text, or None when it was not given."""
        value = self.given.get(name)
        return None if value is None else str(value)

    def has(self, name: str) -> bool:
        """Whether it was given at all."""
        return self.given.get(name) is not None

    def flag(self, name: str, default: bool = False) -> bool:
        """Yes or no, in any of the spellings Slack takes."""
        value = self.given.get(name)
        return default if value is None else str(value).lower() in ("1", "true")

    def number(self, name: str, default: int) -> int:
        """A whole number.

        Raises:
            Refused: `invalid_arguments` when it is none.
        """
        value = self.given.get(name)
        if value in (None, ""):
            return default
        try:
            return int(str(value))
        except ValueError:
            raise invalid("invalid_arguments", f"must be a number: {name}") from None

    def json(self, name: str, error: str = "invalid_arguments") -> Any:
        """A structure; in a form it comes as JSON in a string.

        Raises:
            Refused: with `error` when the string is no JSON.
        """
        value = self.given.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise invalid(error, f"failed to parse JSON: {name}") from None
