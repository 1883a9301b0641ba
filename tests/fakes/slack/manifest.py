"""Reading an app manifest as Slack's "create app from manifest" does."""

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


def read_manifest(manifest: Json, before: AppConfig) -> AppConfig:
    """Return the app that a manifest describes, with the previous tokens and signing secret.

    Raises:
        ImpossibleActionError: with all errors that Slack would report.
    """
    features, settings = manifest.get("features") or {}, manifest.get("settings") or {}
    scopes = list(((manifest.get("oauth_config") or {}).get("scopes") or {}).get("bot") or [])
    subscriptions = settings.get("event_subscriptions") or {}
    events = list(subscriptions.get("bot_events") or [])
    commands = list(features.get("slash_commands") or [])
    shortcuts = list(features.get("shortcuts") or [])
    errors = [*_check_names(manifest, features), *_find_unknown(scopes, events)]
    for event in events:
        if SCOPES.get(event) not in (None, *scopes):
            errors.append(f"event {event} needs scope {SCOPES[event]}")
    socket = bool(settings.get("socket_mode_enabled"))
    errors += _check_commands(commands, scopes, socket=socket)
    errors += _check_shortcuts(shortcuts)
    errors += _check_agent(features, scopes)
    interactive = bool((settings.get("interactivity") or {}).get("is_enabled"))
    if shortcuts and not interactive:
        errors.append("shortcuts need settings.interactivity.is_enabled")
    if not socket and events and not subscriptions.get("request_url"):
        errors.append("without Socket Mode event_subscriptions needs a request_url")
    if errors:
        raise ImpossibleActionError("; ".join(errors))
    changes: dict[str, Any] = {
        "scopes": [*scopes, "connections:write"],
        "events": events,
        "commands": [command["command"] for command in commands],
        "shortcuts": [shortcut["callback_id"] for shortcut in shortcuts],
        "interactivity": interactive,
        "socket_mode": socket,
        "agent": "agent_view" in features,
    }
    return before.model_copy(update=changes)


def _check_commands(commands: list[Json], scopes: list[str], *, socket: bool) -> list[str]:
    errors = ["slash commands need scope commands"] if commands and "commands" not in scopes else []
    for command in commands:
        if not str(command.get("command", "")).startswith("/") or not command.get("description"):
            errors.append(f"a command needs a name with a slash and a description: {command}")
        if not socket and not command.get("url"):
            errors.append(f"without Socket Mode {command.get('command')} needs a url")
    return errors


def _check_shortcuts(shortcuts: list[Json]) -> list[str]:
    errors = []
    for shortcut in shortcuts:
        if shortcut.get("type") not in ("message", "global") or not all(map(shortcut.get, ("callback_id", "name"))):
            errors.append(f"a shortcut needs a type, a name and a callback_id: {shortcut}")
        if len(str(shortcut.get("name"))) > 24:
            errors.append(f"a shortcut's name has 24 characters at most: {shortcut['name']!r}")
    return errors


def _check_names(manifest: Json, features: Json) -> list[str]:
    name = (manifest.get("display_information") or {}).get("name")
    errors = []
    if not isinstance(name, str) or not 1 <= len(name) <= 35:
        errors.append("display_information.name: 1 to 35 characters")
    if not (features.get("bot_user") or {}).get("display_name"):
        errors.append("features.bot_user.display_name is missing")
    return errors


def _find_unknown(scopes: list[str], events: list[str]) -> list[str]:
    errors = [f"unknown scope {scope}" for scope in scopes if scope not in KNOWN_SCOPES]
    return errors + [f"unknown event {event}" for event in events if event not in KNOWN_EVENTS]


def _check_agent(features: Json, scopes: list[str]) -> list[str]:
    view = features.get("agent_view")
    if view is None:
        return []
    errors = []
    if "assistant_view" in features:
        errors.append("agent_view and assistant_view exclude each other")
    if "assistant:write" not in scopes:
        errors.append("agent_view needs scope assistant:write")
    if not view.get("agent_description"):
        errors.append("agent_view.agent_description is missing")
    prompts = view.get("suggested_prompts") or []
    if len(prompts) > 4 or not all(prompt.get("title") and prompt.get("message") for prompt in prompts):
        errors.append("agent_view.suggested_prompts: four at most, each with a title and a message")
    if not (features.get("app_home") or {}).get("messages_tab_enabled"):
        errors.append("agent_view needs app_home.messages_tab_enabled")
    return errors
