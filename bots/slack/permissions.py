"""Who may read and who may administer a channel: asked from Slack at the moment it matters, never remembered."""

from __future__ import annotations

from typing import Any

from bots.common.errors import PermanentError
from bots.slack.client import SlackApiCallError, SlackClient


class Permissions:
    """The permissions in one workspace."""

    def __init__(self, slack: SlackClient) -> None:
        self._slack = slack

    async def may_read(self, person: str, channel: str) -> bool:
        """Whether a person sees a channel: as a member, or because it is public to the members of this workspace.

        Raises:
            Unclear, Later: Slack is away.
        """
        info = await self._info(channel)
        if info is None:
            return False
        if not (info.get("is_private") or info.get("is_im") or info.get("is_mpim") or channel.startswith("D")):
            user = await self._user(person)
            guest = not user or user.get("is_restricted") or user.get("is_ultra_restricted") or user.get("is_stranger")
            if not guest and self._is_ours(user) and not user.get("deleted"):
                return True
        return await self._is_member(person, channel)

    async def may_administer(self, person: str, channel: str) -> bool:
        """Whether a person decides here: an administrator of this workspace or the channel's creator, who also sees it.

        Raises:
            Unclear, Later: Slack is away.
        """
        info = await self._info(channel)
        if info is None or not await self.may_read(person, channel):
            return False
        if info.get("is_im"):
            return True
        user = await self._user(person)
        return self._administers(user) or (self._is_ours(user) and info.get("creator") == person)

    async def is_workspace_admin(self, person: str) -> bool:
        """Whether a person administers the whole workspace.

        Raises:
            Unclear, Later: Slack is away.
        """
        return self._administers(await self._user(person))

    def _administers(self, user: dict[str, Any]) -> bool:
        return self._is_ours(user) and bool(user.get("is_admin") or user.get("is_owner"))

    def _is_ours(self, user: dict[str, Any]) -> bool:
        """In Slack Connect and Grid the administrators of other workspaces are none here."""
        return user.get("team_id") == self._slack.identity.team

    async def _info(self, channel: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = (await self._slack(self._slack.web.conversations_info, channel=channel))["channel"]
        except (PermanentError, SlackApiCallError):
            return None
        return found

    async def _user(self, person: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = (await self._slack(self._slack.web.users_info, user=person))["user"]
        except (PermanentError, SlackApiCallError):
            return {}
        return found

    async def _is_member(self, person: str, channel: str) -> bool:
        cursor: str | None = None
        while True:
            try:
                page = await self._slack(
                    self._slack.web.conversations_members, channel=channel, limit=1000, cursor=cursor
                )
            except (PermanentError, SlackApiCallError):
                return False
            if person in page["members"]:
                return True
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return False
