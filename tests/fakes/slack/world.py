"""A small Slack: workspaces, people, channels, messages in order, files, views and sessions."""

from __future__ import annotations

import base64
import itertools
import re
import uuid
from typing import Any

from tests.fakes.slack.clock import Clock, seconds_of
from tests.fakes.slack.models import Channel, ChannelKind, File, Json, Message, Revision, Session, Team, User, View

_PING = re.compile(r"<(@[UW][A-Z0-9]+|!(?:channel|here|everyone|group|subteam\^[A-Z0-9]+))(?:\|[^>]*)?>", re.I)
_LINK = re.compile(r"https?://")


class World:
    """Everything there is; nothing in here refuses anything."""

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
        self.homes: dict[str, View] = {}
        self.sessions: dict[tuple[str, str], Session] = {}
        self.statuses: dict[tuple[str, str], str] = {}
        self.titles: dict[tuple[str, str], str] = {}
        self.prompts: dict[str, list[Json]] = {}
        self.emoji: dict[str, str] = {"threadwell": "https://emoji.invalid/threadwell.png"}
        self.usergroups: list[Json] = []
        self._numbers = itertools.count(1)

    def new_id(self, letter: str) -> str:
        """An id of Slack's shape that nothing else has."""
        return f"{letter}0{next(self._numbers):09d}"

    def add_team(self, name: str, *, enterprise_id: str | None = None) -> Team:
        """A workspace with this app installed."""
        number = self.new_id("")
        team = Team(
            id=f"T{number}",
            name=name,
            domain=re.sub(r"\W+", "-", name.lower()),
            bot_token=f"xoxb-fake-{number}",
            bot_user_id=f"U{number}",
            bot_id=f"B{number}",
            enterprise_id=enterprise_id,
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
        """A person; with `is_bot`, another app's bot."""
        user = User(**{"id": self.new_id("U"), "team_id": team_id, "name": name, "real_name": name.title(), **more})
        if user.is_bot and user.bot_id is None:
            user.bot_id, user.app_id = self.new_id("B"), self.new_id("A")
        self.users[user.id] = user
        return user

    def add_channel(self, team_id: str, name: str, kind: ChannelKind, members: list[str], **more: Any) -> Channel:
        """A conversation of any kind."""
        letter = {"channel": "C", "group": "C", "mpim": "C", "im": "D"}[kind]
        given = {"id": self.new_id(letter), "team_id": team_id, "name": name, "kind": kind, "members": list(members)}
        channel = Channel(**{**given, "creator": members[0] if members else "", **more})
        self.channels[channel.id] = channel
        self.messages[channel.id] = []
        return channel

    def direct(self, team: Team, *people: str) -> Channel:
        """The direct conversation of the bot with these people, opened if there is none."""
        members = sorted({team.bot_user_id, *people})
        kind: ChannelKind = "im" if len(members) == 2 else "mpim"
        for channel in self.channels.values():
            if channel.kind == kind and channel.team_id == team.id and sorted(channel.members) == members:
                return channel
        name = "" if kind == "im" else "mpdm-" + "--".join(self.users[one].name for one in members) + "-1"
        return self.add_channel(team.id, name, kind, members)

    def add_message(self, message: Message, via: str) -> Message:
        """Put a message where its timestamp says."""
        message.revisions.append(Revision(at=self.clock.now(), text=message.text, method=via))
        message.mentions = pings_of(message)
        if message.ephemeral_to is not None:
            self.ephemerals.append(message)
            return message
        kept = self.messages[message.channel]
        kept.append(message)
        kept.sort(key=lambda one: seconds_of(one.ts))
        return message

    def revise(self, message: Message, via: str, **changes: Any) -> None:
        """Change what a message says, and remember that it said something else."""
        for name, value in changes.items():
            setattr(message, name, value)
        message.mentions = pings_of(message)
        message.revisions.append(Revision(at=self.clock.now(), text=message.text, method=via))

    def message(self, channel: str, ts: str) -> Message | None:
        """A message by its place."""
        return next((one for one in self.messages.get(channel, ()) if one.ts == ts), None)

    def thread(self, channel: str, ts: str) -> list[Message]:
        """The parent and its replies, oldest first."""
        return [one for one in self.messages.get(channel, ()) if one.root == ts]

    def add_file(self, team_id: str, user: str, name: str, mimetype: str, content: bytes, **more: Any) -> File:
        """A file that is there; sharing it is another matter."""
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

    def add_view(self, team_id: str, user: str, view: Json, **more: Any) -> View:
        """A view somebody looks at."""
        made = View(id=self.new_id("V"), user=user, team_id=team_id, hash=uuid.uuid4().hex[:16], view=view, **more)
        made.root_id = made.root_id or made.id
        self.views[made.id] = made
        return made


def texts_of(blocks: list[Json]) -> list[str]:
    """Every piece of formatted text in blocks: what Slack looks for mentions in."""
    found: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, list):
            for one in node:
                walk(one)
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


def pings_of(message: Message) -> list[str]:
    """Whom a message notifies. Inside code counts too: mentions are resolved before formatting is."""
    everything = [message.text, *texts_of(message.blocks), *texts_of(message.attachments)]
    return sorted({match.group(1) for text in everything for match in _PING.finditer(text)})


def has_link(text: str, blocks: list[Json]) -> bool:
    """Whether there is anything to unfurl."""
    return any(_LINK.search(one) for one in [text, *texts_of(blocks)])
