"""The state of the fake: workspaces, users, channels, messages, files, views and sessions."""

from __future__ import annotations

import base64
import itertools
import re
import uuid
from typing import Any

from tests.fakes.slack.clock import Clock
from tests.fakes.slack.models import Channel, ChannelKind, File, Json, Message, Revision, Session, Team, User, View

_MENTION = re.compile(r"<(@[UW][A-Z0-9]+|!(?:channel|here|everyone|group|subteam\^[A-Z0-9]+))(?:\|[^>]*)?>", re.I)
_LINK = re.compile(r"https?://")


class SlackState:
    """The records. Its methods change them without checks."""

    def __init__(self, app_id: str) -> None:
        self.clock = Clock()
        self.app_id = app_id
        self.teams: dict[str, Team] = {}
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.messages: dict[str, list[Message]] = {}
        self.ephemerals: list[Message] = []
        self.files: dict[str, File] = {}
        self.views: dict[str, View] = {}
        self.home_views: dict[str, View] = {}
        self.sessions: dict[tuple[str, str], Session] = {}
        self.statuses: dict[tuple[str, str], str] = {}
        self.prompts: dict[str, list[Json]] = {}
        self._numbers = itertools.count(1)

    def new_id(self, letter: str) -> str:
        """Return a new id in Slack's format."""
        return f"{letter}0{next(self._numbers):09d}"

    def add_team(self, name: str) -> Team:
        """Add a workspace with the app installed."""
        number = self.new_id("")
        team = Team(
            id=f"T{number}",
            name=name,
            domain=re.sub(r"\W+", "-", name.lower()),
            bot_token=f"xoxb-fake-{number}",
            bot_user_id=f"U{number}",
            bot_id=f"B{number}",
        )
        self.teams[team.id] = team
        self.users[team.bot_user_id] = User(
            id=team.bot_user_id,
            team_id=team.id,
            name="threadwell",
            real_name="Threadwell",
            is_bot=True,
            bot_id=team.bot_id,
            app_id=self.app_id,
        )
        return team

    def add_user(self, team_id: str, name: str, **more: Any) -> User:
        """Add a person; with `is_bot`, the bot of another app."""
        user = User(**{"id": self.new_id("U"), "team_id": team_id, "name": name, "real_name": name.title(), **more})
        if user.is_bot and user.bot_id is None:
            user.bot_id, user.app_id = self.new_id("B"), self.new_id("A")
        self.users[user.id] = user
        return user

    def add_channel(self, team_id: str, name: str, kind: ChannelKind, members: list[str], **more: Any) -> Channel:
        """Add a conversation of any kind."""
        letter = {"channel": "C", "group": "C", "mpim": "C", "im": "D"}[kind]
        fields = {"id": self.new_id(letter), "team_id": team_id, "name": name, "kind": kind, "members": list(members)}
        channel = Channel(**{**fields, "creator": members[0] if members else "", **more})
        self.channels[channel.id] = channel
        self.messages[channel.id] = []
        return channel

    def open_direct_channel(self, team: Team, *users: str) -> Channel:
        """Return the direct conversation of the bot with these users; add it if it does not exist."""
        members = sorted({team.bot_user_id, *users})
        kind: ChannelKind = "im" if len(members) == 2 else "mpim"
        for channel in self.channels.values():
            if channel.kind == kind and channel.team_id == team.id and sorted(channel.members) == members:
                return channel
        name = "" if kind == "im" else "mpdm-" + "--".join(self.users[user].name for user in members) + "-1"
        return self.add_channel(team.id, name, kind, members)

    def add_message(self, message: Message, method: str) -> None:
        """Store a message that `method` posted."""
        message.revisions.append(Revision(at=self.clock.now(), text=message.text, method=method))
        message.mentions = find_mentions(message)
        if message.ephemeral_to is not None:
            self.ephemerals.append(message)
        else:
            self.messages[message.channel].append(message)

    def revise(self, message: Message, method: str, **changes: Any) -> None:
        """Change a message, and record the revision."""
        for name, value in changes.items():
            setattr(message, name, value)
        message.mentions = find_mentions(message)
        message.revisions.append(Revision(at=self.clock.now(), text=message.text, method=method))

    def message(self, channel: str, ts: str) -> Message | None:
        """Return a message, or None."""
        return next((message for message in self.messages.get(channel, ()) if message.ts == ts), None)

    def thread(self, channel: str, ts: str) -> list[Message]:
        """Return the parent and its replies, oldest first."""
        return [message for message in self.messages.get(channel, ()) if message.root == ts]

    def add_file(self, team_id: str, user: str, name: str, mimetype: str, content: bytes, **more: Any) -> File:
        """Add a file, not yet shared anywhere."""
        file = File(
            id=self.new_id("F"),
            name=name,
            title=more.pop("title", name),
            mimetype=mimetype,
            size=more.pop("size", len(content)),
            user=user,
            team_id=team_id,
            content=base64.b64encode(content).decode(),
            created=int(self.clock.now()),
            **more,
        )
        self.files[file.id] = file
        return file

    def add_view(self, team_id: str, user: str, view: Json) -> View:
        """Add an open view of a person."""
        added = View(id=self.new_id("V"), user=user, team_id=team_id, hash=uuid.uuid4().hex[:16], view=view)
        self.views[added.id] = added
        return added


def find_texts(blocks: list[Json]) -> list[str]:
    """Return the formatted texts in blocks, in which Slack resolves mentions."""
    found: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, list):
            for child in node:
                walk(child)
        elif isinstance(node, dict):
            kind, text = node.get("type"), node.get("text")
            if kind in ("mrkdwn", "markdown") and isinstance(text, str):
                found.append(text)
            if kind == "user":
                found.append(f"<@{node.get('user_id')}>")
            if kind == "broadcast":
                found.append(f"<!{node.get('range')}>")
            for value in node.values():
                walk(value)

    walk(blocks)
    return found


def find_mentions(message: Message) -> list[str]:
    """Return the mentions that notify. Mentions in code count: Slack resolves them before the formatting."""
    texts = [message.text, *find_texts(message.blocks), *find_texts(message.attachments)]
    return sorted({match.group(1) for text in texts for match in _MENTION.finditer(text)})


def has_link(text: str, blocks: list[Json]) -> bool:
    """Return whether a link could be unfurled."""
    return any(_LINK.search(part) for part in [text, *find_texts(blocks)])
