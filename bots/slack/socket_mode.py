"""Receive events by Socket Mode."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient

from bots.common.backfill import Backfill
from bots.common.background_tasks import running_tasks
from bots.slack.backfill import SlackHistoryReader
from bots.slack.client import Payload
from chat_service.errors import UserError

log = logging.getLogger(__name__)

PING_SECONDS = 10
RETRY_SECONDS = 2.0
RENEW_URL_SECONDS = 20.0
INVALID_TOKEN_ERRORS = frozenset({"invalid_auth", "not_authed", "not_allowed_token_type", "missing_scope", "forbidden"})


@asynccontextmanager
async def connected_by_socket_mode(
    app: AsyncApp, token: str, reader: SlackHistoryReader, backfill: Backfill
) -> AsyncIterator[None]:
    """Stay connected while the block runs. Each new connection starts a backfill.

    Raises:
        UserError: Slack rejects the token.
    """
    client = AsyncSocketModeHandler(app, token, ping_interval=PING_SECONDS).client

    async def on_message(_client: AsyncBaseSocketModeClient, message: Payload, _raw: str | None) -> None:
        if message.get("type") == "hello":
            reader.connected()
            await backfill.start_run()

    client.message_listeners.append(on_message)
    await _connect(client)
    try:
        with running_tasks(_renew_url(client, reader)):
            yield
    finally:
        await client.close()  # type: ignore[no-untyped-call]


async def _connect(client: SocketModeClient) -> None:
    while True:
        try:
            # Trap: the client's `connect` would ask for an address forever, whatever the error is.
            client.wss_uri = await client.issue_new_wss_url()
            await client.connect()  # type: ignore[no-untyped-call]
            return
        except Exception as error:
            body = getattr(getattr(error, "response", None), "data", None)
            reason = body.get("error") if isinstance(body, dict) else None
            if reason in INVALID_TOKEN_ERRORS:
                raise UserError(
                    f"Slack rejects SLACK_APP_TOKEN ({reason}): it must start with xapp- and have the scope "
                    "connections:write, and Socket Mode must be switched on in the app"
                ) from error
            log.warning("waiting for Slack's Socket Mode: %s", error)
            await asyncio.sleep(RETRY_SECONDS)


async def _renew_url(client: SocketModeClient, reader: SlackHistoryReader) -> None:
    """Have the client ask for a new address after 20 s without a connection.

    Trap: it asks for an address once and then tries that one forever, but an address is valid for a short time only.
    """
    disconnected_seconds = 0.0
    while True:
        await asyncio.sleep(RETRY_SECONDS)
        if await client.is_connected():
            disconnected_seconds = 0.0
            continue
        disconnected_seconds += RETRY_SECONDS
        reader.disconnected()
        if disconnected_seconds >= RENEW_URL_SECONDS:
            disconnected_seconds, client.wss_uri = 0.0, None
