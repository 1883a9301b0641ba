"""Decide which messages are passed on to the intake. Other messages stay in this process, so that a busy server causes
no cost."""

from __future__ import annotations

import time

from bots.discord.message_snapshot import MessageSnapshot
from chat_service import handlers
from chat_service.contracts.channel import ChannelRules, ChannelView, ChannelViewRequest
from chat_service.ingress import IngressClient

CACHE_SECONDS = 5.0
MAX_CACHED = 10_000


class EventFilter:
    """Filters snapshots by the channels' rules, which are cached for some seconds."""

    def __init__(self, ingress: IngressClient) -> None:
        self._ingress = ingress
        self._views: dict[str, tuple[ChannelView, float]] = {}
        self._conversations: set[str] = set()
        """Conversations in which this process has accepted a message."""

    async def accepts(self, snapshot: MessageSnapshot, *, has_thread: bool = False) -> bool:
        """Return whether a snapshot concerns the bot. `has_thread`: a thread was created from the message.

        Raises:
            IngressError, TimeoutError: the channel's rules cannot be read.
        """
        conversation = snapshot.conversation
        if snapshot.kind == "created":
            if snapshot.is_for_bot:
                if len(self._conversations) > MAX_CACHED:
                    self._conversations.clear()
                self._conversations.add(conversation)
                return True
            return snapshot.in_bot_thread or await self._answers_everything(snapshot)
        if has_thread or conversation in self._conversations:
            return True
        return (await self._read_channel_view(conversation)).thread is not None

    def invalidate(self, scope: str) -> None:
        """Forget the cached rules of a scope after a change."""
        self._views.pop(scope, None)
        if scope.count(":") == 1:
            self._views.clear()

    async def _answers_everything(self, snapshot: MessageSnapshot) -> bool:
        scopes = [snapshot.conversation, snapshot.parent_scope, f"discord:{snapshot.guild_id}"]
        rules: list[ChannelRules] = [(await self._read_channel_view(scope)).rules for scope in scopes if scope]
        mode = next((scope_rules.reply_mode for scope_rules in rules if scope_rules.reply_mode), None)
        return mode == "everything"

    async def _read_channel_view(self, scope: str) -> ChannelView:
        view, expires = self._views.get(scope, (None, 0.0))
        if view is not None and time.monotonic() < expires:
            return view
        view = await self._ingress.call(handlers.CHANNEL_GET, scope, ChannelViewRequest(conversation=scope), timeout=10)
        if len(self._views) > MAX_CACHED:
            self._views.clear()
        self._views[scope] = (view, time.monotonic() + CACHE_SECONDS)
        return view
