"""The tokens of the bots, in the environment or in `.env`."""

from __future__ import annotations

import os

from dotenv import dotenv_values

REQUIRED: dict[str, tuple[tuple[str, ...], ...]] = {
    "slack": (("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"), ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET")),
    "discord": (("DISCORD_TOKEN",),),
}
"""For each bot the alternative sets of tokens. Slack needs one set for Socket Mode, or the other for HTTP events."""


def present(bot: str) -> list[str]:
    """Return the names of the bot's tokens that are set."""
    values = {**dotenv_values(".env"), **os.environ}
    return [name for name in dict.fromkeys(sum(REQUIRED[bot], ())) if values.get(name)]


def is_complete(bot: str) -> bool:
    """Return whether enough tokens are set to run the bot."""
    names = set(present(bot))
    return any(names.issuperset(alternative) for alternative in REQUIRED[bot])


def missing(bot: str) -> str:
    """Describe the tokens that are missing: `A and B`, `B or C`, `A and (B or C)`."""
    names = set(present(bot))
    alternatives = [[name for name in alternative if name not in names] for alternative in REQUIRED[bot]]
    common = [name for name in alternatives[0] if all(name in alternative for alternative in alternatives)]
    choices = [" and ".join(name for name in alternative if name not in common) for alternative in alternatives]
    if not all(choices):  # one alternative needs nothing else
        return " and ".join(common)
    either = " or ".join(choices)
    return " and ".join([*common, f"({either})"]) if common else either
