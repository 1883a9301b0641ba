"""Receive events as signed HTTP requests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp
from slack_sdk.signature import SignatureVerifier

from bots.common.backfill import Backfill
from bots.slack.backfill import SlackHistoryReader
from chat_service import hosts
from chat_service.errors import UserError
from chat_service.settings import Settings

PATH = "/slack/events"
RETRY_HEADER = "X-Slack-Retry-Num"
MIN_BACKFILL_SECONDS = 15.0
"""Minimum time between two backfills, however often Slack repeats a request."""


@asynccontextmanager
async def listening_for_http_events(
    app: AsyncApp, settings: Settings, has_retried: asyncio.Event
) -> AsyncIterator[str]:
    """Serve signed requests while the block runs; yield the URL.

    `has_retried` is set when Slack repeats a request: it may have given up on others.

    Raises:
        UserError: the port cannot be used.
    """
    assert settings.slack_signing_secret is not None  # noqa: S101  serving() has checked it
    verifier = SignatureVerifier(settings.slack_signing_secret.get_secret_value())

    async def serve(request: web.Request) -> web.Response:
        # Checked here first: Bolt parses a request before it verifies it, and answers some without verifying them.
        if not _is_signed(verifier, await request.read(), request.headers):
            return web.Response(status=401, text="not signed by Slack")
        response = await app.async_dispatch(await to_bolt_request(request))
        if RETRY_HEADER in request.headers:
            has_retried.set()
        return await to_aiohttp_response(response)

    server = web.Application()
    server.router.add_post(PATH, serve)
    server.router.add_get("/health", _report_health)
    runner = web.AppRunner(server, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.slack_http_host, settings.slack_http_port)
        try:
            await site.start()
        except OSError as error:
            raise UserError(
                f"port {settings.slack_http_port} cannot be used for Slack's events ({error.strerror}): "
                "free it or set SLACK_HTTP_PORT"
            ) from error
        yield hosts.http_url(settings.slack_http_host, runner.addresses[0][1]) + PATH
    finally:
        await runner.cleanup()


async def repeat_backfill(
    reader: SlackHistoryReader, backfill: Backfill, has_retried: asyncio.Event, seconds: float
) -> None:
    """Start a backfill every `seconds`, or earlier when Slack repeats a request.

    Over HTTP the bot does not learn of missed events: Slack does not say when it gives up on a request.
    """
    pause = min(MIN_BACKFILL_SECONDS, seconds)
    while True:
        await backfill.wait_until_finished()
        await asyncio.sleep(pause)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds - pause):
                await has_retried.wait()
        has_retried.clear()
        reader.connected()
        await backfill.start_run()


async def _report_health(_: web.Request) -> web.Response:
    """Answer load balancers and `threadwell doctor`."""
    return web.Response(text="ok")


def _is_signed(verifier: SignatureVerifier, body: bytes, headers: Mapping[str, str]) -> bool:
    try:
        return verifier.is_valid_request(body, dict(headers))
    except ValueError:  # the timestamp is not a number
        return False
