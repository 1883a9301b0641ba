"""What a contract refuses, in words: one line, for whoever sent it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import ValidationError
from restate import TerminalError


def first_mistake(error: ValidationError) -> str:
    """What is wrong with an input, for the person who typed it. The input itself is not repeated."""
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    said = first["msg"].removeprefix("Value error, ")
    return f"{where}: {said}" if where else said


@asynccontextmanager
async def validation_errors_as_text() -> AsyncIterator[None]:
    """Around every call of an object (`invocation_context_managers`): a payload that its contract refuses is answered
    with 400 and one line. The SDK says 500 of it, as of a fault of ours, and shows all that pydantic has to say.

    Raises:
        TerminalError: 400 for such a payload; whatever else the handler raises goes through.
    """
    try:
        yield
    except TerminalError as error:
        # The SDK reads the payload before the handler begins, and names what pydantic raised as the cause.
        if not isinstance(error.__cause__, ValidationError):
            raise
        raise TerminalError(first_mistake(error.__cause__), status_code=400) from error
