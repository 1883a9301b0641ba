"""Errors of Discord calls as the errors that the shared code handles."""

from __future__ import annotations

import aiohttp
import pytest

from bots.common.errors import TransientError
from bots.discord.client import call_discord


async def test_call_with_a_closed_session_is_retried_later() -> None:
    """Deliveries are served a moment longer than the bot's connections live."""
    async with aiohttp.ClientSession() as session:
        pass
    with pytest.raises(TransientError, match="is shutting down"):
        await call_discord("send", session.get("http://127.0.0.1/"))
