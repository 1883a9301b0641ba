"""Validation errors as one line of text for the caller."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import ValidationError
from restate import TerminalError


def first_mistake(error: ValidationError) -> str:
    """Return the first error of an input, without repeating the input itself."""
    first = error.errors(include_input=False, include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    text = first["msg"].removeprefix("Value error, ")
    return f"{field}: {text}" if field else text


@asynccontextmanager
async def validation_errors_as_text() -> AsyncIterator[None]:
    """Turn an invalid payload into an error with status 400 and one line; used in `invocation_context_managers`.

    The SDK would respond with status 500, as to an error of the service, and with all of pydantic's text.

    Raises:
        TerminalError: 400 for an invalid payload; every other error of the handler unchanged.
    """
    try:
        yield
    except TerminalError as error:
        # The SDK parses the payload before the handler begins, with pydantic's error as the cause.
        if not isinstance(error.__cause__, ValidationError):
            raise
        raise TerminalError(first_mistake(error.__cause__), status_code=400) from error
