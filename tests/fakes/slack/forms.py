"""Finding what a person presses or fills in among blocks, and saying it as Slack does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.fakes.platform.errors import ImpossibleActionError
from tests.fakes.slack.models import Json

_TEXTS = ("plain_text_input", "number_input", "email_text_input", "url_text_input")
_PICKERS = {
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "multi_users_select": "selected_users",
    "multi_conversations_select": "selected_conversations",
    "multi_channels_select": "selected_channels",
}
_SEVERAL = ("checkboxes", "multi_static_select", "multi_external_select")


def _elements(blocks: list[Json]) -> Iterator[tuple[str, Json]]:
    for number, block in enumerate(blocks):
        name = block.get("block_id") or f"block-{number}"
        inside = [*(block.get("elements") or []), block.get("accessory"), block.get("element")]
        for one in inside:
            if isinstance(one, dict) and one.get("action_id"):
                yield name, one


def _options(element: Json) -> list[Json]:
    groups = element.get("option_groups") or []
    found: list[Json] = element.get("options") or [one for group in groups for one in group["options"]]
    return found


def _option(element: Json, value: str) -> Json:
    for one in _options(element):
        if one["value"] == value:
            return one
    raise ImpossibleActionError(f"{element['action_id']} offers no {value!r}: {[one['value'] for one in _options(element)]}")


def action_of(blocks: list[Json], action_id: str, value: str | None) -> Json:
    """The action of pressing an element. `value` picks an option, or one of two feedback buttons."""
    for block_id, element in _elements(blocks):
        if element["action_id"] != action_id:
            continue
        kind = element["type"]
        action: Json = {"type": kind, "block_id": block_id, "action_id": action_id}
        if kind == "button" and value in (None, element.get("value")):
            return {**action, "text": element["text"], **({"value": element["value"]} if "value" in element else {})}
        if kind == "feedback_buttons":
            for name in ("positive_button", "negative_button"):
                if element[name]["value"] == value:
                    return {**action, "value": value, "text": element[name]["text"]}
        elif kind == "icon_button":
            return {**action, "value": element.get("value")}
        elif kind != "button" and value is not None:
            return {**action, **_state(element, value)}
    there = [one["action_id"] for _, one in _elements(blocks)]
    raise ImpossibleActionError(f"there is nothing to press called {action_id!r} with {value!r}; there is: {there}")


def _state(element: Json, value: Any) -> Json:
    kind = element["type"]
    if kind in _TEXTS:
        return {"type": kind, "value": value}
    if kind in _PICKERS:
        return {"type": kind, _PICKERS[kind]: value}
    if kind in _SEVERAL:
        return {"type": kind, "selected_options": [_option(element, one) for one in value or []]}
    return {"type": kind, "selected_option": _option(element, value) if value is not None else None}


def _initial(element: Json) -> Any:
    """What an element holds before anybody touched it."""
    if "initial_option" in element:
        return element["initial_option"]["value"]
    if "initial_options" in element:
        return [one["value"] for one in element["initial_options"]]
    kept = [value for name, value in element.items() if name.startswith("initial_")]
    return kept[0] if kept else None


def state_of(blocks: list[Json], values: Json) -> Json:
    """`view.state.values` when these are filled in over what was there.

    Raises:
        Impossible: for a field that is not there, or a required one left empty; Slack's button would not work.
    """
    state: Json = {}
    left = dict(values)
    optional = {one.get("block_id"): one.get("optional", False) for one in blocks if one.get("type") == "input"}
    for block_id, element in _elements(blocks):
        if element["type"] in ("button", "overflow"):
            continue
        value = left.pop(element["action_id"], _initial(element))
        if value in (None, "", []) and optional.get(block_id) is False:
            raise ImpossibleActionError(f"{element['action_id']} must be filled in")
        state.setdefault(block_id, {})[element["action_id"]] = _state(element, value)
    if left:
        raise ImpossibleActionError(f"there is no field {sorted(left)}")
    return state
