"""`/chat-settings`: how the bot behaves in a channel, decided by whoever administers it at that moment."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from bots.common import commands
from bots.slack import formatting
from bots.slack.client import SlackClient
from bots.slack.permissions import Permissions
from chat_service.contracts import ConfigureRequest, Overrides, SettingName
from chat_service.domain.settings import read_personas
from chat_service.ingress import IngressClient
from chat_service.objects.channel_threads import Place, PlaceRequest, Rules, RulesChange
from chat_service.settings import Settings

CALLBACK = "chat_settings"
MAX_MODEL = 200
DEFAULT = "(the wider setting)"
MODES = {
    "threads": "Once mentioned, answer every message in the thread",
    "mentions": "Answer only messages that mention me",
}


class ChatSettings:
    """The modal, and what it changes."""

    def __init__(
        self, slack: SlackClient, ingress: IngressClient, permissions: Permissions, settings: Settings
    ) -> None:
        self._slack, self._ingress, self._permissions = slack, ingress, permissions
        self._personas = sorted(read_personas(settings.personas_file))

    async def open(self, person: str, channel: str, trigger: str) -> str | None:
        """Open the modal; gives the reason when the person may not."""
        if not await self._permissions.may_administer(person, channel):
            return commands.NOT_YOURS
        scope = self._scope(channel)
        place = await self._ingress.call("Channel", scope, "look", PlaceRequest(), Place, timeout=2)
        overrides = await self._ingress.call("Channel", scope, "get_settings", None, Overrides, timeout=2)
        wide = await self._wide(person)
        view = self._view(channel, overrides, place.rules, wide)
        await self._slack(self._slack.web.views_open, trigger_id=trigger, view=view)
        return None

    async def submit(self, person: str, view: dict[str, Any]) -> dict[str, str]:
        """Take the answers over; gives what is wrong with them, by block."""
        channel = json.loads(view["private_metadata"])["channel"]
        if not await self._permissions.may_administer(person, channel):
            return {"mode": commands.NOT_YOURS}
        values = {name: answer for block in view["state"]["values"].values() for name, answer in block.items()}
        persona = _chosen(values.get("persona"))
        model = ((values.get("model") or {}).get("value") or "").strip()
        given: dict[SettingName, str | None] = {
            "persona": persona if persona and persona != DEFAULT else None,
            "model": model or None,
        }
        try:
            chosen = Overrides.model_validate({name: value for name, value in given.items() if value})
        except ValidationError as error:
            return {str(one["loc"][0]): f"This does not work: {one['msg'].lower()}." for one in error.errors()}
        unset = [name for name, value in given.items() if value is None]
        request = ConfigureRequest(set=chosen, unset=unset)
        await self._ingress.call("Channel", self._scope(channel), "configure", request, Overrides, timeout=2)
        off = {one["value"] for one in (values.get("off") or {}).get("selected_options") or []}
        scope = self._scope(channel)
        rules = (await self._ingress.call("Channel", scope, "look", PlaceRequest(), Place, timeout=2)).rules
        change = RulesChange.model_validate(
            {
                "off": "off" in off,
                "reply_mode": _chosen(values.get("mode")) or "threads",
                "allow": _listed(values.get("allow"), rules.allow),
                "block": _listed(values.get("block"), rules.block),
            }
        )
        await self._ingress.call("Channel", self._scope(channel), "rule", change, Rules, timeout=2)
        if await self._permissions.is_workspace_admin(person):
            wide = RulesChange(off="off everywhere" in off)
            await self._ingress.call("Channel", self._space, "rule", wide, Rules, timeout=2)
        return {}

    async def _wide(self, person: str) -> Rules | None:
        """The workspace's rules, for those who decide about them."""
        if not await self._permissions.is_workspace_admin(person):
            return None
        place = await self._ingress.call("Channel", self._space, "look", PlaceRequest(), Place, timeout=2)
        return place.rules

    @property
    def _space(self) -> str:
        return f"slack:{self._slack.identity.team}"

    def _scope(self, channel: str) -> str:
        return f"{self._space}:{channel}"

    def _view(self, channel: str, overrides: Overrides, rules: Rules, wide: Rules | None) -> dict[str, Any]:
        modes = [formatting.option(label, mode) for mode, label in MODES.items()]
        mode = rules.reply_mode or "threads"
        off = [(rules.off, formatting.option("Switched off: do not answer here", "off"))]
        if wide is not None:
            off.append((wide.off, formatting.option("Switched off in the whole workspace", "off everywhere")))
        chosen_off = [one for is_off, one in off if is_off]
        model: dict[str, Any] = {"type": "plain_text_input", "action_id": "model", "max_length": MAX_MODEL}
        if overrides.model:
            model["initial_value"] = overrides.model
        blocks = [
            _input("mode", "When do I answer?", {
                "type": "radio_buttons", "action_id": "mode", "options": modes,
                "initial_option": next(one for one in modes if one["value"] == mode),
            }),
            _input("model", "Model", model, optional=True, hint="Empty: the wider setting"),
            _input("off", "Off switch", {
                "type": "checkboxes", "action_id": "off", "options": [one for _, one in off],
                **({"initial_options": chosen_off} if chosen_off else {}),
            }, optional=True),
            _input("allow", "Only these may use me here", _people("allow", rules.allow), optional=True),
            _input("block", "These may not", _people("block", rules.block), optional=True),
        ]  # fmt: skip
        if self._personas:
            personas = [formatting.option(one, one) for one in (DEFAULT, *self._personas)]
            chosen = next((one for one in personas if one["value"] == overrides.persona), personas[0])
            menu = {
                "type": "static_select",
                "action_id": "persona",
                "options": personas[:100],
                "initial_option": chosen,
            }
            blocks.insert(1, _input("persona", "Persona", menu))
        return {
            "type": "modal",
            "callback_id": CALLBACK,
            "title": formatting.plain("Chat settings"),
            "submit": formatting.plain("Save"),
            "close": formatting.plain("Cancel"),
            "private_metadata": json.dumps({"channel": channel}),
            "blocks": blocks,
        }


def _input(
    name: str, label: str, element: dict[str, Any], *, optional: bool = False, hint: str | None = None
) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "input", "block_id": name, "label": formatting.plain(label), "element": element}
    if hint:
        block["hint"] = formatting.plain(hint)
    return {**block, "optional": True} if optional else block


def _people(name: str, chosen: list[str]) -> dict[str, Any]:
    people = [one for one in chosen if _is_person(one)]
    return {"type": "multi_users_select", "action_id": name, **({"initial_users": people} if people else {})}


def _listed(answer: dict[str, Any] | None, before: list[str]) -> list[str]:
    """The people chosen, and what the modal cannot show (workspaces, channels): who does not see it keeps it."""
    return [*((answer or {}).get("selected_users") or []), *(one for one in before if not _is_person(one))]


def _is_person(id: str) -> bool:
    return id[:1] in ("U", "W")


def _chosen(answer: dict[str, Any] | None) -> str | None:
    option = (answer or {}).get("selected_option") or {}
    value: str | None = option.get("value")
    return value
