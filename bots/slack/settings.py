"""`/chat-settings`: the settings and rules of a channel, for its administrators."""

from __future__ import annotations

import json

from pydantic import ValidationError

from bots.common import texts
from bots.slack import formatting
from bots.slack.client import Payload, SlackClient
from bots.slack.formatting import Block
from bots.slack.permissions import Permissions
from chat_service import handlers
from chat_service.contracts import ConfigureRequest, Overrides, SettingName
from chat_service.contracts.channel import ChannelRules, ChannelRulesChange, ChannelViewRequest
from chat_service.ingress import IngressClient
from chat_service.personas import read_personas
from chat_service.settings import Settings

CALLBACK = "chat_settings"
CALL_SECONDS = 2
"""Timeout of one call: Slack waits three seconds for an answer to the command or the modal."""
MAX_MODEL_CHARACTERS = 200
MAX_MENU_OPTIONS = 100
INHERITED_PERSONA = "(the wider setting)"
REPLY_MODES = {
    "threads": "Once mentioned, answer every message in the thread",
    "mentions": "Answer only messages that mention me",
}


class ChatSettings:
    """Opens the modal and applies what a person submits.

    Methods raise `IngressError`, `TimeoutError` when Restate cannot be reached, and the errors of `SlackClient`.
    """

    def __init__(
        self, slack: SlackClient, ingress: IngressClient, permissions: Permissions, settings: Settings
    ) -> None:
        self._slack, self._ingress, self._permissions = slack, ingress, permissions
        self._personas = sorted(read_personas(settings.personas_file))

    async def open(self, person: str, channel: str, trigger_id: str) -> str | None:
        """Open the modal. Return the reason if the person may not change the settings."""
        if not await self._permissions.may_administer(person, channel):
            return texts.NOT_PERMITTED_SLACK
        scope = self._channel_scope(channel)
        rules = await self._read_rules(scope)
        overrides = await self._ingress.call(handlers.CHANNEL_GET_OVERRIDES, scope, None, timeout=CALL_SECONDS)
        # The workspace's off switch is shown to its administrators only.
        is_admin = await self._permissions.is_workspace_admin(person)
        workspace_rules = await self._read_rules(self._workspace_scope) if is_admin else None
        view = _modal(channel, overrides, rules, workspace_rules, self._personas)
        await self._slack(self._slack.web.views_open, trigger_id=trigger_id, view=view)
        return None

    async def submit(self, person: str, view: Payload) -> dict[str, str]:
        """Apply the submitted values. Return the errors by block id; empty if there are none."""
        channel = json.loads(view["private_metadata"])["channel"]
        if not await self._permissions.may_administer(person, channel):
            return {"mode": texts.NOT_PERMITTED_SLACK}
        values = {name: state for block in view["state"]["values"].values() for name, state in block.items()}
        scope = self._channel_scope(channel)
        if errors := await self._configure(scope, values):
            return errors
        off = {option["value"] for option in (values.get("off") or {}).get("selected_options") or []}
        rules = await self._read_rules(scope)
        change = ChannelRulesChange.model_validate(
            {
                "off": "off" in off,
                "reply_mode": _selected_value(values.get("mode")) or "threads",
                "allow": _selected_people(values.get("allow"), rules.allow),
                "block": _selected_people(values.get("block"), rules.block),
            }
        )
        await self._change_rules(scope, change)
        if await self._permissions.is_workspace_admin(person):
            await self._change_rules(self._workspace_scope, ChannelRulesChange(off="off everywhere" in off))
        return {}

    async def _configure(self, scope: str, values: Payload) -> dict[str, str]:
        """Set persona and model. Return the errors by block id."""
        persona = _selected_value(values.get("persona"))
        model = ((values.get("model") or {}).get("value") or "").strip()
        given: dict[SettingName, str | None] = {
            "persona": persona if persona and persona != INHERITED_PERSONA else None,
            "model": model or None,
        }
        try:
            overrides = Overrides.model_validate({name: value for name, value in given.items() if value})
        except ValidationError as invalid:
            return {
                str(error["loc"][0]): f"This value is not valid: {error['msg'].lower()}." for error in invalid.errors()
            }
        request = ConfigureRequest(set=overrides, unset=[name for name, value in given.items() if value is None])
        await self._ingress.call(handlers.CHANNEL_CONFIGURE, scope, request, timeout=CALL_SECONDS)
        return {}

    async def _read_rules(self, scope: str) -> ChannelRules:
        request = ChannelViewRequest()
        return (await self._ingress.call(handlers.CHANNEL_GET, scope, request, timeout=CALL_SECONDS)).rules

    async def _change_rules(self, scope: str, change: ChannelRulesChange) -> None:
        await self._ingress.call(handlers.CHANNEL_SET_RULES, scope, change, timeout=CALL_SECONDS)

    @property
    def _workspace_scope(self) -> str:
        return f"slack:{self._slack.identity.team}"

    def _channel_scope(self, channel: str) -> str:
        return f"{self._workspace_scope}:{channel}"


def _modal(
    channel: str, overrides: Overrides, rules: ChannelRules, workspace_rules: ChannelRules | None, personas: list[str]
) -> Block:
    blocks = [
        _mode_input(rules),
        *([_persona_input(overrides, personas)] if personas else []),
        _model_input(overrides),
        _off_input(rules, workspace_rules),
        _people_input("allow", "Only these people may use me here", rules.allow),
        _people_input("block", "These people may not use me here", rules.block),
    ]
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "title": formatting.plain_text("Chat settings"),
        "submit": formatting.plain_text("Save"),
        "close": formatting.plain_text("Cancel"),
        "private_metadata": json.dumps({"channel": channel}),
        "blocks": blocks,
    }


def _mode_input(rules: ChannelRules) -> Block:
    options = {mode: formatting.option(label, mode) for mode, label in REPLY_MODES.items()}
    element: Block = {
        "type": "radio_buttons",
        "action_id": "mode",
        "options": list(options.values()),
        "initial_option": options[rules.reply_mode or "threads"],
    }
    return _input("mode", "When do I answer?", element)


def _persona_input(overrides: Overrides, personas: list[str]) -> Block:
    options = {persona: formatting.option(persona, persona) for persona in (INHERITED_PERSONA, *personas)}
    element: Block = {
        "type": "static_select",
        "action_id": "persona",
        "options": list(options.values())[:MAX_MENU_OPTIONS],
        "initial_option": options.get(overrides.persona or "", options[INHERITED_PERSONA]),
    }
    return _input("persona", "Persona", element)


def _model_input(overrides: Overrides) -> Block:
    element: Block = {"type": "plain_text_input", "action_id": "model", "max_length": MAX_MODEL_CHARACTERS}
    if overrides.model:
        element["initial_value"] = overrides.model
    return {
        **_input("model", "Model", element, optional=True),
        "hint": formatting.plain_text("Empty: the wider setting"),
    }


def _off_input(rules: ChannelRules, workspace_rules: ChannelRules | None) -> Block:
    options = [(rules.off, formatting.option("Switched off: do not answer here", "off"))]
    if workspace_rules is not None:
        options.append(
            (workspace_rules.off, formatting.option("Switched off in the whole workspace", "off everywhere"))
        )
    element: Block = {"type": "checkboxes", "action_id": "off", "options": [option for _, option in options]}
    if selected := [option for is_off, option in options if is_off]:
        element["initial_options"] = selected
    return _input("off", "Off switch", element, optional=True)


def _people_input(name: str, label: str, selected: list[str]) -> Block:
    element: Block = {"type": "multi_users_select", "action_id": name}
    if people := [id for id in selected if _is_person(id)]:
        element["initial_users"] = people
    return _input(name, label, element, optional=True)


def _input(name: str, label: str, element: Block, *, optional: bool = False) -> Block:
    block: Block = {"type": "input", "block_id": name, "label": formatting.plain_text(label), "element": element}
    return {**block, "optional": True} if optional else block


def _selected_people(state: Payload | None, before: list[str]) -> list[str]:
    """Return the selected people, and the ids from before that the modal cannot show (workspaces, channels)."""
    return [*((state or {}).get("selected_users") or []), *(id for id in before if not _is_person(id))]


def _is_person(id: str) -> bool:
    return id[:1] in ("U", "W")


def _selected_value(state: Payload | None) -> str | None:
    option = (state or {}).get("selected_option") or {}
    value: str | None = option.get("value")
    return value
