"""`/settings`: what is in force in a channel or server and where it came from, and changes by whoever decides there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import discord

from bots.common import commands
from bots.common.access import is_shut_out
from bots.discord.event_filter import EventFilter
from bots.discord.permissions import may_manage, may_read, pressed
from bots.discord.responses import Shown
from chat_service import keys
from chat_service.contracts import ConfigureRequest, Overrides, SettingName, SettingsView
from chat_service.domain.settings import read_personas
from chat_service.ingress import IngressClient
from chat_service.objects.channel_threads import Place, PlaceRequest, Rules, RulesChange
from chat_service.settings import Settings

DEFAULT = "default"
"""The word by which a setting is given back to the wider scope."""
WIDTHS = {"workspace": "server", "thread": "here", "conversation": "here"}
MODES = {"mentions": "mentions and replies", "everything": "everything"}
Where = Literal["here", "channel", "server"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants changed; None leaves it."""

    persona: str | None = None
    model: str | None = None
    answer_to: str | None = None
    answer_in: str | None = None
    enabled: bool | None = None

    @property
    def is_nothing(self) -> bool:
        return all(getattr(self, name) is None for name in self.__slots__)


class ChatSettings:
    """Shows and changes."""

    def __init__(self, ingress: IngressClient, watch: EventFilter, settings: Settings) -> None:
        self._ingress, self._watch, self._config = ingress, watch, settings
        self.personas = sorted({settings.persona, *read_personas(settings.personas_file)})

    async def asked(self, interaction: discord.Interaction, wanted: Wanted, where: Where) -> Shown:
        """What `/settings` answers."""
        if not may_read(interaction):
            return Shown(commands.NOT_READABLE)
        # Whoever decides here is not shut out by what was decided: it could not be put right any more.
        if not may_manage(interaction) and await is_shut_out(self._ingress, self._config, pressed(interaction)):
            return Shown(commands.NOT_ALLOWED)
        conversation = keys.discord(interaction.guild_id, interaction.channel_id or 0)
        if wanted.is_nothing:
            return await self._view(interaction, conversation)
        if not may_manage(interaction, server=where == "server"):
            return Shown(commands.NOT_YOURS_DISCORD)
        scope = _scope(interaction, conversation, where)
        if wanted.persona not in (None, DEFAULT, *self.personas):
            return Shown(f"There is no persona {wanted.persona!r}, but: {', '.join(self.personas)}."[:1_900])
        await self._change(scope, wanted)
        self._watch.changed(scope)
        return await self._view(interaction, conversation)

    async def _change(self, scope: str, wanted: Wanted) -> None:
        given: dict[SettingName, str | None] = {"persona": wanted.persona, "model": wanted.model}
        chosen = {name: value for name, value in given.items() if value not in (None, DEFAULT)}
        unset = [name for name, value in given.items() if value == DEFAULT]
        if chosen or unset:
            request = ConfigureRequest(set=Overrides.model_validate(chosen), unset=unset)
            await self._ingress.call("Channel", scope, "configure", request, Overrides, timeout=5)
        change = RulesChange.model_validate(
            {
                "reply_mode": wanted.answer_to,
                "answer_in": wanted.answer_in,
                "off": None if wanted.enabled is None else not wanted.enabled,
            }
        )
        if change.model_dump(exclude_none=True):
            await self._ingress.call("Channel", scope, "rule", change, Rules, timeout=5)

    async def _view(self, interaction: discord.Interaction, conversation: str) -> Shown:
        in_thread = isinstance(interaction.channel, discord.Thread)
        view = await self._ingress.call("Chat", conversation, "get_settings", None, SettingsView, timeout=5)
        lines = [
            f"**{one.name}**: {_short(one.value)} _({_source(one.source, in_thread)})_"
            for one in view.settings
            if one.name in ("persona", "model", "prompt", "temperature")
        ]
        scopes = [("here", conversation), ("server", conversation.rpartition(":")[0])]
        channel = interaction.channel
        if isinstance(channel, discord.Thread):
            scopes.insert(1, ("channel", f"discord:{interaction.guild_id}:{channel.parent_id}"))
        rules: list[tuple[str, Rules]] = []
        for width, scope in scopes:
            place = await self._ingress.call("Channel", scope, "look", PlaceRequest(), Place, timeout=5)
            rules.append((width, place.rules))
        mode, source = next(((r.reply_mode, w) for w, r in rules if r.reply_mode), ("mentions", "deployment"))
        lines.append(f"**answer to**: {MODES.get(mode, mode)} _({source})_")
        answer_in, source = next(((r.answer_in, w) for w, r in rules if r.answer_in), ("channel", "deployment"))
        lines.append(f"**answer in**: {answer_in} _({source})_")
        off = next((width for width, one in rules if one.off), None)
        lines.append(f"**switched off** _({off})_" if off else "**switched on**")
        if view.personas:
            lines.append(f"Personas to choose from: {', '.join(view.personas)}")
        return Shown(page="\n".join(lines)[:4_000])


def _scope(interaction: discord.Interaction, conversation: str, where: Where) -> str:
    """What a change is for. In a thread, `channel` is the one around it: a forum has no messages of its own in which
    anybody could say so."""
    channel = interaction.channel
    if where == "server":
        return conversation.rpartition(":")[0]
    if where == "channel" and isinstance(channel, discord.Thread):
        return f"discord:{interaction.guild_id}:{channel.parent_id}"
    return conversation


def _source(source: str, in_thread: bool) -> str:
    for width, name in {**WIDTHS, "channel": "channel" if in_thread else "here"}.items():
        source = source.replace(width, name)
    return source


def _short(value: str | float | None) -> str:
    text = "whatever the endpoint takes by default" if value is None else " ".join(str(value).split())
    return text if len(text) <= 200 else text[:199] + "…"
