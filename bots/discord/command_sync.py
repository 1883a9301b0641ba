"""Register the commands with Discord, only after a change: Discord limits registrations per day, and people would miss
the commands for a moment."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.discord.client import Bot, call_discord

log = logging.getLogger(__name__)

RETRY_SECONDS = 10.0
COMPARED_FIELDS = frozenset(
    {"name", "type", "description", "options", "required", "choices", "value", "min_length", "max_length"}
    | {"min_value", "max_value", "autocomplete", "contexts", "default_member_permissions", "nsfw", "channel_types"}
)
"""The fields of a command that the bot sets. Discord adds ids, versions and defaults."""


async def synchronise(bot: Bot) -> None:
    """Register the commands of the tree if Discord has others. Retries until Discord accepts or refuses them."""
    while True:
        try:
            if await _is_current(bot):
                return
            await call_discord("sync", bot.tree.sync())
            log.info("the slash commands were registered")
        except PermanentError as error:
            log.error("the slash commands could not be registered: %s", error)
            return
        except (OutcomeUnknownError, TransientError) as error:
            log.warning("the slash commands will be registered later: %s", error)
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return


async def _is_current(bot: Bot) -> bool:
    assert bot.application_id is not None  # noqa: S101  known since the login
    registered = await call_discord("commands", bot.http.get_global_commands(bot.application_id))
    wanted = [command.to_dict(bot.tree) for command in bot.tree.get_commands()]
    return bool(_normalised(registered) == _normalised(wanted))


def _normalised(value: Any) -> Any:
    """Return commands as JSON without Discord's own fields and without empty values. Commands are sorted, their options
    keep their order."""
    if isinstance(value, dict):
        kept = {name: _normalised(field) for name, field in value.items() if name in COMPARED_FIELDS}
        return {name: field for name, field in kept.items() if field not in (None, False, "", [], {})}
    if isinstance(value, list | tuple):
        items = [_normalised(item) for item in value]
        is_commands = any(isinstance(item, dict) and "contexts" in item for item in items)
        return sorted(items, key=lambda item: str((item.get("name"), item.get("type")))) if is_commands else items
    return value
