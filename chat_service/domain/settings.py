"""Resolve the settings in force in a conversation, and the source of each value.

The layers are deployment, workspace, channel, thread (on Discord) and conversation; the narrower layer wins. A persona
(a named prompt, model and temperature) counts for the layer that chose it: a channel's persona overrides the
workspace's prompt, and a conversation's own prompt overrides both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chat_service.contracts import Contract, Overrides, Setting, SettingName, SettingsView
from chat_service.settings import Settings

SETTING_NAMES: tuple[SettingName, ...] = ("persona", "prompt", "model", "temperature", "burst")


class Persona(Contract):
    """A named prompt, model and temperature; None leaves a value unchanged."""

    prompt: str | None = None
    model: str | None = None
    temperature: float | None = None


@dataclass(frozen=True)
class EffectiveSettings:
    """The values in force and the source of each.

    Attributes:
        personas: the names of all personas.
        off: the bot is switched off here and answers no message.
    """

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
        """Whether messages in quick succession become one question."""
        return self.values["burst"] == "together"

    def view(self) -> SettingsView:
        """Return the settings as `configure` answers with them."""
        return SettingsView(
            settings=[Setting(name=name, value=self.values[name], source=self.sources[name]) for name in SETTING_NAMES],
            personas=list(self.personas),
        )


def resolve(
    settings: Settings,
    personas: Mapping[str, Persona],
    layers: Iterable[tuple[str, Overrides]],
    *,
    in_chat: bool,
) -> EffectiveSettings:
    """Merge the layers, which come widest first. `in_chat` is False for the bare ingress."""
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
        persona = personas.get(layer.persona) if layer.persona else None
        for origin, record in ((f"persona {layer.persona} ({source})", persona), (source, layer)):
            for name in SETTING_NAMES:
                value = getattr(record, name, None)
                # The deployment's temperature must not override that of the deployment's own persona.
                if value is None or (
                    source == "deployment"
                    and name == "temperature"
                    and record is layer
                    and persona
                    and persona.temperature is not None
                ):
                    continue
                values[name], sources[name] = value, origin
    return EffectiveSettings(values, sources, tuple(sorted(personas)))
