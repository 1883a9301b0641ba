"""`/settings`: show the settings of a channel or server with their sources, and change them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import discord

from bots.common import texts
from bots.common.access import is_blocked
from bots.discord.event_filter import EventFilter
from bots.discord.permissions import conversation_of, may_manage, may_read, requester_of
from bots.discord.responses import ResponseContent
from chat_service import handlers
from chat_service.contracts import ConfigureRequest, Overrides, SettingName
from chat_service.contracts.channel import ChannelRules, ChannelRulesChange, ChannelViewRequest
from chat_service.ingress import IngressClient
from chat_service.personas import read_personas
from chat_service.settings import Settings

DEFAULT = "default"
"""The value that removes a setting, so that the wider scope's value applies."""
SOURCE_NAMES = {"workspace": "server", "thread": "here", "conversation": "here"}
MODE_NAMES = {"mentions": "mentions and replies", "everything": "everything"}
SHOWN_SETTINGS = ("persona", "model", "prompt", "temperature")
MAX_SHOWN_VALUE = 200
Where = Literal["here", "channel", "server"]


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """The options of `/settings`; None leaves a setting unchanged."""

    persona: str | None = None
    model: str | None = None
    answer_to: str | None = None
    answer_in: str | None = None
    enabled: bool | None = None

    @property
    def is_empty(self) -> bool:
        return all(getattr(self, name) is None for name in self.__slots__)


class ChatSettings:
    """Shows and changes settings of conversations, channels and servers."""

    def __init__(self, ingress: IngressClient, event_filter: EventFilter, settings: Settings) -> None:
        self._ingress, self._filter, self._settings = ingress, event_filter, settings
        self.personas = sorted({settings.persona, *read_personas(settings.personas_file)})

    async def show_or_change(
        self, interaction: discord.Interaction, change: SettingsChange, where: Where
    ) -> ResponseContent:
        """Return the response to `/settings`."""
        if not may_read(interaction):
            return ResponseContent(texts.NOT_READABLE)
        # A person who may manage the channel is never shut out by its rules: they could not correct them any more.
        requester = requester_of(interaction)
        if not may_manage(interaction) and await is_blocked(self._ingress, self._settings, requester):
            return ResponseContent(texts.NOT_ALLOWED)
        conversation = conversation_of(interaction)
        if change.is_empty:
            return await self._show(interaction, conversation)
        if not may_manage(interaction, server=where == "server"):
            return ResponseContent(texts.NOT_PERMITTED_DISCORD)
        if change.persona not in (None, DEFAULT, *self.personas):
            known = ", ".join(self.personas)
            return ResponseContent(f"There is no persona {change.persona!r}. Personas: {known}."[:1_900])
        scope = _scope(interaction, conversation, where)
        await self._change(scope, change)
        self._filter.invalidate(scope)
        return await self._show(interaction, conversation)

    async def _change(self, scope: str, change: SettingsChange) -> None:
        given: dict[SettingName, str | None] = {"persona": change.persona, "model": change.model}
        chosen = {name: value for name, value in given.items() if value not in (None, DEFAULT)}
        unset = [name for name, value in given.items() if value == DEFAULT]
        if chosen or unset:
            request = ConfigureRequest(set=Overrides.model_validate(chosen), unset=unset)
            await self._ingress.call(handlers.CHANNEL_CONFIGURE, scope, request, timeout=5)
        rules = ChannelRulesChange.model_validate(
            {
                "reply_mode": change.answer_to,
                "answer_in": change.answer_in,
                "off": None if change.enabled is None else not change.enabled,
            }
        )
        if rules.model_dump(exclude_none=True):
            await self._ingress.call(handlers.CHANNEL_SET_RULES, scope, rules, timeout=5)

    async def _show(self, interaction: discord.Interaction, conversation: str) -> ResponseContent:
        in_thread = isinstance(interaction.channel, discord.Thread)
        view = await self._ingress.call(handlers.CHAT_GET_SETTINGS, conversation, None, timeout=5)
        lines = [
            f"**{setting.name}**: {_short(setting.value)} _({_source(setting.source, in_thread)})_"
            for setting in view.settings
            if setting.name in SHOWN_SETTINGS
        ]
        lines += _rule_lines(await self._read_rules(interaction, conversation))
        if view.personas:
            lines.append(f"Personas: {', '.join(view.personas)}")
        return ResponseContent(page="\n".join(lines)[:4_000])

    async def _read_rules(
        self, interaction: discord.Interaction, conversation: str
    ) -> list[tuple[Where, ChannelRules]]:
        """Return the rules of all scopes of a conversation, the narrowest first."""
        widths: tuple[Where, ...] = ("here", "server")
        if isinstance(interaction.channel, discord.Thread):
            widths = ("here", "channel", "server")
        rules: list[tuple[Where, ChannelRules]] = []
        for width in widths:
            scope = _scope(interaction, conversation, width)
            view = await self._ingress.call(handlers.CHANNEL_GET, scope, ChannelViewRequest(), timeout=5)
            rules.append((width, view.rules))
        return rules


def _rule_lines(scopes: Sequence[tuple[Where, ChannelRules]]) -> list[str]:
    modes = ((rules.reply_mode, width) for width, rules in scopes if rules.reply_mode)
    mode, mode_source = next(modes, ("mentions", "deployment"))
    targets = ((rules.answer_in, width) for width, rules in scopes if rules.answer_in)
    answer_in, answer_source = next(targets, ("channel", "deployment"))
    off = next((width for width, rules in scopes if rules.off), None)
    return [
        f"**answer to**: {MODE_NAMES.get(mode, mode)} _({mode_source})_",
        f"**answer in**: {answer_in} _({answer_source})_",
        f"**switched off** _({off})_" if off else "**switched on**",
    ]


def _scope(interaction: discord.Interaction, conversation: str, where: Where) -> str:
    """Return the scope that `/settings` changes. In a thread, `channel` is the channel around it: a forum has no
    messages of its own in which a person could use the command."""
    channel = interaction.channel
    if where == "server":
        return conversation.rpartition(":")[0]
    if where == "channel" and isinstance(channel, discord.Thread):
        return f"discord:{interaction.guild_id}:{channel.parent_id}"
    return conversation


def _source(source: str, in_thread: bool) -> str:
    for width, name in {**SOURCE_NAMES, "channel": "channel" if in_thread else "here"}.items():
        source = source.replace(width, name)
    return source


def _short(value: str | float | None) -> str:
    text = "the endpoint's default" if value is None else " ".join(str(value).split())
    return text if len(text) <= MAX_SHOWN_VALUE else text[: MAX_SHOWN_VALUE - 1] + "…"
