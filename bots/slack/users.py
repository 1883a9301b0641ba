"""Who and what Slack's codes stand for. Kept for some minutes; a name that cannot be had is its code.

People choose names: each becomes one line that looks like no header, whatever it says.
"""

from __future__ import annotations

import html
import re
import time
from typing import Any

from bots.common.errors import PermanentError
from bots.slack.client import SlackApiCallError, SlackClient
from chat_service.domain.context import safe_name
from chat_service.unicode_text import well_formed

KEEP_SECONDS = 300.0
_CODE = re.compile(r"<([@#!]?)([^>|\s]*)(?:\|([^>]*))?>")


class UserNames:
    """The names of one workspace."""

    def __init__(self, slack: SlackClient) -> None:
        self._slack = slack
        self._kept: dict[str, tuple[str, float]] = {}
        self._teams: dict[str, str] = {}

    async def user_name(self, id: str) -> str:
        """What a person is called."""
        return await self._name(id, self._ask_person)

    async def team_of_user(self, id: str) -> str:
        """The workspace that a person belongs to: in Slack Connect it may be another one."""
        if id not in self._teams:
            await self.user_name(id)
        return self._teams.get(id) or self._slack.identity.team

    async def channel_name(self, id: str) -> str:
        """What a channel is called."""
        return await self._name(id, self._ask_channel)

    async def resolve_codes(self, text: str) -> str:
        """A message's text with names for its codes, as a person reads it."""
        parts: list[str] = []
        end = 0
        for match in _CODE.finditer(text):
            parts += [text[end : match.start()], await self._said(*match.groups())]
            end = match.end()
        return html.unescape("".join([*parts, text[end:]]))

    async def _said(self, kind: str, code: str, label: str | None) -> str:
        if kind == "@":
            return f"@{safe_name(label or '') or await self.user_name(code)}"
        if kind == "#":
            return f"#{safe_name(label or '') or await self.channel_name(code)}"
        if kind == "!":
            word = code.partition("^")[0]
            if word == "subteam":
                return label or await self._name(code.partition("^")[2], self._ask_group)
            return label or f"@{word}"
        return f"{label} ({code})" if label and label != code else code

    async def _name(self, id: str, ask: Any) -> str:
        name, until = self._kept.get(id, ("", 0.0))
        if time.monotonic() < until:
            return name
        try:
            name = safe_name(well_formed(await ask(id))) or id
        except (PermanentError, SlackApiCallError):
            name = id  # no scope for it, or a stranger: better the code than no message
        self._kept[id] = (name, time.monotonic() + KEEP_SECONDS)
        return name

    async def _ask_person(self, id: str) -> str:
        user = (await self._slack(self._slack.web.users_info, user=id))["user"]
        self._teams[id] = str(user.get("team_id") or "")
        profile = user.get("profile") or {}
        return str(profile.get("display_name") or profile.get("real_name") or user.get("real_name") or id)

    async def _ask_channel(self, id: str) -> str:
        found = (await self._slack(self._slack.web.conversations_info, channel=id))["channel"]
        return str(found.get("name") or id)

    async def _ask_group(self, id: str) -> str:
        groups = (await self._slack(self._slack.web.usergroups_list))["usergroups"]
        return next((f"@{one['handle']}" for one in groups if one["id"] == id), f"@{id}")
