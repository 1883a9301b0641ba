"""Actions of people in Slack. An action that Slack's client does not offer raises ImpossibleActionError."""

from __future__ import annotations

import base64
import re
import uuid
from typing import Any

from tests.fakes.platform.errors import ImpossibleActionError
from tests.fakes.slack import serializer
from tests.fakes.slack.models import Channel, Json, Message, Team, User
from tests.fakes.slack.slack import FakeSlack

_MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")


class UserActions:
    """Messages, reactions, membership, the home tab and the stop button."""

    def __init__(self, slack: FakeSlack) -> None:
        self.slack = slack
        self.state = slack.state

    def user(self, user_id: str) -> User:
        """Return a user."""
        if user_id not in self.state.users:
            raise ImpossibleActionError(f"there is no user {user_id}")
        return self.state.users[user_id]

    def channel(self, channel_id: str) -> Channel:
        """Return a conversation."""
        if channel_id not in self.state.channels:
            raise ImpossibleActionError(f"there is no channel {channel_id}")
        return self.state.channels[channel_id]

    def team_of(self, channel: Channel) -> Team:
        """Return the installation whose bot is in a channel, else that of the channel's workspace."""
        joined = [team for team in self.state.teams.values() if team.bot_user_id in channel.members]
        return joined[0] if joined else self.state.teams.get(channel.team_id, self.slack.home)

    def message(self, channel: str, ts: str) -> Message:
        """Return a message."""
        found = self.state.message(channel, ts)
        if found is None:
            raise ImpossibleActionError(f"there is no message {ts} in {channel}")
        return found

    def post(
        self,
        user: str,
        channel: str,
        text: str,
        *,
        thread_ts: str | None = None,
        files: list[Json] | None = None,
        attachments: list[Json] | None = None,
        silent: bool = False,
    ) -> Message:
        """Post a message; `silent`: without events."""
        author, target = self.user(user), self.channel(channel)
        if author.id not in target.members:
            raise ImpossibleActionError(f"{author.name} is not in {target.name or target.id}")
        if target.is_archived:
            raise ImpossibleActionError(f"{target.name} is archived")
        if thread_ts is not None and self.message(channel, thread_ts).is_reply:
            raise ImpossibleActionError(f"{thread_ts} is a reply and cannot start a thread")
        file_ids = [self._add_file(author, target, file) for file in files or []]
        message = Message(
            channel=target.id,
            ts=self.state.clock.ts(),
            user=author.id,
            team=author.team_id,
            text=text,
            thread_ts=thread_ts,
            subtype="file_share" if file_ids else None,
            blocks=[] if author.is_bot else _rich_text(text),
            attachments=attachments or [],
            files=file_ids,
            bot_id=author.bot_id,
            app_id=author.app_id,
            client_msg_id=None if author.is_bot else str(uuid.uuid4()),
        )
        self.state.add_message(message, "person")
        if not silent:
            self.slack.events.message_posted(message)
        return message

    def _add_file(self, author: User, channel: Channel, upload: Json) -> str:
        content = base64.b64decode(upload["content"])
        file = self.state.add_file(author.team_id, author.id, upload["name"], upload["mimetype"], content)
        file.channels.append(channel.id)
        return file.id

    def share_message(
        self, user: str, channel: str, source_channel: str, source_ts: str, text: str, **more: Any
    ) -> Message:
        """Forward a message: it becomes an attachment beside the person's own text."""
        source = self.message(source_channel, source_ts)
        author = self.user(source.user)
        shared = {
            "ts": source.ts,
            "channel_id": source.channel,
            "is_msg_unfurl": True,
            "is_share": True,
            "author_id": author.id,
            "author_name": author.display_name or author.real_name,
            "text": source.text,
            "fallback": source.text,
            "from_url": serializer.permalink(self.team_of(self.channel(source_channel)), source),
            "mrkdwn_in": ["text"],
        }
        if source.files:
            shared["files"] = [
                serializer.file(self.state.files[file_id], self.slack.events.base_url) for file_id in source.files
            ]
        return self.post(user, channel, text, attachments=[shared], **more)

    def edit(self, user: str, channel: str, ts: str, text: str, *, silent: bool = False) -> Message:
        """Edit the person's own message."""
        message = self._own_message(user, channel, ts)
        before = message.model_copy(deep=True)
        edited = {"user": user, "ts": self.state.clock.ts()}
        self.state.revise(message, "person", text=text, blocks=_rich_text(text), edited=edited)
        if not silent:
            self.slack.events.message_changed(message, before)
        return message

    def remove_file(self, user: str, channel: str, ts: str, name: str) -> Message:
        """Remove a file from the person's own message."""
        message = self._own_message(user, channel, ts)
        before = message.model_copy(deep=True)
        files = [file_id for file_id in message.files if self.state.files[file_id].name != name]
        edited = {"user": user, "ts": self.state.clock.ts()}
        self.state.revise(message, "person", files=files, edited=edited)
        self.slack.events.message_changed(message, before)
        return message

    def delete(self, user: str, channel: str, ts: str, *, silent: bool = False) -> None:
        """Delete the person's own message; an admin may delete every message."""
        message = self.message(channel, ts) if self.user(user).is_admin else self._own_message(user, channel, ts)
        if silent:
            self.state.messages[channel].remove(message)
        else:
            self.slack.delete_message(message)

    def _own_message(self, user: str, channel: str, ts: str) -> Message:
        message = self.message(channel, ts)
        if message.user != user:
            raise ImpossibleActionError(f"{user} did not write {ts}")
        return message

    def unfurl(self, channel: str, ts: str, title: str, url: str) -> Message:
        """Add a link preview, as Slack does: a `message_changed` without an edit."""
        message = self.message(channel, ts)
        before = message.model_copy(deep=True)
        card = {"from_url": url, "title": title, "title_link": url, "fallback": title, "service_name": "web"}
        message.attachments = [*message.attachments, card]
        self.slack.events.message_changed(message, before)
        return message

    def react(self, user: str, channel: str, ts: str, name: str, *, remove: bool = False) -> None:
        """Add an emoji to a message, or remove it."""
        self.slack.react(self.message(channel, ts), self.user(user).id, name, remove=remove)

    def join(self, user: str, channel: str) -> Channel:
        """Add a person or the bot to a channel."""
        target, member = self.channel(channel), self.user(user)
        if member.id not in target.members:
            target.members.append(member.id)
            event = {"user": member.id, "channel": target.id, "team": target.team_id, "event_ts": self.state.clock.ts()}
            self.slack.events.channel_event(target, "member_joined_channel", event)
        return target

    def leave(self, user: str, channel: str) -> Channel:
        """Remove a person or the bot from a channel."""
        target = self.channel(channel)
        if user in target.members:
            event = {"user": user, "channel": target.id, "team": target.team_id, "event_ts": self.state.clock.ts()}
            self.slack.events.channel_event(target, "member_left_channel", event)
            target.members.remove(user)
        return target

    def archive(self, channel: str, *, archived: bool = True) -> Channel:
        """Archive or unarchive a channel."""
        target = self.channel(channel)
        target.is_archived = archived
        if archived:
            event = {"channel": target.id, "user": target.creator, "event_ts": self.state.clock.ts()}
            self.slack.events.channel_event(target, "channel_archive", event)
        return target

    def delete_channel(self, channel: str) -> None:
        """Delete a channel."""
        target = self.channel(channel)
        del self.state.channels[target.id], self.state.messages[target.id]

    def uninstall(self, team: str) -> None:
        """Remove the app from a workspace: its token becomes invalid, and two events say so."""
        installation = self.state.teams[team]
        installation.token_error = "account_inactive"
        self.slack.events.emit(installation, "app_uninstalled", {"type": "app_uninstalled"})
        tokens = {"oauth": [], "bot": [installation.bot_user_id]}
        self.slack.events.emit(installation, "tokens_revoked", {"type": "tokens_revoked", "tokens": tokens})

    def press_stop(self, user: str, channel: str, thread_ts: str) -> list[str]:
        """Press Slack's stop button: open streams end, and the app gets an event; the session stays as it is."""
        session = self.state.sessions.get((channel, thread_ts))
        if session is None or session.status != "processing":
            raise ImpossibleActionError(f"no session is processing in {thread_ts}: there is no stop button")
        if "agent_session_stopped" not in self.slack.app.events:
            raise ImpossibleActionError("the app does not subscribe to agent_session_stopped: there is no stop button")
        stopped = [message for message in self.state.thread(channel, thread_ts) if self.slack.stream_is_open(message)]
        for message in stopped:
            assert message.stream is not None
            message.stream.state = "stopped_by_user"
        event = {
            "channel": channel,
            "thread_ts": thread_ts,
            "user": self.user(user).id,
            "streaming_message_ts": [message.ts for message in stopped],
            "event_ts": self.state.clock.ts(),
        }
        self.slack.events.channel_event(self.channel(channel), "agent_session_stopped", event)
        return [message.ts for message in stopped]

    def open_home(self, user: str, tab: str = "home") -> str:
        """Open the app's home tab or messages tab; return the id of the direct conversation."""
        team = self.slack.home
        channel = self.state.open_direct_channel(team, self.user(user).id)
        event: Json = {"type": "app_home_opened", "user": user, "channel": channel.id, "tab": tab}
        event["event_ts"] = self.state.clock.ts()
        if tab == "home" and user in self.state.home_views:
            event["view"] = serializer.view(self.state.home_views[user], self.slack.app.app_id, team.bot_id)
        self.slack.events.emit(team, "app_home_opened", event, channel)
        return channel.id


def _rich_text(text: str) -> list[Json]:
    """Return the blocks that Slack's clients send beside the text."""
    elements: list[Json] = []
    end = 0
    for match in _MENTION.finditer(text):
        if match.start() > end:
            elements.append({"type": "text", "text": text[end : match.start()]})
        elements.append({"type": "user", "user_id": match.group(1)})
        end = match.end()
    if end < len(text):
        elements.append({"type": "text", "text": text[end:]})
    section = {"type": "rich_text_section", "elements": elements}
    return [{"type": "rich_text", "block_id": uuid.uuid4().hex[:5], "elements": [section]}] if text else []
