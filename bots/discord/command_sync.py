"""The commands as Discord knows them, registered anew only when they have changed: Discord allows few registrations a
day, and people would miss the commands for a moment."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.discord.client import Bot, call_discord

log = logging.getLogger(__name__)

PAUSE_SECONDS = 10.0
KNOWN = (
    *("name", "type", "description", "options", "required", "choices", "value", "min_length", "max_length"),
    *("min_value", "max_value", "autocomplete", "contexts", "default_member_permissions", "nsfw", "channel_types"),
)
"""What of a registered command came from us; Discord adds ids, versions, and its own defaults."""


async def synchronise(bot: Bot) -> None:
    """See to it that Discord knows the commands of the tree; tried until it succeeds or is refused."""
    while True:
        try:
            if await _is_current(bot):
                return
            await call_discord("sync", bot.tree.sync())
            log.info("the slash commands were registered anew")
        except PermanentError as gone:
            log.error("the slash commands could not be registered: %s", gone)
            return
        except (OutcomeUnknownError, TransientError) as error:
            log.warning("the slash commands will be registered later: %s", error)
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            return


async def _is_current(bot: Bot) -> bool:
    assert bot.application_id is not None  # noqa: S101  known since the login
    registered = await call_discord("commands", bot.http.get_global_commands(bot.application_id))
    wanted = [command.to_dict(bot.tree) for command in bot.tree.get_commands()]
    return bool(_told(registered) == _told(wanted))


def _told(given: Any) -> Any:
    """A command, or commands, without what Discord adds and without what says nothing; in no order but the options'."""
    if isinstance(given, dict):
        kept = {name: _told(value) for name, value in given.items() if name in KNOWN}
        return {name: value for name, value in kept.items() if value not in (None, False, "", [], {})}
    if isinstance(given, list | tuple):
        inner = [_told(one) for one in given]
        is_commands = any(isinstance(one, dict) and "contexts" in one for one in inner)
        return sorted(inner, key=lambda one: str((one.get("name"), one.get("type")))) if is_commands else inner
    return given
