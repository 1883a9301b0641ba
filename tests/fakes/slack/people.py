"""What people do in Slack. Nobody here can do what Slack would not let them."""

from __future__ import annotations

import base64
import re
import uuid
from typing import Any

from tests.fakes.platform.errors import ImpossibleActionError
from tests.fakes.slack import render
from tests.fakes.slack.models import Channel, Json, Message, Team, User
from tests.fakes.slack.slack import FakeSlack

_MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")


class People:
    """Writing, changing, deleting, reacting, joining and leaving."""

    def __init__(self, slack: FakeSlack) -> None:
        self.slack = slack
        self.world = slack.world

    def user(self, name: str) -> User:
        """Somebody by id."""
        if name not in self.world.users:
            raise ImpossibleActionError(f"there is no user {name}")
        return self.world.users[name]

    def channel(self, name: str) -> Channel:
        """A conversation by id."""
        if name not in self.world.channels:
            raise ImpossibleActionError(f"there is no channel {name}")
        return self.world.channels[name]

    def team_of(self, channel: Channel) -> Team:
        """The installation that serves a channel: the bot's that is in it, else the channel's own."""
        inside = [one for one in self.world.teams.values() if one.bot_user_id in channel.members]
        return inside[0] if inside else self.world.teams.get(channel.team_id, self.slack.home)

    def message(self, channel: str, ts: str) -> Message:
        """A message that is there."""
        found = self.world.message(channel, ts)
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
        blocks: list[Json] | None = None,
        broadcast: bool = False,
        silent: bool = False,
        age: float = 0.0,
        subtype: str | None = None,
    ) -> Message:
        """Write a message. `silent`: its events are lost. `age`: it was written so many seconds ago, silently."""
        author, where = self.user(user), self.channel(channel)
        if author.id not in where.members:
            raise ImpossibleActionError(f"{author.name} is not in {where.name or where.id}")
        if where.is_archived:
            raise ImpossibleActionError(f"{where.name} is archived")
        if thread_ts is not None and self.message(channel, thread_ts).is_reply:
            raise ImpossibleActionError(f"{thread_ts} is a reply and opens no thread")
        kept = [self._file(author, where, one) for one in files or []]
        message = Message(
            channel=where.id,
            ts=self.world.clock.ts(age),
            user=author.id,
            team=author.team_id,
            text=text,
            thread_ts=thread_ts,
            subtype=subtype or ("file_share" if kept else "thread_broadcast" if broadcast else None),
            blocks=blocks or ([] if author.is_bot else _rich_text(text)),
            attachments=attachments or [],
            files=kept,
            broadcast=broadcast,
            bot_id=author.bot_id,
            app_id=author.app_id,
            client_msg_id=None if author.is_bot else str(uuid.uuid4()),
        )
        self.world.add_message(message, "person")
        if not silent and not age:
            self.slack.events.posted(message)
        return message

    def _file(self, author: User, channel: Channel, given: Json) -> str:
        content = base64.b64decode(given["content"])
        mimetype = given.get("mimetype", "application/octet-stream")
        file = self.world.add_file(author.team_id, author.id, given["name"], mimetype, content)
        file.channels.append(channel.id)
        return file.id

    def share(self, user: str, channel: str, source_channel: str, source_ts: str, text: str, **more: Any) -> Message:
        """Forward a message: its words travel in an attachment, the person's own beside them."""
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
            "from_url": render.permalink(self.team_of(self.channel(source_channel)), source),
            "mrkdwn_in": ["text"],
        }
        if source.files:
            shared["files"] = [render.file(self.world.files[one], self.slack.events.base) for one in source.files]
        return self.post(user, channel, text, attachments=[shared], **more)

    def edit(self, user: str, channel: str, ts: str, text: str, *, silent: bool = False) -> Message:
        """Change one's own message."""
        message = self._own(user, channel, ts)
        before = message.model_copy(deep=True)
        edited = {"user": user, "ts": self.world.clock.ts()}
        self.world.revise(message, "person", text=text, blocks=_rich_text(text), edited=edited)
        if not silent:
            self.slack.events.changed(message, before)
        return message

    def unattach(self, user: str, channel: str, ts: str, name: str) -> Message:
        """Take a file off one's own message."""
        message = self._own(user, channel, ts)
        before = message.model_copy(deep=True)
        files = [one for one in message.files if self.world.files[one].name != name]
        edited = {"user": user, "ts": self.world.clock.ts()}
        self.world.revise(message, "person", files=files, edited=edited)
        self.slack.events.changed(message, before)
        return message

    def delete(self, user: str, channel: str, ts: str, *, silent: bool = False) -> None:
        """Delete one's own message; an admin may delete anybody's."""
        message = self.message(channel, ts) if self.user(user).is_admin else self._own(user, channel, ts)
        if silent:
            self.world.messages[channel].remove(message)
        else:
            self.slack.remove(message)

    def _own(self, user: str, channel: str, ts: str) -> Message:
        message = self.message(channel, ts)
        if message.user != user:
            raise ImpossibleActionError(f"{user} did not write {ts}")
        return message

    def unfurl(self, channel: str, ts: str, title: str, url: str) -> Message:
        """Slack adds a link's title to a message: a `message_changed` in which nobody edited anything."""
        message = self.message(channel, ts)
        before = message.model_copy(deep=True)
        card = {"from_url": url, "title": title, "title_link": url, "fallback": title, "service_name": "web"}
        message.attachments = [*message.attachments, card]
        self.slack.events.changed(message, before)
        return message

    def react(self, user: str, channel: str, ts: str, name: str, *, remove: bool = False) -> None:
        """Put an emoji on a message."""
        self.slack.react(self.message(channel, ts), self.user(user).id, name, remove=remove)

    def join(self, user: str, channel: str) -> Channel:
        """Somebody comes into a channel; this is also how the bot is invited."""
        where, who = self.channel(channel), self.user(user)
        if who.id not in where.members:
            where.members.append(who.id)
            event = {"user": who.id, "channel": where.id, "team": where.team_id, "event_ts": self.world.clock.ts()}
            self.slack.events.in_channel(where, "member_joined_channel", event)
        return where

    def leave(self, user: str, channel: str) -> Channel:
        """Somebody leaves, or the bot is removed."""
        where = self.channel(channel)
        if user in where.members:
            event = {"user": user, "channel": where.id, "team": where.team_id, "event_ts": self.world.clock.ts()}
            self.slack.events.in_channel(where, "member_left_channel", event)
            where.members.remove(user)
        return where

    def archive(self, channel: str, *, archived: bool = True) -> Channel:
        """Archive a channel, or bring it back."""
        where = self.channel(channel)
        where.is_archived = archived
        if archived:
            event = {"channel": where.id, "user": where.creator, "event_ts": self.world.clock.ts()}
            self.slack.events.in_channel(where, "channel_archive", event)
        return where

    def delete_channel(self, channel: str) -> None:
        """A channel that is gone for good."""
        where = self.channel(channel)
        del self.world.channels[where.id], self.world.messages[where.id]

    def uninstall(self, team: str, error: str = "account_inactive") -> None:
        """Remove the app from a workspace: its token dies, and it is told twice."""
        where = self.world.teams[team]
        where.token_error = error
        self.slack.events.emit(where, "app_uninstalled", {"type": "app_uninstalled"})
        tokens = {"oauth": [], "bot": [where.bot_user_id]}
        self.slack.events.emit(where, "tokens_revoked", {"type": "tokens_revoked", "tokens": tokens})

    def stop(self, user: str, channel: str, thread_ts: str) -> list[str]:
        """Press Slack's own stop button: open streams end, the app is told, the session stays as it is."""
        session = self.world.sessions.get((channel, thread_ts))
        if session is None or session.status != "processing":
            raise ImpossibleActionError(f"no session is processing in {thread_ts}: there is no stop button")
        if "agent_session_stopped" not in self.slack.app.events:
            raise ImpossibleActionError("the app does not subscribe to agent_session_stopped: there is no stop button")
        stopped = [one for one in self.world.thread(channel, thread_ts) if self.slack.stream_is_open(one)]
        for message in stopped:
            assert message.stream is not None
            message.stream.state = "stopped_by_user"
        event = {
            "channel": channel,
            "thread_ts": thread_ts,
            "user": self.user(user).id,
            "streaming_message_ts": [one.ts for one in stopped],
            "event_ts": self.world.clock.ts(),
        }
        self.slack.events.in_channel(self.channel(channel), "agent_session_stopped", event)
        return [one.ts for one in stopped]

    def open_home(self, user: str, tab: str = "home", team: str | None = None) -> str:
        """Open the app: its home tab or its messages tab. Gives the direct conversation's id."""
        where = self.world.teams[team] if team else self.slack.home
        channel = self.world.direct(where, self.user(user).id)
        event: Json = {"type": "app_home_opened", "user": user, "channel": channel.id, "tab": tab}
        event["event_ts"] = self.world.clock.ts()
        if tab == "home" and user in self.world.homes:
            event["view"] = render.view(self.world.homes[user], self.slack.app.app_id, where.bot_id)
        self.slack.events.emit(where, "app_home_opened", event, channel)
        return channel.id


def _rich_text(text: str) -> list[Json]:
    """The blocks that Slack's own clients send beside the text."""
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
