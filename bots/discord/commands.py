"""The slash commands and the context menu. All responses except those of `/ask` are ephemeral."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Literal

import discord
from discord import app_commands

from bots.common import texts
from bots.common.access import find_refusal, is_blocked
from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.common.reactions import StatusReactions
from bots.discord.client import Bot, call_discord
from bots.discord.history import HistoryView
from bots.discord.permissions import conversation_of, may_bot_write, may_read, may_write, requester_of
from bots.discord.responses import ResponseContent, respond, respond_with_text
from bots.discord.settings import DEFAULT, ChatSettings, SettingsChange
from chat_service import handlers
from chat_service.contracts import History, HistoryRequest, StopRequest, is_blank
from chat_service.contracts.background import ForgetDiscordUserRequest
from chat_service.ingress import IngressClient, IngressError
from chat_service.settings import Settings

BOT_MAY_NOT_WRITE = "I may not read or write in this channel. An administrator of the channel can allow it."
USER_MAY_NOT_WRITE = "You may not write in this channel, so I do not post your question there."
ACCESS_CHECK_SECONDS = 1.5
"""Discord waits three seconds for a response."""
FORGETTING = (
    "Deleting everything that you wrote to me, in all servers and in direct messages. This takes a moment; a question "
    "that is being answered now is deleted afterwards."
)
EVERYWHERE = app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)


class SlashCommands:
    """The commands of one bot."""

    def __init__(
        self,
        bot: Bot,
        ingress: IngressClient,
        history: HistoryView,
        chat_settings: ChatSettings,
        settings: Settings,
        reactions: StatusReactions,
    ) -> None:
        self._bot, self._ingress, self._history = bot, ingress, history
        self._chat_settings, self._settings, self._reactions = chat_settings, settings, reactions

    def register(self) -> None:
        """Add the commands to the bot's command tree."""
        self._add_history()
        self._add_conversation_commands()
        self._add_settings()

    def _add_history(self) -> None:
        tree = self._bot.tree

        @tree.command(name="history", description="Show the history of this channel or thread, to you only")
        @EVERYWHERE
        async def history(interaction: discord.Interaction) -> None:
            await respond(interaction, lambda: self._history.render_page(interaction, interaction.channel_id or 0))

        @tree.context_menu(name="Show conversation history")
        @EVERYWHERE
        async def show_history(interaction: discord.Interaction, message: discord.Message) -> None:
            channel_id = self._conversation_channel(interaction, message)
            await respond(interaction, lambda: self._history.render_page(interaction, channel_id))

    def _add_conversation_commands(self) -> None:
        tree = self._bot.tree

        @tree.command(name="reset", description="Start a new context: earlier messages are no longer used")
        @EVERYWHERE
        async def reset(interaction: discord.Interaction) -> None:
            await respond(interaction, lambda: self._reset(interaction))

        @tree.command(name="stop", description="Stop the running reply")
        @app_commands.describe(everything="also cancel the waiting messages")
        @EVERYWHERE
        async def stop(interaction: discord.Interaction, everything: bool = False) -> None:
            await respond(interaction, lambda: self._stop(interaction, everything))

        @tree.command(name="help", description="What this bot is, does and stores")
        @EVERYWHERE
        async def help_(interaction: discord.Interaction) -> None:
            await respond_with_text(interaction, texts.HELP_DISCORD)

        @tree.command(name="forget-me", description="Delete everything that you wrote to the bot, everywhere")
        @EVERYWHERE
        async def forget_me(interaction: discord.Interaction) -> None:
            await respond(interaction, lambda: self._forget(interaction))

        @tree.command(name="ask", description="Ask a question that everybody here sees")
        @app_commands.describe(question="your question")
        @EVERYWHERE
        async def ask(interaction: discord.Interaction, question: app_commands.Range[str, 1, 1_900]) -> None:
            await self._ask(interaction, question)

    def _add_settings(self) -> None:
        tree = self._bot.tree

        @tree.command(name="settings", description="Show or change the bot's settings here")
        @app_commands.describe(
            persona=f"how the bot writes; '{DEFAULT}' removes the choice",
            model=f"which model answers; '{DEFAULT}' removes the choice",
            answer_to="mentions and replies, or every message",
            answer_in="in the channel, or in a thread for each question",
            enabled="whether the bot answers at all",
            where="this channel or thread, the channel or forum around a thread, or the whole server",
        )
        @EVERYWHERE
        async def settings(
            interaction: discord.Interaction,
            persona: app_commands.Range[str, 1, 100] | None = None,
            model: app_commands.Range[str, 1, 200] | None = None,
            answer_to: Literal["mentions", "everything"] | None = None,
            answer_in: Literal["channel", "thread"] | None = None,
            enabled: bool | None = None,
            where: Literal["here", "channel", "server"] = "here",
        ) -> None:
            change = SettingsChange(persona, model, answer_to, answer_in, enabled)
            await respond(interaction, lambda: self._chat_settings.show_or_change(interaction, change, where))

        @settings.autocomplete("persona")
        async def personas(interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
            names = [name for name in (DEFAULT, *self._chat_settings.personas) if typed.lower() in name.lower()]
            return [app_commands.Choice(name=name[:100], value=name[:100]) for name in dict.fromkeys(names)][:25]

    async def _ask(self, interaction: discord.Interaction, question: str) -> None:
        """Respond with the question itself as a permanent message. It is processed like any other message: the backfill
        finds it, and the answer is a reply to it, without the time limit of an interaction."""
        if not may_bot_write(interaction):
            await respond_with_text(interaction, BOT_MAY_NOT_WRITE)
            return
        if not may_write(interaction):
            await respond_with_text(interaction, USER_MAY_NOT_WRITE)
            return
        if is_blank(question):
            await respond_with_text(interaction, texts.EMPTY_MESSAGE)
            return
        # If this check fails, the intake refuses the question as it does with any message.
        with contextlib.suppress(IngressError, TimeoutError):
            async with asyncio.timeout(ACCESS_CHECK_SECONDS):
                reason = await find_refusal(self._ingress, self._settings, requester_of(interaction))
                if reason is not None:
                    await respond_with_text(interaction, reason)
                    return
        try:
            mentions = discord.AllowedMentions.none()
            sending = interaction.response.send_message(question, allowed_mentions=mentions, suppress_embeds=True)
            await call_discord("ask", sending)
        except (PermanentError, OutcomeUnknownError, TransientError):
            await respond_with_text(interaction, texts.UNREACHABLE)

    async def _reset(self, interaction: discord.Interaction) -> ResponseContent:
        if (reason := await self._refusal(interaction)) is not None:
            return ResponseContent(reason)
        await self._ingress.send(handlers.CHAT_RESET, conversation_of(interaction), None)
        return ResponseContent(texts.RESET)

    async def _stop(self, interaction: discord.Interaction, everything: bool) -> ResponseContent:
        if (reason := await self._refusal(interaction)) is not None:
            return ResponseContent(reason)
        conversation = conversation_of(interaction)
        if everything:
            request = HistoryRequest(limit=1)
            page = await self._ingress.call(handlers.CHAT_GET_HISTORY, conversation, request, timeout=5)
            await self._ingress.send(handlers.CHAT_STOP, conversation, StopRequest(all=True))
            self._reactions.background.start(self._remove_reactions(conversation, page))
            return ResponseContent(texts.STOPPING)
        result = await self._ingress.call(handlers.CHAT_STOP, conversation, StopRequest(), timeout=5)
        return ResponseContent(texts.STOPPED if result.stopped else texts.NOTHING_RUNS)

    async def _remove_reactions(self, conversation: str, page: History) -> None:
        await self._reactions.remove(conversation, [message.id for message in page.waiting if message.id])

    async def _forget(self, interaction: discord.Interaction) -> ResponseContent:
        request = ForgetDiscordUserRequest(person=str(interaction.user.id))
        await self._ingress.send(handlers.BACKGROUND_FORGET_DISCORD_USER, None, request)
        return ResponseContent(FORGETTING)

    async def _refusal(self, interaction: discord.Interaction) -> str | None:
        if not may_read(interaction):
            return texts.NOT_READABLE
        is_refused = await is_blocked(self._ingress, self._settings, requester_of(interaction))
        return texts.NOT_ALLOWED if is_refused else None

    def _conversation_channel(self, interaction: discord.Interaction, message: discord.Message) -> int:
        """Return the thread that the bot created from a message, or else the message's channel."""
        thread = interaction.guild.get_thread(message.id) if interaction.guild else None
        is_bot_thread = thread is not None and thread.owner_id == self._bot.user_id
        return message.id if is_bot_thread else interaction.channel_id or 0
