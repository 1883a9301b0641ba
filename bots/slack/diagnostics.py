"""Checks of a Slack app for `threadwell doctor`: tokens, scopes, events.

A bot token cannot read which events an app subscribes to. Two signs exist: an event whose scope is missing does not
arrive, and the running bot detects a mention that arrives without its `message` event (`MissingEventDetector`).
"""

from __future__ import annotations

import logging
from collections import OrderedDict

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.client import TIMEOUT_SECONDS, Payload
from chat_service.settings import Settings

log = logging.getLogger(__name__)

SCOPES = {
    "app_mentions:read": "receiving mentions",
    "assistant:write": "agent sessions, status and prompts",
    "channels:history": "reading threads in public channels",
    "channels:read": "listing the bot's channels and who may read them",
    "chat:write": "answering",
    "commands": "/history, /chat-settings and the shortcut",
    "files:read": "reading files that people attach",
    "files:write": "exports",
    "groups:history": "reading threads in private channels",
    "groups:read": "listing private channels and who may read them",
    "im:history": "direct messages",
    "im:read": "finding direct messages after an outage",
    "im:write": "sending exports",
    "mpim:history": "group direct messages",
    "mpim:read": "finding group direct messages after an outage",
    "reactions:write": "the reaction to a received message",
    "usergroups:read": "names of groups",
    "users:read": "names of people, and who is an administrator",
}
"""The scopes that `manifest.yaml` grants, and what each is for."""
EVENTS = {
    "agent_session_stopped": "Slack's own stop button",
    "app_home_opened": "the App Home",
    "app_mention": "mentions",
    "app_uninstalled": "logging that the app was removed",
    "message.channels": "messages in threads of public channels",
    "message.groups": "messages in threads of private channels",
    "message.im": "direct messages",
    "message.mpim": "group direct messages",
    "tokens_revoked": "logging that the token was revoked",
}
"""The events that `manifest.yaml` subscribes to, and what each is for."""
SCOPE_OF_EVENT = {
    "app_mention": "app_mentions:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "message.mpim": "mpim:history",
    "agent_session_stopped": "chat:write",
}
"""The scope without which an event does not arrive."""
MESSAGE_EVENT_BY_CHANNEL_PREFIX = {
    "C": "message.channels (in private channels message.groups)",
    "G": "message.groups",
}
MAX_UNPAIRED = 20
"""Number of later mentions after which the second event of a mention counts as missing."""

Finding = tuple[bool | None, str]
"""Whether a check passed (None: information only), and one line that says what to do."""


async def check(settings: Settings) -> list[Finding]:
    """Return the findings about the configured Slack app; none without a bot token."""
    if settings.slack_bot_token is None:
        return []
    web = AsyncWebClient(
        token=settings.slack_bot_token.get_secret_value(),
        base_url=settings.slack_api_url,
        timeout=TIMEOUT_SECONDS,
        retry_handlers=[],
    )
    try:
        response = await web.auth_test()
    except SlackApiError as error:
        return [
            (False, f"SLACK_BOT_TOKEN is rejected ({_error_code(error)}): copy it again from 'OAuth & Permissions'")
        ]
    except (SlackClientError, OSError, TimeoutError) as error:
        return [(False, f"{settings.slack_api_url} cannot be reached: {error}")]
    findings: list[Finding] = [(True, f"@{response['user']} in the workspace {response['team']}")]
    headers = response.headers
    findings += _check_scopes(str(headers.get("x-oauth-scopes") or headers.get("X-OAuth-Scopes") or ""))
    if settings.slack_app_token is not None:
        findings.append(await _check_app_token(web, settings.slack_app_token.get_secret_value()))
    return findings


def _check_scopes(header: str) -> list[Finding]:
    granted = {scope.strip() for scope in header.split(",") if scope.strip()}
    if not granted:
        return [(None, "Slack does not list the granted scopes: compare them with bots/slack/manifest.yaml")]
    missing = [scope for scope in SCOPES if scope not in granted]
    findings: list[Finding] = [
        (False, f"the scope {scope} is missing ({SCOPES[scope]}): add it and install the app again")
        for scope in missing
    ]
    findings += [
        (False, f"the event {event} needs {scope} ({EVENTS[event]}): add the scope, then subscribe to the event")
        for event, scope in SCOPE_OF_EVENT.items()
        if scope in missing
    ]
    return findings or [(True, f"all {len(SCOPES)} scopes are granted; required events: {', '.join(EVENTS)}")]


async def _check_app_token(web: AsyncWebClient, token: str) -> Finding:
    try:
        await web.apps_connections_open(app_token=token)
    except SlackApiError as error:
        code = _error_code(error)
        return False, f"SLACK_APP_TOKEN is rejected ({code}): it needs connections:write, and Socket Mode switched on"
    except (SlackClientError, OSError, TimeoutError) as error:
        return False, f"Socket Mode cannot be reached: {error}"
    return True, "Socket Mode works"


def _error_code(error: SlackApiError) -> str:
    data = getattr(error.response, "data", None)
    return str(data.get("error")) if isinstance(data, dict) else "no answer"


class MissingEventDetector:
    """Detects an event that the app does not subscribe to.

    A mention in a channel arrives twice, as `app_mention` and as `message`; if one of them never comes, its
    subscription is missing.
    """

    def __init__(self) -> None:
        self._unpaired: OrderedDict[str, str] = OrderedDict()
        """The type of the event that arrived, by channel and timestamp."""
        self._reported: set[str] = set()

    def record(self, event: Payload, *, mention: bool) -> None:
        """Record an event; `mention` tells whether it mentions the bot."""
        channel = str(event.get("channel") or "")
        if not mention or channel[:1] not in MESSAGE_EVENT_BY_CHANNEL_PREFIX or event.get("subtype"):
            return
        key = f"{channel}:{event.get('ts')}"
        if self._unpaired.get(key, event["type"]) != event["type"]:
            del self._unpaired[key]
            return
        self._unpaired[key] = event["type"]
        while len(self._unpaired) > MAX_UNPAIRED:
            key, received = self._unpaired.popitem(last=False)
            missing = MESSAGE_EVENT_BY_CHANNEL_PREFIX[key[0]] if received == "app_mention" else "app_mention"
            if missing not in self._reported:
                self._reported.add(missing)
                log.error(
                    "Slack never sends the event %s: subscribe the app to it (%s), see bots/slack/manifest.yaml",
                    missing,
                    EVENTS[missing.partition(" ")[0]],
                )
