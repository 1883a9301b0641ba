"""Which settings are in force in a conversation, and where each value came from.

They resolve from the deployment to the workspace to the channel to the conversation; the narrower wins. A persona
(a named prompt, model and temperature) speaks at the width at which it was chosen: a channel's persona beats the
workspace's prompt, and a conversation's own prompt beats both.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from chat_service.contracts import Contract, Overrides, Setting, SettingName, SettingsView
from chat_service.contracts.validation_errors import first_mistake
from chat_service.errors import UserError
from chat_service.settings import Settings

SETTING_NAMES: tuple[SettingName, ...] = ("persona", "prompt", "model", "temperature", "burst")


class Persona(Contract):
    """A named way of speaking; what it leaves out stays as it is."""

    prompt: str | None = None
    model: str | None = None
    temperature: float | None = None


_PERSONAS = TypeAdapter(dict[str, Persona])


@dataclass(frozen=True)
class EffectiveSettings:
    """The values in force, and the source of each; `off`: nobody is to be answered here."""

    values: Mapping[SettingName, str | float | None]
    sources: Mapping[SettingName, str]
    personas: tuple[str, ...] = field(default=())
    off: bool = False

    @property
    def prompt(self) -> str:
        return str(self.values["prompt"] or "")

    @property
    def model(self) -> str | None:
        value = self.values["model"]
        return str(value) if value else None

    @property
    def temperature(self) -> float | None:
        value = self.values["temperature"]
        return float(value) if value is not None else None

    @property
    def combines_bursts(self) -> bool:
        """Whether quick lines become one question."""
        return self.values["burst"] == "together"

    def view(self) -> SettingsView:
        """As `configure` shows it."""
        return SettingsView(
            settings=[Setting(name=name, value=self.values[name], source=self.sources[name]) for name in SETTING_NAMES],
            personas=list(self.personas),
        )


def read_personas(path: Path | None) -> dict[str, Persona]:
    """The personas of `PERSONAS_FILE`, a TOML file with one table each.

    Raises:
        UserError: when the file cannot be read.
    """
    if path is None:
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        return _PERSONAS.validate_python(tables)
    except OSError as error:
        raise UserError(f"PERSONAS_FILE={path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, ValidationError, UnicodeDecodeError) as error:
        why = first_mistake(error) if isinstance(error, ValidationError) else str(error).splitlines()[0]
        raise UserError(f"PERSONAS_FILE={path}: {why} (one TOML table per persona)") from error


def resolve(
    settings: Settings,
    personas: Mapping[str, Persona],
    layers: Iterable[tuple[str, Overrides]],
    *,
    in_chat: bool,
) -> EffectiveSettings:
    """Lay the layers over each other, widest first; `in_chat` is false for the bare ingress."""
    burst = settings.burst or ("together" if in_chat else "each")
    deployment = Overrides(
        persona=settings.persona,
        prompt=None,
        temperature=settings.model_temperature,
        burst=burst,
    )
    values: dict[SettingName, str | float | None] = dict.fromkeys(SETTING_NAMES)
    sources: dict[SettingName, str] = dict.fromkeys(SETTING_NAMES, "deployment")
    values["prompt"] = settings.system_prompt
    for source, layer in (("deployment", deployment), *layers):
        chosen = personas.get(layer.persona) if layer.persona else None
        for origin, record in ((f"persona {layer.persona} ({source})", chosen), (source, layer)):
            for name in SETTING_NAMES:
                value = getattr(record, name, None)
                # The persona a deployment starts with must not be undone by the deployment's own temperature.
                if value is None or (
                    source == "deployment"
                    and name == "temperature"
                    and record is layer
                    and chosen
                    and chosen.temperature is not None
                ):
                    continue
                values[name], sources[name] = value, origin
    return EffectiveSettings(values, sources, tuple(sorted(personas)))
