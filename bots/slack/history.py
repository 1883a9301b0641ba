"""Show a conversation's history to a person: privately, in pages, and only if they may read it at that moment."""

from __future__ import annotations

import json
import re

from bots.common import history_view
from bots.slack import formatting
from bots.slack.client import Payload, SlackClient
from bots.slack.formatting import Block
from bots.slack.permissions import Permissions
from bots.slack.responses import SlackMessage, text_message
from chat_service import handlers, keys
from chat_service.contracts import DirectoryEntry, DirectoryRequest
from chat_service.ingress import IngressClient

NOT_FOUND = "There is no such conversation."
"""Also shown to a person who may not read it, so that the existence of a private channel stays hidden."""
INVALID_LINK = (
    "That is not a link to a message. Copy one with “Copy link” in the message's menu, or use /history without a link."
)
NO_CONVERSATIONS = "There are no conversations here yet."
EXPORTED = "I have sent you the whole conversation in a direct message."
MAX_CHOICES = 25
MAX_PAGE_CHARACTERS = 11_000
"""A Markdown block holds 12,000 characters."""
CALL_SECONDS = 10
_BROWSER_LINK = re.compile(r"https?://app\.slack\.com/client/[A-Z0-9]+/([A-Z0-9]+)/thread/\1-(\d+\.\d+)")
_PERMALINK = re.compile(r"https?://[^/\s]+/archives/([A-Z0-9]+)/p(\d{10})(\d{6})(?:\?([^\s>|]*))?")
_THREAD_PARAMETER = re.compile(r"thread_ts=(\d+\.\d+)")


class HistoryView:
    """Builds the messages that show history in one workspace.

    Methods raise `IngressError`, `TimeoutError` when Restate cannot be reached, and the errors of `SlackClient`.
    """

    def __init__(self, slack: SlackClient, ingress: IngressClient, permissions: Permissions) -> None:
        self._slack, self._ingress, self._permissions = slack, ingress, permissions

    async def show_for_command(self, person: str, channel: str, text: str) -> SlackMessage:
        """Return what `/history` shows: the conversation of the link in `text`, or else the channel's conversations."""
        if text.strip():
            linked = conversation_from_link(text, self._slack.identity.team)
            return await self.show_page(person, linked) if linked else text_message(INVALID_LINK)
        if not await self._permissions.may_read(person, channel):
            return text_message(NOT_FOUND)
        owner = f"channel:slack:{self._slack.identity.team}:{channel}"
        request = DirectoryRequest(limit=MAX_CHOICES)
        listed = await self._ingress.call(handlers.DIRECTORY_LIST, owner, request, timeout=CALL_SECONDS)
        if not listed.entries:
            return text_message(NO_CONVERSATIONS)
        if len(listed.entries) == 1:
            return await self.show_page(person, listed.entries[0].conversation)
        return _choice_message(listed.entries)

    async def show_page(self, person: str, conversation: str, before: int | None = None) -> SlackMessage:
        """Return a page of a conversation, if the person may read it now."""
        key = keys.parse(conversation)
        if key is None or key.space != self._slack.identity.team:
            return text_message(NOT_FOUND)
        if not await self._permissions.may_read(person, key.channel):
            return text_message(NOT_FOUND)
        page = await history_view.render_page(self._ingress, conversation, before)
        title = page.title or "Conversation"
        text = formatting.neutralize_mentions(f"**{title}**\n\n" + "\n\n".join(page.lines))
        buttons = [formatting.button("history_export", "Export", {"conversation": conversation})]
        if page.older is not None:
            older = formatting.button("history_older", "Older", {"conversation": conversation, "before": page.older})
            buttons.insert(0, older)
        blocks: list[Block] = [
            formatting.markdown(history_view.truncate_markdown(text, MAX_PAGE_CHARACTERS)),
            {"type": "actions", "elements": buttons},
        ]
        return {"text": title, "blocks": blocks}

    async def handle_action(self, person: str, action: Payload) -> SlackMessage:
        """Return what a button or menu choice below a page shows."""
        if action["action_id"] == "history_pick":
            return await self.show_page(person, action["selected_option"]["value"])
        value = json.loads(action["value"])
        if action["action_id"] == "history_older":
            return await self.show_page(person, value["conversation"], value["before"])
        return text_message(await self.export(person, value["conversation"]))

    async def export(self, person: str, conversation: str) -> str:
        """Send the whole conversation as a file by direct message: an ephemeral message cannot carry a file.

        Return the text that tells the person about it.
        """
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
        return EXPORTED

    async def post_ephemeral(self, conversation: str | None, person: str, channel: str, thread: str | None) -> None:
        """Answer `@bot history` with an ephemeral message: this conversation, or else the channel's conversations."""
        if conversation:
            message = await self.show_page(person, conversation)
        else:
            message = await self.show_for_command(person, channel, "")
        method = self._slack.web.chat_postEphemeral
        await self._slack(method, channel=channel, user=person, thread_ts=thread, **message)


def _choice_message(entries: list[DirectoryEntry]) -> SlackMessage:
    """Return a list of conversations with a menu to choose one."""
    options = [
        formatting.option(f"{entry.at:%m-%d %H:%M} {entry.title or 'Conversation'}", entry.conversation)
        for entry in entries
    ]
    menu: Block = {
        "type": "static_select",
        "action_id": "history_pick",
        "placeholder": formatting.plain_text("Choose a conversation"),
        "options": options,
    }
    lines = "\n".join(f"• {entry.title or 'Conversation'} ({entry.at:%Y-%m-%d %H:%M} UTC)" for entry in entries)
    blocks: list[Block] = [
        formatting.markdown(formatting.neutralize_mentions(f"**Recent conversations**\n{lines}")),
        {"type": "actions", "elements": [menu]},
    ]
    return {"text": "Recent conversations", "blocks": blocks}


def conversation_from_link(text: str, team: str) -> str | None:
    """Return the conversation key for a link to a message or thread; None if the text contains no such link."""
    try:
        if (thread_view := _BROWSER_LINK.search(text)) is not None:
            return keys.slack(team, *thread_view.groups())
        match = _PERMALINK.search(text)
        if match is None:
            return None
        channel, seconds, fraction, query = match.groups()
        thread = _THREAD_PARAMETER.search((query or "").replace("&amp;", "&"))
        return keys.slack(team, channel, thread.group(1) if thread else f"{seconds}.{fraction}")
    except ValueError:
        return None
