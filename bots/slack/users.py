"""Names of people, channels and groups, cached for some minutes. A name that cannot be read is replaced by its id.

People choose their own names, so each name is reduced to one line that cannot look like a message header.
"""

from __future__ import annotations

import html
import re
import time
from collections.abc import Awaitable, Callable

from bots.common.errors import PermanentError
from bots.slack.client import SlackApiCallError, SlackClient
from chat_service.domain.context import safe_name
from chat_service.unicode_text import well_formed

CACHE_SECONDS = 300.0
_CODE = re.compile(r"<([@#!]?)([^>|\s]*)(?:\|([^>]*))?>")


class UserNames:
    """The names of one workspace."""

    def __init__(self, slack: SlackClient) -> None:
        self._slack = slack
        self._names: dict[str, tuple[str, float]] = {}
        """Name and expiry time (`time.monotonic`) by id."""
        self._teams: dict[str, str] = {}

    async def user_name(self, id: str) -> str:
        """Return a person's display name."""
        return await self._cached(id, self._read_user_name)

    async def team_of_user(self, id: str) -> str:
        """Return the workspace a person belongs to. In Slack Connect it may differ from the bot's workspace."""
        if id not in self._teams:
            await self.user_name(id)
        return self._teams.get(id) or self._slack.identity.team

    async def channel_name(self, id: str) -> str:
        """Return a channel's name without `#`."""
        return await self._cached(id, self._read_channel_name)

    async def resolve_codes(self, text: str) -> str:
        """Return a message's text with names in place of codes such as `<@U1>`."""
        parts: list[str] = []
        end = 0
        for match in _CODE.finditer(text):
            parts += [text[end : match.start()], await self._resolve_code(*match.groups())]
            end = match.end()
        return html.unescape("".join([*parts, text[end:]]))

    async def _resolve_code(self, kind: str, code: str, label: str | None) -> str:
        if kind == "@":
            return f"@{safe_name(label or '') or await self.user_name(code)}"
        if kind == "#":
            return f"#{safe_name(label or '') or await self.channel_name(code)}"
        if kind == "!":
            command, _, argument = code.partition("^")
            if command == "subteam":
                return label or await self._cached(argument, self._read_group_name)
            return label or f"@{command}"
        return f"{label} ({code})" if label and label != code else code

    async def _cached(self, id: str, read: Callable[[str], Awaitable[str]]) -> str:
        name, expires = self._names.get(id, ("", 0.0))
        if time.monotonic() < expires:
            return name
        try:
            name = safe_name(well_formed(await read(id))) or id
        except (PermanentError, SlackApiCallError):
            name = id  # the scope is missing or the person is unknown; the message is still worth reading
        self._names[id] = (name, time.monotonic() + CACHE_SECONDS)
        return name

    async def _read_user_name(self, id: str) -> str:
        user = (await self._slack(self._slack.web.users_info, user=id))["user"]
        self._teams[id] = str(user.get("team_id") or "")
        profile = user.get("profile") or {}
        return str(profile.get("display_name") or profile.get("real_name") or user.get("real_name") or id)

    async def _read_channel_name(self, id: str) -> str:
        channel = (await self._slack(self._slack.web.conversations_info, channel=id))["channel"]
        return str(channel.get("name") or id)

    async def _read_group_name(self, id: str) -> str:
        groups = (await self._slack(self._slack.web.usergroups_list))["usergroups"]
        return next((f"@{group['handle']}" for group in groups if group["id"] == id), f"@{id}")
