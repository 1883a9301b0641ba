"""Putting the Slack adapter together: Socket Mode or HTTP events, the same code behind both."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.middleware.authorization.async_single_team_authorization import AsyncSingleTeamAuthorization
from slack_sdk.signature import SignatureVerifier

from bots.common.backfill import Backfill
from bots.common.delivery import DeliveryDependencies, delivery_object
from bots.common.endpoint import serving_objects
from bots.common.intake import IntakeDependencies, intake_object
from bots.common.ordered_queue import OrderedQueue
from bots.common.previews import Previews
from bots.slack.backfill import SKEW_SECONDS, SlackHistoryReader
from bots.slack.buttons import Buttons
from bots.slack.client import SlackClient, connect
from bots.slack.events import EventParser
from bots.slack.history import HistoryView
from bots.slack.listeners import Listeners
from bots.slack.messenger import SlackMessenger
from bots.slack.permissions import Permissions
from bots.slack.reactions import slack_status_reactions
from bots.slack.reply_writer import SlackReplyWriter
from bots.slack.settings import ChatSettings
from bots.slack.users import UserNames
from chat_service import hosts
from chat_service.errors import UserError
from chat_service.ingress import IngressClient, IngressError
from chat_service.live import LiveBus, open_bus
from chat_service.objects.channel_threads import Released
from chat_service.settings import Settings
from chat_service.signals import handling_stop_signals

log = logging.getLogger(__name__)

PATH = "/slack/events"
RETRY = "X-Slack-Retry-Num"
RELEASE_SECONDS = (0.0, 5.0, 30.0)
"""When what waited for the bot is set free after a start: a turn may still be on its way to the list."""
CONNECT_SECONDS = 2.0
RENEW_SECONDS = 20.0
BETWEEN_SECONDS = 15.0
"""Over HTTP, from one catch-up to the next at least, however often Slack has to try again."""


@asynccontextmanager
async def serving(settings: Settings, *, bus: LiveBus) -> AsyncIterator[str]:
    """Run the bot while the block runs; yields one line that says how it listens.

    Raises:
        UserError: without tokens, or with some that Slack does not take.
    """
    if settings.slack_app_token is None and settings.slack_signing_secret is None:
        raise UserError("set SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP events) beside the bot token")
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(connect(settings))
        ingress = await stack.enter_async_context(IngressClient.connected(settings.ingress_url))
        names, permissions = UserNames(slack), Permissions(slack)
        histories = HistoryView(slack, ingress, permissions)
        marks = slack_status_reactions(slack)
        stack.push_async_callback(marks.close)
        outlet = SlackReplyWriter(slack, ingress, marks, names)
        previews = Previews(outlet, bus)
        stack.push_async_callback(previews.close)
        hearing = EventParser(slack, names, images=settings.model_images)
        ears = SlackMessenger(slack, hearing, permissions, histories, marks, ingress)
        objects = [
            intake_object("Slack", IntakeDependencies(ears, settings)),
            delivery_object("Slack", DeliveryDependencies(outlet, previews), settings),
        ]
        await stack.enter_async_context(
            serving_objects(
                settings,
                objects,
                folder=Path(__file__).parent,
                host=settings.slack_delivery_host,
                port=settings.slack_delivery_port,
                url=settings.slack_delivery_url,
                name="SLACK",
            )
        )
        lanes = OrderedQueue()

        async def hand_over(conversation: str, id: str, arrival: Any) -> None:
            await listeners.hand_over(conversation, id, arrival)

        connects = settings.slack_app_token is not None
        reader = SlackHistoryReader(slack, ingress, margin=0 if connects else SKEW_SECONDS)
        catch_up = Backfill(reader, ingress, lanes, hand_over, told=connects)
        chat_settings = ChatSettings(slack, ingress, permissions, settings)
        buttons = Buttons(slack, ingress, permissions, settings)
        listeners = Listeners(
            slack, ingress, catch_up, buttons, histories, chat_settings, settings, hearing, ears, permissions
        )
        secret = settings.slack_signing_secret
        app = AsyncApp(
            client=slack.web,
            signing_secret=secret.get_secret_value()
            if secret
            else secrets.token_hex(),  # nothing else may come by HTTP
            process_before_response=True,
        )
        # Trap: Bolt asks for itself at the first event, and acknowledges each that comes before it is answered.
        for middleware in app._async_middleware_list:
            if isinstance(middleware, AsyncSingleTeamAuthorization):
                middleware.auth_test_result = slack.tested
        listeners.register(app)
        stack.push_async_callback(listeners.close)
        stack.push_async_callback(lanes.close)
        stack.push_async_callback(catch_up.close)
        await catch_up.begin()
        stack.push_async_callback(catch_up.flush)
        for work in (catch_up.keep(), _release(ingress, slack)):
            task = asyncio.create_task(work)
            stack.callback(task.cancel)
        if settings.slack_app_token is not None:
            token = settings.slack_app_token.get_secret_value()
            await stack.enter_async_context(_socket(app, token, reader, catch_up))
            yield f"Slack: listening as @{slack.identity.name} by Socket Mode"
        else:
            retried = asyncio.Event()
            url = await stack.enter_async_context(_http(app, settings, retried))
            reader.connected()
            await catch_up.begin()  # what came until now may have been told to nobody
            task = asyncio.create_task(_look_again(reader, catch_up, retried, settings.slack_http_catchup_seconds))
            stack.callback(task.cancel)
            yield f"Slack: listening as @{slack.identity.name} at {url}"


async def run(settings: Settings) -> None:
    """What `threadwell bot slack` runs: the bot alone, until SIGTERM or SIGINT."""
    with handling_stop_signals() as stopping:
        async with open_bus(settings) as bus, serving(settings, bus=bus) as line:
            print(line, flush=True)  # noqa: T201
            await stopping.wait()


@asynccontextmanager
async def _socket(app: AsyncApp, token: str, reader: SlackHistoryReader, catch_up: Backfill) -> AsyncIterator[None]:
    """Connected by Socket Mode. After each new connection what was said in between is read."""
    handler: Any = AsyncSocketModeHandler(app, token, ping_interval=10)

    async def on_message(client: Any, message: dict[str, Any], raw: str) -> None:
        if message.get("type") == "hello":
            reader.connected()
            await catch_up.begin()

    handler.client.message_listeners.append(on_message)
    while True:
        try:
            # By ourselves: `connect` would ask for ever, whatever the reason.
            handler.client.wss_uri = await handler.client.issue_new_wss_url()
            await handler.connect_async()
            break
        except Exception as error:
            word = getattr(getattr(error, "response", None), "data", None) or {}
            reason = word.get("error", "") if isinstance(word, dict) else ""
            if reason in ("invalid_auth", "not_authed", "not_allowed_token_type", "missing_scope", "forbidden"):
                raise UserError(
                    f"Slack does not take SLACK_APP_TOKEN ({reason}): it starts with xapp-, has the scope "
                    "connections:write, and the app has Socket Mode switched on"
                ) from error
            log.warning("waiting for Slack's Socket Mode: %s", error)
            await asyncio.sleep(CONNECT_SECONDS)
    renewing = asyncio.create_task(_renew(handler.client, reader))
    try:
        yield
    finally:
        renewing.cancel()
        await handler.close_async()


async def _renew(client: Any, reader: SlackHistoryReader) -> None:
    """Trap: the client asks for the address of a socket once, and then tries that one for ever; it is good for a short
    time only."""
    away = 0.0
    while True:
        await asyncio.sleep(CONNECT_SECONDS)
        if await client.is_connected():
            away = 0.0
            continue
        away += CONNECT_SECONDS
        reader.disconnected()
        if away >= RENEW_SECONDS:
            away, client.wss_uri = 0.0, None


@asynccontextmanager
async def _http(app: AsyncApp, settings: Settings, retried: asyncio.Event) -> AsyncIterator[str]:
    """Listening for signed requests. `retried` is set when Slack had to try again: it may have given up on others."""

    assert settings.slack_signing_secret is not None  # noqa: S101  serving() has looked
    verifier = SignatureVerifier(settings.slack_signing_secret.get_secret_value())

    async def serve(request: web.Request) -> web.Response:
        # Before anything else is done with it: Bolt parses first, and answers some requests without looking.
        if not _is_signed(verifier, await request.read(), request.headers):
            return web.Response(status=401, text="not signed by Slack")
        answer = await app.async_dispatch(await to_bolt_request(request))
        if RETRY in request.headers:
            retried.set()
        return await to_aiohttp_response(answer)

    server = web.Application()
    server.router.add_post(PATH, serve)
    server.router.add_get("/health", _well)
    runner = web.AppRunner(server, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.slack_http_host, settings.slack_http_port)
        try:
            await site.start()
        except OSError as error:
            raise UserError(
                f"Slack's events cannot be listened for on port {settings.slack_http_port} ({error.strerror}): "
                "free it or set SLACK_HTTP_PORT"
            ) from error
        yield hosts.http_url(settings.slack_http_host, runner.addresses[0][1]) + PATH
    finally:
        await runner.cleanup()


async def _well(_: web.Request) -> web.Response:
    """For whoever asks whether this port is ours: a load balancer, the doctor."""
    return web.Response(text="ok")


def _is_signed(verifier: SignatureVerifier, body: bytes, headers: Mapping[str, str]) -> bool:
    try:
        return verifier.is_valid_request(body, dict(headers))
    except ValueError:  # a timestamp that is none
        return False


async def _look_again(reader: SlackHistoryReader, catch_up: Backfill, retried: asyncio.Event, seconds: float) -> None:
    """Over HTTP nothing tells that something was missed, since Slack says nothing when it gives up: so it is looked
    for, every so many seconds, or earlier when Slack has to try again."""
    pause = min(BETWEEN_SECONDS, seconds)
    while True:
        await catch_up.through()
        await asyncio.sleep(pause)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds - pause):
                await retried.wait()
        retried.clear()
        reader.connected()
        await catch_up.begin()


async def _release(ingress: IngressClient, slack: SlackClient) -> None:
    """Replies that waited for the bot set out."""
    for pause in RELEASE_SECONDS:
        await asyncio.sleep(pause)
        with contextlib.suppress(IngressError, TimeoutError):
            scope = f"slack:{slack.identity.team}"
            released = await ingress.call("Channel", scope, "release", None, Released)
            if released.turns:
                log.info("%d replies waited for the bot: delivering them", released.turns)
