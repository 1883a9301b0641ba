"""The Slack bot's process: builds its parts and receives events by Socket Mode or HTTP."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from bots.common.backfill import Backfill
from bots.common.background_tasks import running_tasks
from bots.common.dependencies import IntakeDependencies
from bots.common.event_sender import EventSender
from bots.common.runner import (
    DeliveryAddress,
    release_waiting_replies,
    running_backfill,
    serving_intake_and_delivery,
)
from bots.slack.backfill import CLOCK_SKEW_SECONDS, SlackHistoryReader
from bots.slack.buttons import Buttons
from bots.slack.client import TIMEOUT_SECONDS, SlackClient, connect
from bots.slack.commands import SlashCommands
from bots.slack.events import EventParser
from bots.slack.history import HistoryView
from bots.slack.http_events import listening_for_http_events, repeat_backfill
from bots.slack.listeners import Listeners, ReceivedStatus
from bots.slack.messenger import SlackMessenger
from bots.slack.permissions import Permissions
from bots.slack.reactions import slack_status_reactions
from bots.slack.reply_writer import SlackReplyWriter
from bots.slack.responses import Responder
from bots.slack.settings import ChatSettings
from bots.slack.socket_mode import connected_by_socket_mode
from bots.slack.users import UserNames
from chat_service.errors import UserError
from chat_service.ingress import IngressClient
from chat_service.live import LiveBus, open_bus
from chat_service.settings import Settings
from chat_service.signals import handling_stop_signals


@dataclass(frozen=True, slots=True)
class _BotParts:
    """The parts that a connection to Slack needs."""

    app: AsyncApp
    reader: SlackHistoryReader
    backfill: Backfill


@asynccontextmanager
async def serving(settings: Settings, *, bus: LiveBus) -> AsyncIterator[str]:
    """Run the bot while the block runs; yield one line for the operator.

    Raises:
        UserError: a token is missing, or Slack rejects one.
    """
    app_token = settings.slack_app_token
    if app_token is None and settings.slack_signing_secret is None:
        raise UserError("set SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP events) beside the bot token")
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(connect(settings))
        ingress = await stack.enter_async_context(IngressClient.connected(settings.ingress_url))
        parts = await _build(stack, settings, slack, ingress, bus)
        await parts.backfill.start_run()
        release = release_waiting_replies(ingress, lambda: [f"slack:{slack.identity.team}"])
        stack.enter_context(running_tasks(release))
        if app_token is not None:
            token = app_token.get_secret_value()
            connection = connected_by_socket_mode(parts.app, token, parts.reader, parts.backfill)
            await stack.enter_async_context(connection)
            yield f"Slack: listening as @{slack.identity.name} by Socket Mode"
            return
        has_retried = asyncio.Event()
        url = await stack.enter_async_context(listening_for_http_events(parts.app, settings, has_retried))
        parts.reader.connected()
        await parts.backfill.start_run()  # requests before this moment may have failed
        seconds = settings.slack_http_backfill_seconds
        stack.enter_context(running_tasks(repeat_backfill(parts.reader, parts.backfill, has_retried, seconds)))
        yield f"Slack: listening as @{slack.identity.name} at {url}"


async def _build(
    stack: AsyncExitStack, settings: Settings, slack: SlackClient, ingress: IngressClient, bus: LiveBus
) -> _BotParts:
    """Create the bot's parts and serve its Restate objects until `stack` is closed."""
    names, permissions = UserNames(slack), Permissions(slack)
    history = HistoryView(slack, ingress, permissions)
    reactions = slack_status_reactions(slack)
    stack.push_async_callback(reactions.close)
    parser = EventParser(slack, names, images=settings.model_images)
    messenger = SlackMessenger(slack, parser, permissions, history, reactions, ingress)
    await stack.enter_async_context(
        serving_intake_and_delivery(
            "slack",
            settings,
            IntakeDependencies(messenger, settings),
            SlackReplyWriter(slack, ingress, reactions, names),
            bus=bus,
            address=DeliveryAddress(
                settings.slack_delivery_host, settings.slack_delivery_port, settings.slack_delivery_url
            ),
            folder=Path(__file__).parent,
        )
    )
    responder = Responder(slack)
    stack.push_async_callback(responder.close)
    received = ReceivedStatus(ingress, settings, parser, messenger, responder)
    sender = EventSender("slack", ingress, on_new=received.show)
    # Socket Mode shows when events may have been missed. HTTP does not, so each run reads some time again.
    has_socket = settings.slack_app_token is not None
    reader = SlackHistoryReader(slack, ingress, overlap_seconds=0 if has_socket else CLOCK_SKEW_SECONDS)
    backfill = await stack.enter_async_context(running_backfill(reader, ingress, sender.send, detects_gaps=has_socket))
    app = _bolt_app(settings, slack)
    Listeners(slack, ingress, settings, permissions, backfill, sender, responder).register(app)
    Buttons(slack, ingress, permissions, settings).register(app, responder)
    SlashCommands(slack, history, ChatSettings(slack, ingress, permissions, settings)).register(app, responder)
    return _BotParts(app, reader, backfill)


def _bolt_app(settings: Settings, slack: SlackClient) -> AsyncApp:
    secret = settings.slack_signing_secret

    async def authorize() -> AuthorizeResult:
        return AuthorizeResult.from_auth_test_response(
            auth_test_response=slack.auth_test_response, bot_token=slack.web.token
        )

    # Trap: given a token, Bolt calls `auth.test` at the first event, and acknowledges every event that arrives before
    # the response. `authorize` uses the response that the bot already has.
    web = AsyncWebClient(base_url=slack.web.base_url, timeout=TIMEOUT_SECONDS, session=slack.session, retry_handlers=[])
    return AsyncApp(
        client=web,
        authorize=authorize,
        # Without a configured secret no HTTP request is served; Bolt requires one nevertheless.
        signing_secret=secret.get_secret_value() if secret else secrets.token_hex(),
        process_before_response=True,
    )


async def run(settings: Settings) -> None:
    """Run the bot alone until SIGTERM or SIGINT: `threadwell bot slack`."""
    with handling_stop_signals() as stopping:
        async with open_bus(settings) as bus, serving(settings, bus=bus) as line:
            print(line, flush=True)  # noqa: T201
            await stopping.wait()
