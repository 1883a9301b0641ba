"""Which bots have tokens, in the environment or in `.env`."""

from __future__ import annotations

import os

from dotenv import dotenv_values

REQUIRED: dict[str, tuple[tuple[str, ...], ...]] = {
    "slack": (("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"), ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET")),
    "discord": (("DISCORD_TOKEN",),),
}
"""By bot, the sets of which one is enough: Slack is reached by Socket Mode, or by HTTP events."""


def present(bot: str) -> list[str]:
    """The tokens of a bot that are set."""
    values = {**dotenv_values(".env"), **os.environ}
    return [name for name in dict.fromkeys(sum(REQUIRED[bot], ())) if values.get(name)]


def is_complete(bot: str) -> bool:
    """Whether enough is set for the bot to run."""
    there = set(present(bot))
    return any(there.issuperset(names) for names in REQUIRED[bot])


def missing(bot: str) -> str:
    """What is wanted beside the tokens that are there: `A and B`, `B or C`, `A and (B or C)`."""
    there = set(present(bot))
    ways = [[name for name in names if name not in there] for names in REQUIRED[bot]]
    always = [name for name in ways[0] if all(name in way for way in ways)]
    choices = [" and ".join(name for name in way if name not in always) for way in ways]
    if not all(choices):  # there is a way that wants nothing else
        return " and ".join(always)
    either = " or ".join(choices)
    return " and ".join([*always, f"({either})"]) if always else either
