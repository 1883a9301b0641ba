"""Find the users and roles that a message mentions and may notify."""

from __future__ import annotations

import re

from tests.fakes.discord import permissions
from tests.fakes.discord.errors import invalid
from tests.fakes.discord.models import Channel, Json, Notified
from tests.fakes.discord.state import DiscordState

CODE = re.compile(r"```.*?```|``.*?``|`[^`\n]*`", re.S)
USER = re.compile(r"<@!?(\d+)>")
ROLE = re.compile(r"<@&(\d+)>")
EVERYONE = re.compile(r"@(?:everyone|here)")
LINK = re.compile(r"(?<!<)https?://\S+")
KINDS = ("users", "roles", "everyone")


def check_allowed_mentions(allowed: Json | None) -> None:
    """Check that `allowed_mentions` does not contradict itself.

    Raises:
        ApiError: 50035.
    """
    for kind in ("users", "roles"):
        if allowed and kind in (allowed.get("parse") or []) and allowed.get(kind):
            message = f"parse:['{kind}'] and {kind}: [ids...] are mutually exclusive."
            raise invalid("allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", message)


def find_mentions(
    state: DiscordState,
    author: str,
    channel: Channel,
    content: str,
    *,
    allowed: Json | None,
    default_kinds: tuple[str, ...] = KINDS,
    replied_author: str | None = None,
) -> Notified:
    """Return the users and roles that a text mentions and may notify.

    Args:
        state: the fake's objects.
        author: who writes the text.
        channel: where it is written.
        content: the text; mentions in code do not count.
        allowed: the request's `allowed_mentions`.
        default_kinds: the kinds of mentions that count without `allowed`.
        replied_author: the author of the message that is replied to.
    """
    text = CODE.sub(" ", content)
    rules: Json = allowed if allowed is not None else {"parse": list(default_kinds), "replied_user": True}
    parse = rules.get("parse") or []
    user_ids = [str(id) for id in rules.get("users") or []]
    role_ids = [str(id) for id in rules.get("roles") or []]
    users = [
        id for id in dict.fromkeys(USER.findall(text)) if id in state.users and ("users" in parse or id in user_ids)
    ]
    if replied_author is not None and rules.get("replied_user") and replied_author not in users:
        users.append(replied_author)
    guild = state.guilds.get(channel.guild or "")
    if guild is None:
        return Notified(users=users)
    may_mention_all = permissions.has(state, author, channel, "mention_everyone")
    roles = [
        id
        for id in dict.fromkeys(ROLE.findall(text))
        if id in guild.roles
        and ("roles" in parse or id in role_ids)
        and (may_mention_all or guild.roles[id].mentionable)
    ]
    everyone = "everyone" in parse and may_mention_all and bool(EVERYONE.search(text))
    return Notified(users=users, roles=roles, everyone=everyone)


def has_link(content: str) -> bool:
    """Return whether a text has a link that Discord would unfurl: not in <angle brackets> and not in code."""
    return bool(LINK.search(CODE.sub(" ", content)))
