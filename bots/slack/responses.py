"""Answers to slash commands, shortcuts and buttons, shown only to the person who used them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import NotRequired, TypedDict

import aiohttp

from bots.common import texts
from bots.common.background_tasks import BackgroundTasks
from bots.slack.client import SLACK_ERRORS, TIMEOUT_SECONDS, SlackClient
from bots.slack.formatting import Blocks
from chat_service.ingress import IngressError

log = logging.getLogger(__name__)


class SlackMessage(TypedDict):
    """The content of a message."""

    text: str
    blocks: NotRequired[Blocks]


def text_message(text: str) -> SlackMessage:
    """Return a message without blocks."""
    return {"text": text}


def call_failed(error: Exception) -> str:
    """Return the text for a person whose request failed in Slack."""
    return f"Slack rejected the request ({error})."


class Responder:
    """Runs work after an interaction was acknowledged and sends its result to the interaction's `response_url`."""

    def __init__(self, slack: SlackClient) -> None:
        self._slack = slack
        self._tasks = BackgroundTasks()

    def run_in_background(self, work: Awaitable[None]) -> None:
        """Run `work` beside the acknowledgement."""
        self._tasks.start(work)

    def respond(self, response_url: str, work: Awaitable[SlackMessage | None]) -> None:
        """Run `work` and show its result, if there is one, or why it failed."""
        self.run_in_background(self._respond(response_url, work))

    async def close(self) -> None:
        """Cancel the work that has not finished."""
        await self._tasks.close()

    async def _respond(self, response_url: str, work: Awaitable[SlackMessage | None]) -> None:
        try:
            message = await work
        except (IngressError, TimeoutError):
            message = text_message(texts.UNREACHABLE)
        except SLACK_ERRORS as error:
            log.warning("an interaction failed: %s", error)
            message = text_message(call_failed(error))
        if message is None:
            return
        body = {"response_type": "ephemeral", "replace_original": False, **message}
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        try:
            async with self._slack.session.post(response_url, json=body, timeout=timeout) as response:
                if response.status != 200:
                    log.warning("Slack rejected the answer to an interaction: %s", await response.text())
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("the answer to an interaction was lost: %s", error or type(error).__name__)
