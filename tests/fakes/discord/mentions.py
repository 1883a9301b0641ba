"""Whom a text notifies, once `allowed_mentions` has had its say."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tests.fakes.discord import permissions
from tests.fakes.discord.errors import invalid
from tests.fakes.discord.models import Channel, Json, Pings
from tests.fakes.discord.world import World

CODE = re.compile(r"```.*?```|``.*?``|`[^`\n]*`", re.S)
USER = re.compile(r"<@!?(\d+)>")
ROLE = re.compile(r"<@&(\d+)>")
EVERYBODY = re.compile(r"@(?:everyone|here)")
LINK = re.compile(r"(?<!<)https?://\S+")
KINDS = ("users", "roles", "everyone")


@dataclass
class Text:
    """What is written where, by whom; `answers` is the author of the message replied to."""

    author: str
    channel: Channel
    content: str
    answers: str | None = None
    allowed: Json | None = None
    default: tuple[str, ...] = KINDS
    quiet: bool = False
    plain: str = field(init=False)

    def __post_init__(self) -> None:
        self.plain = CODE.sub(" ", self.content)


def check(allowed: Json | None) -> None:
    """Refuse a contradictory `allowed_mentions`.

    Raises:
        Refused: 50035.
    """
    for kind in ("users", "roles"):
        if allowed and kind in (allowed.get("parse") or []) and allowed.get(kind):
            why = f"parse:['{kind}'] and {kind}: [ids...] are mutually exclusive."
            raise invalid("allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", why)


def found(world: World, text: Text) -> Pings:
    """The people, roles and everybodies that the text names and may notify."""
    allowed: Json = text.allowed if text.allowed is not None else {"parse": list(text.default), "replied_user": True}
    parse = allowed.get("parse") or []
    named = [str(one) for one in allowed.get("users") or []]
    roles = [str(one) for one in allowed.get("roles") or []]
    users = [
        one
        for one in dict.fromkeys(USER.findall(text.plain))
        if one in world.users and ("users" in parse or one in named)
    ]
    answered = allowed.get("replied_user", text.allowed is None)
    if text.answers is not None and answered and text.answers not in users:
        users.append(text.answers)
    guild = world.guilds.get(text.channel.guild or "")
    if guild is None:
        return Pings(users=users)
    all_of_them = permissions.may(world, text.author, text.channel, "mention_everyone")
    hit = [
        one
        for one in dict.fromkeys(ROLE.findall(text.plain))
        if one in guild.roles and ("roles" in parse or one in roles) and (all_of_them or guild.roles[one].mentionable)
    ]
    everyone = "everyone" in parse and all_of_them and bool(EVERYBODY.search(text.plain))
    return Pings(users=users, roles=hit, everyone=everyone)


def has_link(content: str) -> bool:
    """Whether a text holds a link that Discord would unfurl: not one in <angle brackets>, not one in code."""
    return bool(LINK.search(CODE.sub(" ", content)))
