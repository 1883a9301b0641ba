"""Settings of a conversation, and its title."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from chat_service.contracts.base import Contract


class Overrides(Contract):
    """Settings of a conversation, a channel or a workspace; None leaves those of the wider scope in force."""

    persona: str | None = Field(default=None, max_length=100)
    prompt: str | None = Field(default=None, max_length=20_000)
    model: str | None = Field(default=None, max_length=200)
    temperature: float | None = Field(default=None, ge=0, le=2)
    burst: Literal["each", "together"] | None = None


SettingName = Literal["persona", "prompt", "model", "temperature", "burst"]


class ConfigureRequest(Contract):
    """Changes settings (`set`), or returns them to the wider scope (`unset`); neither only shows them."""

    set: Overrides = Field(default_factory=Overrides)
    unset: list[SettingName] = Field(default_factory=list)

    def apply_to(self, overrides: Overrides) -> Overrides:
        """Return `overrides` after this request: `unset` first, then `set`."""
        given = self.set.model_dump(exclude_none=True)
        return overrides.model_copy(update={**dict.fromkeys(self.unset), **given})


class Setting(Contract):
    """One setting in force, and where its value came from."""

    name: SettingName
    value: str | float | None
    source: str


class SettingsView(Contract):
    """All settings in force, each with its source; `personas` are the names to choose from."""

    settings: list[Setting]
    personas: list[str] = Field(default_factory=list)


class RenameRequest(Contract):
    """A title chosen by a person. The model's titles never replace it."""

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
