"""The doctor's look at a Slack app: tokens, scopes, events.

A bot token cannot ask Slack which events an app subscribes to. What can be told: an event whose scope is missing does
not come; and the running bot notices a mention that came without its `message` event (see `Telltale`).
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Any

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.client import TIMEOUT_SECONDS
from bots.slack.required_scopes import EVENTS, NEEDED_BY, SCOPES
from chat_service.settings import Settings

log = logging.getLogger(__name__)

KINDS = {"C": "message.channels (in private channels message.groups)", "G": "message.groups"}
PATIENCE = 20
"""Later events after which a counterpart that did not come is missed."""


async def check(settings: Settings) -> list[tuple[bool | None, str]]:
    """Findings: whether good (None: for information), and one line each with what to do."""
    if settings.slack_bot_token is None:
        return []
    web = AsyncWebClient(
        token=settings.slack_bot_token.get_secret_value(),
        base_url=settings.slack_api_url,
        timeout=TIMEOUT_SECONDS,
        retry_handlers=[],
    )
    try:
        answer: Any = await web.auth_test()
    except SlackApiError as error:
        return [(False, f"SLACK_BOT_TOKEN is not taken ({_word(error)}): copy it again from 'OAuth & Permissions'")]
    except (SlackClientError, OSError, TimeoutError) as error:
        return [(False, f"{settings.slack_api_url} cannot be reached: {error}")]
    found: list[tuple[bool | None, str]] = [(True, f"@{answer['user']} in the workspace {answer['team']}")]
    found += _scopes(str(answer.headers.get("x-oauth-scopes") or answer.headers.get("X-OAuth-Scopes") or ""))
    if settings.slack_app_token is not None:
        found.append(await _app_token(web, settings.slack_app_token.get_secret_value()))
    return found


def _scopes(granted: str) -> list[tuple[bool | None, str]]:
    have = {one.strip() for one in granted.split(",") if one.strip()}
    if not have:
        return [(None, "Slack does not say which scopes are granted: compare with bots/slack/manifest.yaml")]
    missing = [one for one in SCOPES if one not in have]
    found: list[tuple[bool | None, str]] = [
        (False, f"the scope {one} is missing ({SCOPES[one]}): add it and install the app again") for one in missing
    ]
    found += [
        (False, f"the event {event} cannot come without {scope} ({EVENTS[event]}): subscribe to it when that is there")
        for event, scope in NEEDED_BY.items()
        if scope in missing
    ]
    return found or [(True, f"all {len(SCOPES)} scopes are granted; events wanted: {', '.join(EVENTS)}")]


async def _app_token(web: AsyncWebClient, token: str) -> tuple[bool | None, str]:
    try:
        await web.apps_connections_open(app_token=token)
    except SlackApiError as error:
        return False, f"SLACK_APP_TOKEN is not taken ({_word(error)}): it needs connections:write, and Socket Mode on"
    except (SlackClientError, OSError, TimeoutError) as error:
        return False, f"Socket Mode cannot be reached: {error}"
    return True, "Socket Mode answers"


def _word(error: SlackApiError) -> str:
    data = getattr(error.response, "data", None)
    return str(data.get("error")) if isinstance(data, dict) else "no answer"


class MissingEventDetector:
    """Notices an event that the app does not subscribe to: a mention in a channel comes twice, as `app_mention` and as
    `message`; if one of them keeps away, its subscription is missing."""

    def __init__(self) -> None:
        self._alone: OrderedDict[str, str] = OrderedDict()
        self._told: set[str] = set()

    def saw(self, event: dict[str, Any], *, mention: bool) -> None:
        """An event came; `mention` is whether it names the bot."""
        channel = str(event.get("channel") or "")
        if not mention or channel[:1] not in KINDS or event.get("subtype"):
            return
        where = f"{channel}:{event.get('ts')}"
        if self._alone.get(where, event["type"]) != event["type"]:
            del self._alone[where]
            return
        self._alone[where] = event["type"]
        while len(self._alone) > PATIENCE:
            place, came = self._alone.popitem(last=False)
            missing = KINDS[place[0]] if came == "app_mention" else "app_mention"
            if missing not in self._told:
                self._told.add(missing)
                log.error(
                    "Slack never sends the event %s: subscribe the app to it (%s), see bots/slack/manifest.yaml",
                    missing,
                    EVENTS[missing.partition(" ")[0]],
                )
