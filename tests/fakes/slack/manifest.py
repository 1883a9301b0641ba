"""An app manifest, as "create app from manifest" reads it: what it grants is all the app has."""

from __future__ import annotations

from typing import Any

from tests.fakes.platform.errors import ImpossibleActionError
from tests.fakes.slack.events import SCOPES
from tests.fakes.slack.models import AppConfig, Json
from tests.fakes.slack.slack import ALL_EVENTS, ALL_SCOPES

KNOWN_EVENTS = {*ALL_EVENTS, *SCOPES, "message.app_home", "team_join", "channel_deleted", "channel_rename"}
KNOWN_SCOPES = {*ALL_SCOPES, "chat:write.public", "chat:write.customize", "channels:join", "links:read"} - {
    "connections:write"
}


def configured(manifest: Json, before: AppConfig) -> AppConfig:
    """The app a manifest describes, with the tokens and the secret it had.

    Raises:
        Impossible: with everything that Slack would mark in red.
    """
    features, settings = manifest.get("features") or {}, manifest.get("settings") or {}
    scopes = list(((manifest.get("oauth_config") or {}).get("scopes") or {}).get("bot") or [])
    subscriptions = settings.get("event_subscriptions") or {}
    events = list(subscriptions.get("bot_events") or [])
    commands = list(features.get("slash_commands") or [])
    shortcuts = list(features.get("shortcuts") or [])
    wrong = [*_names(manifest, features), *_unknown(scopes, events)]
    for event in events:
        if SCOPES.get(event) not in (None, *scopes):
            wrong.append(f"event {event} needs scope {SCOPES[event]}")
    if commands and "commands" not in scopes:
        wrong.append("slash commands need scope commands")
    socket = bool(settings.get("socket_mode_enabled"))
    for one in commands:
        if not str(one.get("command", "")).startswith("/") or not one.get("description"):
            wrong.append(f"a command needs a name with a slash and a description: {one}")
        if not socket and not one.get("url"):
            wrong.append(f"without Socket Mode {one.get('command')} needs a url")
    for one in shortcuts:
        if one.get("type") not in ("message", "global") or not one.get("callback_id") or not one.get("name"):
            wrong.append(f"a shortcut needs a type, a name and a callback_id: {one}")
        if len(str(one.get("name"))) > 24:
            wrong.append(f"a shortcut's name has 24 characters at most: {one['name']!r}")
    wrong += _agent(features, scopes)
    interactive = bool((settings.get("interactivity") or {}).get("is_enabled"))
    if shortcuts and not interactive:
        wrong.append("shortcuts need settings.interactivity.is_enabled")
    if not socket and events and not subscriptions.get("request_url"):
        wrong.append("without Socket Mode event_subscriptions needs a request_url")
    if wrong:
        raise ImpossibleActionError("; ".join(wrong))
    changes: dict[str, Any] = {
        "scopes": [*scopes, "connections:write"],
        "events": events,
        "commands": [one["command"] for one in commands],
        "shortcuts": [one["callback_id"] for one in shortcuts],
        "interactivity": interactive,
        "socket_mode": socket,
        "agent": "agent_view" in features,
    }
    return before.model_copy(update=changes)


def _names(manifest: Json, features: Json) -> list[str]:
    name = (manifest.get("display_information") or {}).get("name")
    wrong = []
    if not isinstance(name, str) or not 1 <= len(name) <= 35:
        wrong.append("display_information.name: 1 to 35 characters")
    if not (features.get("bot_user") or {}).get("display_name"):
        wrong.append("features.bot_user.display_name is missing")
    return wrong


def _unknown(scopes: list[str], events: list[str]) -> list[str]:
    wrong = [f"unknown scope {one}" for one in scopes if one not in KNOWN_SCOPES]
    return wrong + [f"unknown event {one}" for one in events if one not in KNOWN_EVENTS]


def _agent(features: Json, scopes: list[str]) -> list[str]:
    view = features.get("agent_view")
    if view is None:
        return []
    wrong = []
    if "assistant_view" in features:
        wrong.append("agent_view and assistant_view exclude each other")
    if "assistant:write" not in scopes:
        wrong.append("agent_view needs scope assistant:write")
    if not view.get("agent_description"):
        wrong.append("agent_view.agent_description is missing")
    prompts = view.get("suggested_prompts") or []
    if len(prompts) > 4 or not all(one.get("title") and one.get("message") for one in prompts):
        wrong.append("agent_view.suggested_prompts: four at most, each with a title and a message")
    if not (features.get("app_home") or {}).get("messages_tab_enabled"):
        wrong.append("agent_view needs app_home.messages_tab_enabled")
    return wrong
