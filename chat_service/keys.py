"""Conversation keys: made and taken apart here, and nowhere else.

`slack:{team}:{channel}:{thread_ts}`, `discord:{guild or @me}:{channel or thread}`, `web:{person}:{conversation}`.
Any other string is a session too (`session123`), listed in no directory. A key is public: it stands in logs and
in the engine's tables, so no secret may enter it. The parts use only characters that Restate takes unencoded in
a URL; `quote` covers the sessions that people name themselves.
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
"""How people are named, in words."""
_PERSON = re.compile(r"slack:[A-Z0-9]+:[A-Z0-9]+|discord:(?:\d+|@me):\d+|web:[a-z2-7]{26}")


@dataclass(frozen=True, slots=True)
class ConversationKey:
    """A key of one of the platforms, taken apart.

    Attributes:
        platform: which adapter the conversation belongs to.
        space: the workspace or server; empty for the web.
        channel: the channel; for the web, the person.
        thread: the thread or the conversation; empty where the channel is the conversation.
    """

    platform: Platform
    space: str
    channel: str
    thread: str

    @property
    def scopes(self) -> tuple[str, ...]:
        """The keys of the `Channel` objects whose settings apply here, widest first."""
        if self.platform == "web":
            return (f"web:{self.channel}",)
        return (f"{self.platform}:{self.space}", f"{self.platform}:{self.space}:{self.channel}")

    def directories(self, people: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The keys of the `Directory` objects that list this conversation; `people` are its authors' ids."""
        if self.platform == "web":
            return (f"person:web:{self.channel}",)
        place = f"{self.platform}:{self.space}"
        return (f"workspace:{place}", f"channel:{place}:{self.channel}", *self.people_directories(people))

    def people_directories(self, people: Iterable[str]) -> tuple[str, ...]:
        """The keys of the directories of these people; on the web there is one person, who has it anyway."""
        if self.platform == "web":
            return ()
        return tuple(f"person:{self.platform}:{self.space}:{person}" for person in people)


def parse(key: str) -> ConversationKey | None:
    """Take a platform's key apart; None for a session that somebody named themselves."""
    for platform, pattern in _PARTS.items():
        if match := pattern.fullmatch(key):
            parts = match.groupdict()
            return ConversationKey(platform, parts.get("space") or "", parts["channel"], parts.get("thread") or "")
    return None


def is_person(text: str) -> bool:
    """Whether this names a person, as directories do: see `PERSON`."""
    return _PERSON.fullmatch(text) is not None


def slack(team: str, channel: str, thread_ts: str) -> str:
    """The key of a Slack thread. `team` is the installing workspace, also in Slack Connect."""
    return _checked(f"slack:{team}:{channel}:{thread_ts}")


def discord(guild: int | None, channel: int) -> str:
    """The key of a Discord channel or thread; no guild means a direct message."""
    return _checked(f"discord:{guild or '@me'}:{channel}")


def web(person: str, conversation: str) -> str:
    """The key of a conversation in the browser. `person` is the public id, never the secret."""
    return _checked(f"web:{person}:{conversation}")


def quote(key: str) -> str:
    """The key as a segment of a URL path; what Restate takes as it is stays readable."""
    return _quote(key, safe=":.-_~@+")


def _checked(key: str) -> str:
    if parse(key) is None:
        raise ValueError(f"not a conversation key: {key!r}")
    return key
