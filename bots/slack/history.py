"""Conversation history for the person who asks: to them alone, in pages, and only if they may read it now."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

from bots.common import history_view
from bots.slack import formatting
from bots.slack.client import SlackClient
from bots.slack.permissions import Permissions
from bots.slack.responses import SlackMessage, text_message
from chat_service import keys
from chat_service.contracts import DirectoryPage, DirectoryRequest
from chat_service.ingress import IngressClient

log = logging.getLogger(__name__)

NOT_FOUND = "There is no such conversation."
"""What an outsider reads too: whether a private channel exists is nobody's business."""
NO_LINK = "That is no link to a message. Copy one with “Copy link” in the message's menu, or leave it out."
NONE_YET = "There are no conversations here yet."
CHOICES = 25
ROOM = 11_000
_IN_BROWSER = re.compile(r"https?://app\.slack\.com/client/[A-Z0-9]+/([A-Z0-9]+)/thread/\1-(\d+\.\d+)")
_PERMALINK = re.compile(r"https?://[^/\s]+/archives/([A-Z0-9]+)/p(\d{10})(\d{6})(?:\?([^\s>|]*))?")
_THREAD = re.compile(r"thread_ts=(\d+\.\d+)")


class HistoryView:
    """Finds, checks and shows."""

    def __init__(self, slack: SlackClient, ingress: IngressClient, permissions: Permissions) -> None:
        self._slack, self._ingress, self._permissions = slack, ingress, permissions

    async def show_for_command(self, person: str, channel: str, text: str) -> SlackMessage:
        """What `/history` shows: a thread by its link, else the channel's conversations."""
        if text.strip():
            found = conversation_from_link(text, self._slack.identity.team)
            return await self.show_page(person, found) if found else text_message(NO_LINK)
        if not await self._permissions.may_read(person, channel):
            return text_message(NOT_FOUND)
        owner = f"channel:slack:{self._slack.identity.team}:{channel}"
        request = DirectoryRequest(limit=CHOICES)
        listed = await self._ingress.call("Directory", owner, "list", request, DirectoryPage, timeout=10)
        if not listed.entries:
            return text_message(NONE_YET)
        if len(listed.entries) == 1:
            return await self.show_page(person, listed.entries[0].conversation)
        options = [
            formatting.option(f"{one.at:%m-%d %H:%M} {one.title or 'Conversation'}", one.conversation)
            for one in listed.entries
        ]
        menu = {
            "type": "static_select",
            "action_id": "history_pick",
            "placeholder": formatting.plain("Choose a conversation"),
            "options": options,
        }
        lines = "\n".join(f"• {one.title or 'Conversation'} ({one.at:%Y-%m-%d %H:%M} UTC)" for one in listed.entries)
        return {
            "text": "Recent conversations",
            "blocks": [
                formatting.markdown(formatting.neutralize_mentions(f"**Recent conversations**\n{lines}")),
                {"type": "actions", "elements": [menu]},
            ],
        }

    async def show_page(self, person: str, conversation: str, before: int | None = None) -> SlackMessage:
        """A page of a conversation, if the person may read it at this moment."""
        key = keys.parse(conversation)
        if key is None or key.space != self._slack.identity.team:
            return text_message(NOT_FOUND)
        if not await self._permissions.may_read(person, key.channel):
            return text_message(NOT_FOUND)
        view = await history_view.page(self._ingress, conversation, before)
        text = formatting.neutralize_mentions(f"**{view.title or 'Conversation'}**\n\n" + "\n\n".join(view.lines))
        text = history_view.shortened(text, ROOM)
        row = [formatting.button("history_export", "Export", {"conversation": conversation})]
        if view.older is not None:
            older = {"conversation": conversation, "before": view.older}
            row.insert(0, formatting.button("history_older", "Older", older))
        return {
            "text": view.title or "Conversation",
            "blocks": [formatting.markdown(text), {"type": "actions", "elements": row}],
        }

    async def handle_action(self, person: str, action: dict[str, Any]) -> SlackMessage | None:
        """A button or a choice beneath a page."""
        if action["action_id"] == "history_pick":
            return await self.show_page(person, action["selected_option"]["value"])
        value = json.loads(action["value"])
        if action["action_id"] == "history_older":
            return await self.show_page(person, value["conversation"], value["before"])
        return text_message(await self.export(person, value["conversation"]))

    async def export(self, person: str, conversation: str) -> str:
        """Send the whole conversation as a file, by direct message; an ephemeral message cannot carry one."""
        key = keys.parse(conversation)
        if key is None or not await self._permissions.may_read(person, key.channel):
            return NOT_FOUND
        text = await history_view.export(self._ingress, conversation)
        opened = await self._slack(self._slack.web.conversations_open, users=person)
        await self._slack(
            self._slack.web.files_upload_v2,
            channel=opened["channel"]["id"],
            filename=f"conversation-{key.thread}.md",
            title="Conversation",
            content=text,
        )
        return "The whole conversation is in your direct messages with me."

    async def post_ephemeral(self, conversation: str | None, person: str, channel: str, thread: str | None) -> None:
        """What `@bot history` shows, to the person alone: this conversation, or those of the channel."""
        shown = await (
            self.show_page(person, conversation) if conversation else self.show_for_command(person, channel, "")
        )
        await self._slack(self._slack.web.chat_postEphemeral, channel=channel, user=person, thread_ts=thread, **shown)


def conversation_from_link(text: str, team: str) -> str | None:
    """The conversation that a permalink points into."""
    try:
        if (open_there := _IN_BROWSER.search(text)) is not None:
            return keys.slack(team, *open_there.groups())
        match = _PERMALINK.search(text)
        if match is None:
            return None
        channel, seconds, fraction, query = match.groups()
        thread = _THREAD.search((query or "").replace("&amp;", "&"))
        return keys.slack(team, channel, thread.group(1) if thread else f"{seconds}.{fraction}")
    except ValueError:
        return None
