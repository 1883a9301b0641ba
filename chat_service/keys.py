"""Conversation keys: built and parsed only here.

`slack:{team}:{channel}:{thread_ts}`, `discord:{guild or @me}:{channel or thread}`, `web:{person}:{conversation}`.
Any other string is the key of a session (`session123`), which no directory lists. Keys are public: they appear in logs
and in Restate's tables, so they must not contain secrets. Their parts use only characters that Restate accepts
unencoded in a URL; `quote` is for sessions that people name themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote as _quote

Platform = Literal["slack", "discord", "web"]

_PARTS: dict[Platform, re.Pattern[str]] = {
    "slack": re.compile(r"slack:(?P<space>[A-Z0-9]+):(?P<channel>[A-Z0-9]+):(?P<thread>\d+\.\d+)"),
    "discord": re.compile(r"discord:(?P<space>\d+|@me):(?P<channel>\d+)"),
    "web": re.compile(r"web:(?P<channel>[a-z2-7]{26}):(?P<thread>[A-Za-z0-9_-]{1,64})"),
}

PERSON = "slack:TEAM:USER, discord:SERVER:USER (or discord:@me:USER), or web:PERSON"
"""How people are named, for error messages."""
_PERSON = re.compile(r"slack:[A-Z0-9]+:[A-Z0-9]+|discord:(?:\d+|@me):\d+|web:[a-z2-7]{26}")


@dataclass(frozen=True, slots=True)
class ConversationKey:
    """The parts of a platform's conversation key.

    Attributes:
        platform: the platform that the conversation belongs to.
        space: the workspace or server; empty for the web.
        channel: the channel; for the web, the person.
        thread: the thread, or on the web the conversation; empty where the channel is the conversation.
    """

    platform: Platform
    space: str
    channel: str
    thread: str

    @property
    def scopes(self) -> tuple[str, ...]:
        """Keys of the `Channel` objects whose settings apply here, widest first."""
        if self.platform == "web":
            return (f"web:{self.channel}",)
        return (f"{self.platform}:{self.space}", f"{self.platform}:{self.space}:{self.channel}")

    def directories(self, people: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return the keys of the `Directory` objects that list this conversation; `people` are its authors' ids."""
        if self.platform == "web":
            return (f"person:web:{self.channel}",)
        workspace = f"{self.platform}:{self.space}"
        people_directories = self.people_directories(people)
        return (f"workspace:{workspace}", f"channel:{workspace}:{self.channel}", *people_directories)

    def people_directories(self, people: Iterable[str]) -> tuple[str, ...]:
        """Return the keys of these people's directories; none on the web, where `directories` has the one person's."""
        if self.platform == "web":
            return ()
        return tuple(f"person:{self.platform}:{self.space}:{person}" for person in people)


def parse(key: str) -> ConversationKey | None:
    """Return the parts of a platform's key; None for a session."""
    for platform, pattern in _PARTS.items():
        if match := pattern.fullmatch(key):
            parts = match.groupdict()
            return ConversationKey(platform, parts.get("space") or "", parts["channel"], parts.get("thread") or "")
    return None


def is_person(text: str) -> bool:
    """Return whether a text names a person; see `PERSON`."""
    return _PERSON.fullmatch(text) is not None


def slack(team: str, channel: str, thread_ts: str) -> str:
    """Return the key of a Slack thread. `team` is the installing workspace, also in Slack Connect."""
    return _checked(f"slack:{team}:{channel}:{thread_ts}")


def discord(guild: int | None, channel: int) -> str:
    """Return the key of a Discord channel or thread; without a guild it is a direct message."""
    return _checked(f"discord:{guild or '@me'}:{channel}")


def web(person: str, conversation: str) -> str:
    """Return the key of a web conversation. `person` is the public id, never the secret."""
    return _checked(f"web:{person}:{conversation}")


def quote(key: str) -> str:
    """Return the key as a segment of a URL path. Characters that Restate accepts stay readable."""
    return _quote(key, safe=":.-_~@+")


def _checked(key: str) -> str:
    if parse(key) is None:
        raise ValueError(f"not a conversation key: {key!r}")
    return key
