"""Calls of Slack's Web API, with each failure mapped to one of the errors in `bots.common.errors`.

The retry handlers of slack_sdk are off: by default it repeats a post whose connection broke, even when Slack had
already accepted it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bots.common.errors import OutcomeUnknownError, PermanentError, RateLimitedError, TransientError
from chat_service.errors import UserError
from chat_service.settings import Settings

log = logging.getLogger(__name__)

Payload = dict[str, Any]
"""A JSON object as Slack sends it."""
WebMethod = Callable[..., Awaitable[AsyncSlackResponse]]
"""A method of `AsyncWebClient`, for example `web.chat_postMessage`."""

TIMEOUT_SECONDS = 10
UPLOAD_TIMEOUT_SECONDS = 60
MAX_RATE_LIMIT_SECONDS = 60.0
MAX_RATE_LIMIT_RETRIES = 5
PAGE_SIZE = 200
TOKEN_ERRORS = frozenset(
    {"account_inactive", "token_revoked", "token_expired", "invalid_auth", "not_authed", "team_access_not_granted"}
)
PERMANENT_ERRORS = TOKEN_ERRORS | {
    *("channel_not_found", "is_archived", "not_in_channel", "thread_not_found", "message_not_found"),
    *("no_permission", "missing_scope", "access_denied", "ekm_access_denied", "org_login_required"),
    *("restricted_action", "restricted_action_read_only_channel", "restricted_action_thread_locked"),
    *("restricted_action_thread_only_channel", "cannot_reply_to_message", "cant_update_message", "edit_window_closed"),
}
"""Error codes that no later attempt can change."""
INVALID_REQUEST_ERRORS = frozenset(
    {
        *("msg_too_long", "msg_blocks_too_long", "no_text", "invalid_blocks", "invalid_blocks_format"),
        *("invalid_arguments", "invalid_metadata_format", "markdown_text_conflict", "invalid_attachments"),
        *("cant_delete_message", "compliance_exports_prevent_deletion", "is_inactive", "unknown_method"),
    }
)
"""Error codes for a request that is itself wrong: the same request always gets the same error."""
TRANSIENT_ERRORS = frozenset(
    {"ratelimited", "rate_limited", "message_limit_exceeded", "team_added_to_org", "accesslimited"}
)
"""Error codes for "not now": a rate limit without a 429, or a workspace that is moved into an organisation, which takes
some minutes."""
OUTCOME_UNKNOWN_ERRORS = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
"""Error codes for a failure inside Slack. They do not say whether the request took effect."""
SHARED_LIMIT_PREFIXES = ("conversations_", "users_")
"""Read methods. Slack limits these per method and workspace, so one caller's rate limit applies to every caller.
Write methods are also limited per channel, so a caller does not wait for another channel's limit."""


class SlackApiCallError(Exception):
    """Raised when Slack rejected a call and did nothing. `code` is Slack's error code."""

    def __init__(self, method: str, code: str) -> None:
        super().__init__(f"{method}: {code}")
        self.code = code


SLACK_ERRORS = (PermanentError, SlackApiCallError, OutcomeUnknownError, TransientError)
"""Every error that a call of `SlackClient` raises."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The bot user and its workspace. `team` is always the workspace in which the token was installed."""

    team: str
    user: str
    name: str


class SlackClient:
    """The Web API of one workspace."""

    def __init__(
        self,
        web: AsyncWebClient,
        session: aiohttp.ClientSession,
        identity: Identity,
        auth_test_response: AsyncSlackResponse,
    ) -> None:
        self.web, self.session, self.identity = web, session, identity
        self.auth_test_response = auth_test_response
        self._blocked_until: dict[str, float] = {}

    async def __call__(self, method: WebMethod, **args: Any) -> Payload:
        """Call a method of `web`. After a 429 wait as long as Slack asks and call again.

        Raises:
            PermanentError, OutcomeUnknownError, SlackApiCallError, TransientError: the call failed.
        """
        return await call_slack(method, blocked_until=self._blocked_until, **args)

    async def call_without_waiting(self, method: WebMethod, **args: Any) -> Payload:
        """Call a method of `web` once.

        Raises:
            RateLimitedError: Slack answered with a 429.
            PermanentError, OutcomeUnknownError, SlackApiCallError, TransientError: the call failed.
        """
        return await call_slack(method, wait=False, **args)

    async def iter_thread(
        self, channel: str, ts: str, *, oldest: str = "", latest: str = "", metadata: bool = False
    ) -> AsyncIterator[Payload]:
        """Yield a thread's first message and its replies after `oldest` and before `latest`, oldest first.

        Raises:
            PermanentError, OutcomeUnknownError, SlackApiCallError, TransientError: the thread cannot be read.
        """
        cursor: str | None = None
        while True:
            page = await self(
                self.web.conversations_replies,
                channel=channel,
                ts=ts,
                oldest=oldest or None,
                latest=latest or None,
                limit=PAGE_SIZE,
                cursor=cursor,
                include_all_metadata=metadata or None,
            )
            for message in page["messages"]:
                yield message
            if not (cursor := next_cursor(page)):
                return


def next_cursor(page: Payload) -> str | None:
    """Return the cursor of the page that follows, if there is one."""
    return (page.get("response_metadata") or {}).get("next_cursor") or None


async def call_slack(
    method: WebMethod, *, wait: bool = True, blocked_until: dict[str, float] | None = None, **args: Any
) -> Payload:
    """Call a method of the web client and map its failure; see `SlackClient`. Arguments that are None are left out.

    `blocked_until` holds for each method with a shared limit the time (`time.monotonic`) before which it is not called.
    """
    name = getattr(method, "__name__", "call")
    given = {key: value for key, value in args.items() if value is not None}
    blocked_until = {} if blocked_until is None or not name.startswith(SHARED_LIMIT_PREFIXES) else blocked_until
    for _ in range(MAX_RATE_LIMIT_RETRIES):
        while (pause := blocked_until.get(name, 0) - time.monotonic()) > 0:  # noqa: ASYNC110  another caller may extend it
            await asyncio.sleep(pause)
        try:
            # Trap: the web client ignores its own timeout when it is given a session.
            async with asyncio.timeout(UPLOAD_TIMEOUT_SECONDS if "upload" in name else TIMEOUT_SECONDS):
                data: Payload = (await method(**given)).data  # type: ignore[assignment]  # bytes only for non-JSON
            return data
        except SlackApiError as error:
            seconds = _retry_after(error)
            if seconds is None:
                raise _map_error(name, error) from error
            log.info("%s: rate limited by Slack for %.0f s", name, seconds)
            if not wait:
                raise RateLimitedError(f"{name}: rate limited for {seconds:.0f} s", seconds) from error
            blocked_until[name] = time.monotonic() + min(seconds, MAX_RATE_LIMIT_SECONDS)
        except aiohttp.ClientConnectorError as error:
            raise TransientError(f"{name}: Slack cannot be reached: {error}") from error
        except (aiohttp.ClientError, TimeoutError, SlackClientError) as error:
            raise OutcomeUnknownError(f"{name}: {error or type(error).__name__}") from error
    raise TransientError(f"{name}: still rate limited after {MAX_RATE_LIMIT_RETRIES} attempts")


def _status_of(error: SlackApiError) -> int:
    status: int = getattr(error.response, "status_code", getattr(error.response, "status", 0))
    return status


def _retry_after(error: SlackApiError) -> float | None:
    """Return the seconds to wait after a 429; None for any other error."""
    if _status_of(error) != 429:
        return None
    headers = getattr(error.response, "headers", {}) or {}
    value = headers.get("Retry-After") or headers.get("retry-after") or "1"
    return float(value) if str(value).replace(".", "", 1).isdecimal() else 1.0


def _map_error(name: str, error: SlackApiError) -> Exception:
    data = getattr(error.response, "data", None)
    code = str(data.get("error") or "") if isinstance(data, dict) else ""
    if code in PERMANENT_ERRORS:
        needed = f" (scope {data['needed']})" if isinstance(data, dict) and data.get("needed") else ""
        return PermanentError(f"{name}: {code}{needed}")
    if code in TRANSIENT_ERRORS:
        return TransientError(f"{name}: {code}")
    status = _status_of(error)
    if status >= 500 or code in OUTCOME_UNKNOWN_ERRORS or not code:
        return OutcomeUnknownError(f"{name}: {code or f'HTTP {status}'}")
    return SlackApiCallError(name, code)


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[SlackClient]:
    """Connect with the bot token. Waits while Slack cannot be reached.

    Raises:
        UserError: the token is missing, or Slack rejects it.
    """
    if settings.slack_bot_token is None:
        raise UserError("SLACK_BOT_TOKEN is not set: copy the bot token (xoxb-…) of your Slack app into .env")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        web = AsyncWebClient(
            token=settings.slack_bot_token.get_secret_value(),
            base_url=settings.slack_api_url,
            timeout=TIMEOUT_SECONDS,
            session=session,
            retry_handlers=[],
        )
        response = await _test_token(web)
        identity = Identity(team=response["team_id"], user=response["user_id"], name=response.get("user", "bot"))
        yield SlackClient(web, session, identity, response)


async def _test_token(web: AsyncWebClient) -> AsyncSlackResponse:
    """Call `auth.test` until Slack answers."""
    pause = 0.5
    responses: list[AsyncSlackResponse] = []

    async def auth_test() -> AsyncSlackResponse:
        responses.append(await web.auth_test())
        return responses[-1]

    while True:
        try:
            await call_slack(auth_test)
        except (PermanentError, SlackApiCallError) as error:
            raise UserError(f"Slack rejects SLACK_BOT_TOKEN ({error}): copy it again from your app") from error
        except (OutcomeUnknownError, TransientError) as error:
            log.warning("waiting for Slack: %s", error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 10)
        else:
            return responses[-1]
