"""Read the personas from `PERSONAS_FILE`."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from chat_service.contracts.validation_errors import first_mistake
from chat_service.domain.settings import Persona
from chat_service.errors import UserError

_PERSONAS = TypeAdapter(dict[str, Persona])


def read_personas(path: Path | None) -> dict[str, Persona]:
    """Return the personas by name. The file is TOML with one table per persona.

    Raises:
        UserError: the file cannot be read.
    """
    if path is None:
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        return _PERSONAS.validate_python(tables)
    except OSError as error:
        raise UserError(f"PERSONAS_FILE={path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, ValidationError, UnicodeDecodeError) as error:
        reason = first_mistake(error) if isinstance(error, ValidationError) else str(error).splitlines()[0]
        raise UserError(f"PERSONAS_FILE={path}: {reason} (one TOML table per persona)") from error
