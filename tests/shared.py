"""The processes that tests share if they kill nothing: one engine, one model, and one process with everything in it.

The chat service, the page and both bots run in one process, as `threadwell up` runs them, so that previews show. Each
test uses its own conversation, person, Slack channel or Discord server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from chat_service.engine.process import free_port
from tests.bot_process import BotProcess
from tests.fakes.discord.control import DiscordControl
from tests.fakes.discord.running import running_discord
from tests.fakes.model.running import running_model
from tests.fakes.slack.control import SlackControl
from tests.fakes.slack.running import running_slack
from tests.processes import LOCAL_LOG, Stack, running_stack


@dataclass
class SharedStack:
    """The running engine, fakes and `threadwell up` process."""

    stack: Stack
    slack: SlackControl
    discord: DiscordControl
    process: BotProcess

    @property
    def page(self) -> str:
        """The URL of the page."""
        return next(line.split()[-1] for line in self.process.output.splitlines() if line.startswith("page "))

    async def clear(self) -> None:
        """Remove scripted model responses that were not used."""
        await self.stack.model.clear_script()


@asynccontextmanager
async def running_shared_stack(binary: Path, data: Path, *, replay: bool = False) -> AsyncIterator[SharedStack]:
    """Run the shared stack. With `replay` every handler suspends at each await and is replayed."""
    async with (
        running_model() as model,
        running_slack() as slack,
        running_discord() as discord,
        running_stack(binary, data, model, replay=replay, serve=False, engine_env=LOCAL_LOG) as stack,
    ):
        process = BotProcess(stack=stack, name="slack", whole=True)
        ports = {name: str(free_port()) for name in ("SLACK_HTTP_PORT", "DISCORD_DELIVERY_PORT")}
        try:
            await process.start_process(**ports, **slack.env(), **discord.env())
            await slack.wait_connected()
            yield SharedStack(stack, slack, discord, process)
        finally:
            await process.close()
