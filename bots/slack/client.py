"""Calling Slack, with its refusals sorted: for good, unclear, not now, or simply no.

slack_sdk's own retries are off: by default it repeats a post whose connection broke, also one that Slack had taken.
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

from bots.common.errors import OutcomeUnknownError, PermanentError, RateLimitedError, TransientError
from chat_service.errors import UserError
from chat_service.settings import Settings

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10
UPLOAD_SECONDS = 60
MAX_RATE_LIMIT_SECONDS = 60.0
PAGE_SIZE = 200
WAITS = 5
TOKEN_ERRORS = frozenset(
    {"account_inactive", "token_revoked", "token_expired", "invalid_auth", "not_authed", "team_access_not_granted"}
)
PERMANENT_ERRORS = TOKEN_ERRORS | {
    *("channel_not_found", "is_archived", "not_in_channel", "thread_not_found", "message_not_found"),
    *("no_permission", "missing_scope", "access_denied", "ekm_access_denied", "org_login_required"),
    *("restricted_action", "restricted_action_read_only_channel", "restricted_action_thread_locked"),
    *("restricted_action_thread_only_channel", "cannot_reply_to_message", "cant_update_message", "edit_window_closed"),
}
"""What no later try can mend."""
INVALID_REQUEST_ERRORS = frozenset(
    {
        *("msg_too_long", "msg_blocks_too_long", "no_text", "invalid_blocks", "invalid_blocks_format"),
        *("invalid_arguments", "invalid_metadata_format", "markdown_text_conflict", "invalid_attachments"),
        *("cant_delete_message", "compliance_exports_prevent_deletion", "is_inactive", "unknown_method"),
    }
)
"""What was asked is wrong in itself: the same words get the same answer."""
TRANSIENT_ERRORS = frozenset(
    {"ratelimited", "rate_limited", "message_limit_exceeded", "team_added_to_org", "accesslimited"}
)
"""Not now: Slack asks for a pause without its 429, or moves the workspace into an organisation, for some minutes."""
SHARED_LIMIT_PREFIXES = ("conversations_", "users_")
"""What is read. Slack counts these per method and workspace, so that a pause it asks one reader for is every reader's;
what is written it counts per channel as well, and nobody waits for another channel's pause."""
OUTCOME_UNKNOWN_ERRORS = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
"""Slack's own trouble: whether it did what it was asked, it does not say."""


class SlackApiCallError(Exception):
    """Slack said no, and did nothing. `error` is its word for it."""

    def __init__(self, method: str, code: str) -> None:
        super().__init__(f"{method}: {code}")
        self.error = code


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the bot is, and in which workspace. `team` is always the one the token was installed in."""

    team: str
    user: str
    bot: str
    name: str
    url: str


class SlackClient:
    """The Web API of one workspace."""

    def __init__(self, web: AsyncWebClient, session: aiohttp.ClientSession, identity: Identity, tested: Any) -> None:
        self.web, self.session, self.identity = web, session, identity
        self.tested = tested
        """What `auth.test` answered, as Bolt wants it."""
        self._pauses: dict[str, float] = {}

    async def __call__(self, call: Callable[..., Awaitable[Any]], **args: Any) -> dict[str, Any]:
        """Call a method of `web`. A 429 is waited out as long as Slack asks.

        Raises:
            Gone, Unclear, Refused, Later: how it did not succeed.
        """
        return await call_slack(call, pauses=self._pauses, **args)

    async def call_without_waiting(self, call: Callable[..., Awaitable[Any]], **args: Any) -> dict[str, Any]:
        """The same without waiting for anything: what comes too fast for Slack is left.

        Raises:
            Throttled: Slack asks for a pause.
            Gone, Unclear, Refused, Later: how it did not succeed.
        """
        return await call_slack(call, patient=False, **args)

    async def iter_thread(
        self, channel: str, ts: str, *, oldest: str = "", latest: str = "", metadata: bool = False
    ) -> AsyncIterator[dict[str, Any]]:
        """A thread's first message and its replies after `oldest` and before `latest`, oldest first.

        Raises:
            Gone, Unclear, Refused, Later: it cannot be read.
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
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return


async def call_slack(
    call: Callable[..., Awaitable[Any]], *, patient: bool = True, pauses: dict[str, float] | None = None, **args: Any
) -> dict[str, Any]:
    """Call a method of the web client, with the outcome sorted; see `Slack`. `pauses` is until when (as by
    `time.monotonic`) each of the methods that readers share is not to be called."""
    name = getattr(call, "__name__", "call")
    given = {key: value for key, value in args.items() if value is not None}
    pauses = {} if pauses is None or not name.startswith(SHARED_LIMIT_PREFIXES) else pauses
    for _ in range(WAITS):
        while (wait := pauses.get(name, 0) - time.monotonic()) > 0:  # noqa: ASYNC110  another reader may be asked for more
            await asyncio.sleep(wait)
        try:
            # Trap: the web client's own limit is not kept to where it is given a session.
            async with asyncio.timeout(UPLOAD_SECONDS if "upload" in name else TIMEOUT_SECONDS):
                data: dict[str, Any] = (await call(**given)).data
            return data
        except SlackApiError as error:
            asked = _retry_after(error)
            if asked is None:
                raise _sorted(name, error) from error
            log.info("%s: Slack asks for %.0f s", name, asked)
            if not patient:
                raise RateLimitedError(f"{name}: Slack asks for {asked:.0f} s", asked) from error
            pauses[name] = time.monotonic() + min(asked, MAX_RATE_LIMIT_SECONDS)
        except aiohttp.ClientConnectorError as error:
            raise TransientError(f"{name}: Slack cannot be reached: {error}") from error
        except (aiohttp.ClientError, TimeoutError, SlackClientError) as error:
            raise OutcomeUnknownError(f"{name}: {error or type(error).__name__}") from error
    raise TransientError(f"{name}: Slack asks for more patience")


def _retry_after(error: SlackApiError) -> float | None:
    response: Any = error.response
    if getattr(response, "status_code", getattr(response, "status", 0)) != 429:
        return None
    headers = getattr(response, "headers", {}) or {}
    value = headers.get("Retry-After") or headers.get("retry-after") or "1"
    return float(value) if str(value).replace(".", "", 1).isdecimal() else 1.0


def _sorted(name: str, error: SlackApiError) -> Exception:
    response: Any = error.response
    status = getattr(response, "status_code", getattr(response, "status", 0))
    data = getattr(response, "data", None)
    word = str(data.get("error") or "") if isinstance(data, dict) else ""
    if word in PERMANENT_ERRORS:
        needed = f" (scope {data['needed']})" if isinstance(data, dict) and data.get("needed") else ""
        return PermanentError(f"{name}: {word}{needed}")
    if word in TRANSIENT_ERRORS:
        return TransientError(f"{name}: {word}")
    if status >= 500 or word in OUTCOME_UNKNOWN_ERRORS or not word:
        return OutcomeUnknownError(f"{name}: {word or f'HTTP {status}'}")
    return SlackApiCallError(name, word)


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[SlackClient]:
    """Connect with the bot token; waits for a Slack that is away.

    Raises:
        UserError: without a token, or with one that Slack does not take.
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
        yield SlackClient(web, session, *await _identify(web))


async def _identify(web: AsyncWebClient) -> tuple[Identity, Any]:
    pause, tested = 0.5, None

    async def auth_test() -> Any:
        nonlocal tested
        tested = await web.auth_test()
        return tested

    while True:
        try:
            data = await call_slack(auth_test)
        except (PermanentError, SlackApiCallError) as error:
            raise UserError(f"Slack does not take SLACK_BOT_TOKEN ({error}): copy it again from your app") from error
        except (OutcomeUnknownError, TransientError) as error:
            log.warning("waiting for Slack: %s", error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 10)
        else:
            identity = Identity(
                team=data["team_id"],
                user=data["user_id"],
                bot=data.get("bot_id", ""),
                name=data.get("user", "bot"),
                url=data.get("url", ""),
            )
            return identity, tested
