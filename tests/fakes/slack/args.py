"""The arguments of a Web API call from the query, a form or a JSON body."""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.slack.errors import argument_error
from tests.fakes.slack.models import Json


class Args:
    """Named arguments. Form values are strings, which may contain JSON."""

    def __init__(self, values: Json) -> None:
        self._values = values

    def required(self, *names: str) -> list[str]:
        """Return required strings.

        Raises:
            ApiError: `invalid_arguments` with the missing names.
        """
        missing = [name for name in names if self._values.get(name) in (None, "")]
        if missing:
            raise argument_error("invalid_arguments", *(f"missing required field: {name}" for name in missing))
        return [str(self._values[name]) for name in names]

    def string(self, name: str) -> str | None:
        """Return a string, or None if it is absent."""
        value = self._values.get(name)
        return None if value is None else str(value)

    def has(self, name: str) -> bool:
        """Return whether the argument is present."""
        return self._values.get(name) is not None

    def boolean(self, name: str, default: bool = False) -> bool:
        """Return a boolean in any spelling that Slack accepts."""
        value = self._values.get(name)
        return default if value is None else str(value).lower() in ("1", "true")

    def integer(self, name: str, default: int) -> int:
        """Return an integer.

        Raises:
            ApiError: `invalid_arguments` for anything else.
        """
        value = self._values.get(name)
        if value in (None, ""):
            return default
        try:
            return int(str(value))
        except ValueError:
            raise argument_error("invalid_arguments", f"must be a number: {name}") from None

    def json(self, name: str, error: str = "invalid_arguments") -> Any:
        """Return a structure; a form carries it as JSON in a string.

        Raises:
            ApiError: with `error` if the string is not JSON.
        """
        value = self._values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise argument_error(error, f"failed to parse JSON: {name}") from None
