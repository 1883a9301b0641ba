"""The Slack bot, a fake Slack, a fake model, Restate and the chat service, in processes; and a workspace for a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chat_service.engine.process import free_port
from chat_service.ingress import IngressClient
from tests.bot_process import BotProcess, BotStack
from tests.fakes.model import ModelControl
from tests.fakes.slack.control import SlackControl
from tests.fakes.slack.models import Message
from tests.fakes.slack.running import running_slack
from tests.processes import new_session_key, running_stack


@dataclass(kw_only=True)
class SlackBot(BotProcess):
    """The Slack bot's process, in Socket Mode or, with `http`, reached over HTTP."""

    slack: SlackControl
    name: str = "slack"
    http: bool = False
    http_port: int = field(default_factory=free_port)

    def platform_env(self) -> dict[str, str]:
        return {"SLACK_HTTP_PORT": str(self.http_port), **self.slack.env(http=self.http)}

    async def wait_until_reached(self) -> None:
        if self.http:
            await self.slack.set_request_url(f"http://127.0.0.1:{self.http_port}/slack/events")
        else:
            await self.slack.wait_connected()


@dataclass
class SlackStack(BotStack):
    """Restate, a model, a chat service, a Slack, and the bot."""

    bot: SlackBot
    slack: SlackControl


@asynccontextmanager
async def running_slack_stack(
    engine_binary: Path,
    data: Path,
    model: ModelControl,
    *,
    whole: bool = True,
    http: bool = False,
    start: bool = True,
    env: dict[str, str] | None = None,
) -> AsyncIterator[SlackStack]:
    """Run a stack; with `start` the bot is connected. With `whole` the bot's process is also the chat service, so that
    previews work; otherwise the chat service is a process of its own."""
    async with running_stack(engine_binary, data, model, serve=not whole) as stack, running_slack() as slack:
        bot = SlackBot(stack=stack, slack=slack, whole=whole, http=http, env=env or {})
        try:
            if start:
                await bot.start()
            yield SlackStack(stack, bot, engine_binary, slack)
        finally:
            await bot.close()


@dataclass
class Workspace:
    """A channel with two members that no other test uses. `dm_channel` is Ada's direct conversation with the bot."""

    stack: SlackStack
    channel: str
    ada: str
    ben: str
    dm_channel: str

    @property
    def slack(self) -> SlackControl:
        return self.stack.slack

    @property
    def model(self) -> ModelControl:
        return self.stack.model

    @property
    def bot(self) -> SlackBot:
        return self.stack.bot

    @property
    def scope(self) -> str:
        """The scope of the channel's settings and rules."""
        return f"slack:{self.slack.team.id}:{self.channel}"

    def conversation(self, message: Message) -> str:
        """Return the conversation key of a message's thread."""
        return f"slack:{self.slack.team.id}:{message.channel}:{message.root}"

    def ingress(self) -> AbstractAsyncContextManager[IngressClient]:
        """Return a client of the stack's ingress."""
        return self.stack.stack.ingress()


async def create_workspace(stack: SlackStack, **more: object) -> Workspace:
    """Create a channel and members that no other test uses. `more`: fields of the channel."""
    slack, name = stack.slack, new_session_key()
    ada = await slack.add_user(f"ada-{name}", display_name="Ada")
    ben = await slack.add_user(f"ben-{name}", display_name="Ben")
    channel = await slack.add_channel(name, [ada.id, ben.id], **more)  # type: ignore[arg-type]
    dm_channel = await slack.open_conversation(ada.id)
    return Workspace(stack, channel.id, ada.id, ben.id, dm_channel.id)


async def create_clean_workspace(stack: SlackStack) -> Workspace:
    """Remove faults, scripted model responses and conversations of earlier tests, and create a workspace."""
    await stack.model.clear_script()
    await stack.slack.leave_all()
    await stack.slack.clear_faults()
    return await create_workspace(stack)
