"""The slash commands and the context menu. All but `/ask` answer to the person alone."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Literal

import discord
from discord import app_commands

from bots.common import commands
from bots.common.access import is_shut_out, refusal
from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.common.reactions import StatusReactions
from bots.discord.client import Bot, call_discord
from bots.discord.history import HistoryView
from bots.discord.permissions import may_read, may_write, pressed
from bots.discord.responses import Shown, answer, tell
from bots.discord.settings import DEFAULT, ChatSettings, Wanted
from chat_service import keys
from chat_service.contracts import History, HistoryRequest, StopResult, StopRequest, is_blank
from chat_service.ingress import IngressClient, IngressError
from chat_service.objects.erasure import ForgetDiscordUserRequest
from chat_service.settings import Settings

NOT_HERE = "I may not read or write in this channel: ask whoever administers it to let me in."
NOT_YOU = "You may not write in this channel, so I do not write there for you."
LOOK_SECONDS = 1.5
"""Discord waits three for an answer."""
FORGETTING = (
    "Forgetting what you have said to me, in every server and in direct messages. It takes a moment; what is being "
    "answered right now goes when it is done."
)


class SlashCommands:
    """The commands of one bot."""

    def __init__(
        self,
        bot: Bot,
        ingress: IngressClient,
        histories: HistoryView,
        chat_settings: ChatSettings,
        settings: Settings,
        reactions: StatusReactions,
    ) -> None:
        self._bot, self._ingress, self._histories = bot, ingress, histories
        self._settings, self._config, self._reactions = chat_settings, settings, reactions

    def register(self) -> None:
        """Put them into the tree."""
        tree = self._bot.tree
        everywhere = app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)

        @tree.command(name="history", description="Show what this channel or thread holds, to you alone")
        @everywhere
        async def history(interaction: discord.Interaction) -> None:
            await answer(interaction, lambda: self._histories.page(interaction, interaction.channel_id or 0))

        @tree.context_menu(name="Show conversation history")
        @everywhere
        async def show_history(interaction: discord.Interaction, message: discord.Message) -> None:
            await answer(interaction, lambda: self._histories.page(interaction, self._place_of(interaction, message)))

        @tree.command(name="reset", description="Start afresh: I no longer look at what was said before")
        @everywhere
        async def reset(interaction: discord.Interaction) -> None:
            await answer(interaction, lambda: self._reset(interaction))

        @tree.command(name="stop", description="End the reply that is being written")
        @app_commands.describe(everything="also take back what waits")
        @everywhere
        async def stop(interaction: discord.Interaction, everything: bool = False) -> None:
            await answer(interaction, lambda: self._stop(interaction, everything))

        @tree.command(name="settings", description="Show or change how I behave here")
        @app_commands.describe(
            persona=f"how I speak; '{DEFAULT}' gives it back",
            model=f"which model answers; '{DEFAULT}' gives it back",
            answer_to="mentions and replies, or every message",
            answer_in="in the channel, or in a thread for each question",
            enabled="whether I answer at all",
            where="this channel or thread, the channel or forum around a thread, or the whole server",
        )
        @everywhere
        async def settings(
            interaction: discord.Interaction,
            persona: app_commands.Range[str, 1, 100] | None = None,
            model: app_commands.Range[str, 1, 200] | None = None,
            answer_to: Literal["mentions", "everything"] | None = None,
            answer_in: Literal["channel", "thread"] | None = None,
            enabled: bool | None = None,
            where: Literal["here", "channel", "server"] = "here",
        ) -> None:
            wanted = Wanted(persona, model, answer_to, answer_in, enabled)
            await answer(interaction, lambda: self._settings.asked(interaction, wanted, where))

        @settings.autocomplete("persona")
        async def personas(interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
            names = [one for one in (DEFAULT, *self._settings.personas) if typed.lower() in one.lower()]
            return [app_commands.Choice(name=one[:100], value=one[:100]) for one in dict.fromkeys(names)][:25]

        @tree.command(name="help", description="What I am, what I can do, and what I keep")
        @everywhere
        async def help_(interaction: discord.Interaction) -> None:
            await tell(interaction, commands.HELP_DISCORD)

        @tree.command(name="forget-me", description="Remove what you have said to me, everywhere")
        @everywhere
        async def forget_me(interaction: discord.Interaction) -> None:
            await answer(interaction, lambda: self._forget(interaction))

        @tree.command(name="ask", description="Ask me something, for everybody here to see")
        @app_commands.describe(question="what you want to know")
        @everywhere
        async def ask(interaction: discord.Interaction, question: app_commands.Range[str, 1, 1_900]) -> None:
            await self._ask(interaction, question)

    async def _ask(self, interaction: discord.Interaction, question: str) -> None:
        """The answer to the interaction is the question itself, as a message that stays: it is heard like every other,
        found again by catch-up, and what the model says replies to it, however much later."""
        may = interaction.app_permissions
        writes = may.send_messages_in_threads if isinstance(interaction.channel, discord.Thread) else may.send_messages
        if interaction.guild_id is not None and not (may.read_messages and writes):
            await tell(interaction, NOT_HERE)
            return
        if not may_write(interaction):
            await tell(interaction, NOT_YOU)
            return
        if is_blank(question):
            await tell(interaction, commands.BLANK)
            return
        with contextlib.suppress(IngressError, TimeoutError):  # then the intake refuses it, as it does any message
            async with asyncio.timeout(LOOK_SECONDS):
                if (word := await refusal(self._ingress, self._config, pressed(interaction))) is not None:
                    await tell(interaction, word)
                    return
        try:
            mentions = discord.AllowedMentions.none()
            sending = interaction.response.send_message(question, allowed_mentions=mentions, suppress_embeds=True)
            await call_discord("ask", sending)
        except (PermanentError, OutcomeUnknownError, TransientError):
            await tell(interaction, commands.AWAY)

    async def _reset(self, interaction: discord.Interaction) -> Shown:
        if not may_read(interaction):
            return Shown(commands.NOT_READABLE)
        if await is_shut_out(self._ingress, self._config, pressed(interaction)):
            return Shown(commands.NOT_ALLOWED)
        await self._ingress.send("Chat", _here(interaction), "reset", None)
        return Shown(commands.RESET)

    async def _stop(self, interaction: discord.Interaction, everything: bool) -> Shown:
        if not may_read(interaction):
            return Shown(commands.NOT_READABLE)
        if await is_shut_out(self._ingress, self._config, pressed(interaction)):
            return Shown(commands.NOT_ALLOWED)
        if everything:
            conversation, request = _here(interaction), HistoryRequest(limit=1)
            page = await self._ingress.call("Chat", conversation, "get_history", request, History, timeout=5)
            await self._ingress.send("Chat", conversation, "stop", StopRequest(all=True))
            self._reactions.background.start(self._remove_reactions(conversation, page))
            return Shown(commands.STOPPING)
        done = await self._ingress.call("Chat", _here(interaction), "stop", StopRequest(), StopResult, timeout=5)
        return Shown(commands.STOPPED if done.stopped else commands.NOTHING_RUNS)

    async def _remove_reactions(self, conversation: str, page: History) -> None:
        await self._reactions.remove(conversation, [message.id for message in page.waiting if message.id])

    async def _forget(self, interaction: discord.Interaction) -> Shown:
        person = ForgetDiscordUserRequest(person=str(interaction.user.id))
        await self._ingress.send("Housekeeping", None, "forget_everywhere", person)
        return Shown(FORGETTING)

    def _place_of(self, interaction: discord.Interaction, message: discord.Message) -> int:
        """The thread that was opened for a question, or else where the message stands."""
        thread = interaction.guild.get_thread(message.id) if interaction.guild else None
        return (
            message.id if thread is not None and thread.owner_id == self._bot.user_id else interaction.channel_id or 0
        )


def _here(interaction: discord.Interaction) -> str:
    return keys.discord(interaction.guild_id, interaction.channel_id or 0)
