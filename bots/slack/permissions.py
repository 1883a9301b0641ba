"""Permissions to read and to administer a channel. Slack is asked each time; nothing is cached."""

from __future__ import annotations

from bots.common.errors import PermanentError
from bots.slack.client import Payload, SlackApiCallError, SlackClient, next_cursor

MEMBERS_PAGE_SIZE = 1000


class Permissions:
    """The permissions in one workspace.

    Every method raises `OutcomeUnknownError` or `TransientError` when Slack cannot be reached.
    """

    def __init__(self, slack: SlackClient) -> None:
        self._slack = slack

    async def may_read(self, person: str, channel: str) -> bool:
        """Return whether a person sees a channel, as its member or because it is public in this workspace."""
        info = await self._channel_info(channel)
        if info is None:
            return False
        if not (info.get("is_private") or info.get("is_im") or info.get("is_mpim") or channel.startswith("D")):
            user = await self._user_info(person)
            is_guest = (
                not user or user.get("is_restricted") or user.get("is_ultra_restricted") or user.get("is_stranger")
            )
            if not is_guest and self._is_in_workspace(user) and not user.get("deleted"):
                return True
        return await self._is_member(person, channel)

    async def may_administer(self, person: str, channel: str) -> bool:
        """Return whether a person sees a channel and is an administrator of this workspace or the channel's creator."""
        info = await self._channel_info(channel)
        if info is None or not await self.may_read(person, channel):
            return False
        if info.get("is_im"):
            return True
        user = await self._user_info(person)
        return self._is_admin(user) or (self._is_in_workspace(user) and info.get("creator") == person)

    async def is_workspace_admin(self, person: str) -> bool:
        """Return whether a person administers the whole workspace."""
        return self._is_admin(await self._user_info(person))

    def _is_admin(self, user: Payload) -> bool:
        return self._is_in_workspace(user) and bool(user.get("is_admin") or user.get("is_owner"))

    def _is_in_workspace(self, user: Payload) -> bool:
        """In Slack Connect and Enterprise Grid the administrators of other workspaces have no rights here."""
        return user.get("team_id") == self._slack.identity.team

    async def _channel_info(self, channel: str) -> Payload | None:
        try:
            info: Payload = (await self._slack(self._slack.web.conversations_info, channel=channel))["channel"]
        except (PermanentError, SlackApiCallError):
            return None
        return info

    async def _user_info(self, person: str) -> Payload:
        try:
            info: Payload = (await self._slack(self._slack.web.users_info, user=person))["user"]
        except (PermanentError, SlackApiCallError):
            return {}
        return info

    async def _is_member(self, person: str, channel: str) -> bool:
        cursor: str | None = None
        while True:
            try:
                page = await self._slack(
                    self._slack.web.conversations_members, channel=channel, limit=MEMBERS_PAGE_SIZE, cursor=cursor
                )
            except (PermanentError, SlackApiCallError):
                return False
            if person in page["members"]:
                return True
            if not (cursor := next_cursor(page)):
                return False
