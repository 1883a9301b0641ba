"""Answering whoever has pressed or typed something: to them alone, whatever comes of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any

import aiohttp

from bots.common import commands
from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.slack.client import TIMEOUT_SECONDS, SlackApiCallError, SlackClient
from chat_service.ingress import IngressError

log = logging.getLogger(__name__)

SlackMessage = dict[str, Any]
"""Text and blocks."""


def text_message(text: str) -> SlackMessage:
    """A plain answer."""
    return {"text": text}


class Responder:
    """Does what is no event beside the acknowledgement, and says what came of it by the `response_url`."""

    def __init__(self, slack: SlackClient) -> None:
        self._slack = slack
        self._tasks: set[asyncio.Task[None]] = set()

    def run_in_background(self, work: Awaitable[None]) -> None:
        """Do something beside the acknowledgement."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def answer(self, url: str, work: Awaitable[SlackMessage | None]) -> None:
        """Show what `work` gives, if anything, or why it could not be done."""
        self.run_in_background(self._answer(url, work))

    async def close(self) -> None:
        """Give up what is beside the events."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answer(self, url: str, work: Awaitable[SlackMessage | None]) -> None:
        try:
            shown = await work
        except (IngressError, TimeoutError):
            shown = text_message(commands.AWAY)
        except (PermanentError, SlackApiCallError, OutcomeUnknownError, TransientError) as error:
            log.warning("somebody did not get what they asked for: %s", error)
            shown = text_message(f"Slack did not let me do that ({error}).")
        if shown is None:
            return
        body = {"response_type": "ephemeral", "replace_original": False, **shown}
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        try:
            async with self._slack.session.post(url, json=body, timeout=timeout) as response:
                if response.status != 200:
                    log.warning("an answer was not taken: %s", await response.text())
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("an answer was lost: %s", error or type(error).__name__)
