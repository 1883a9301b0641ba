"""Finding elements in blocks and building the payloads of what a person does with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.fakes.platform.errors import ImpossibleActionError
from tests.fakes.slack.models import Json


def _elements(blocks: list[Json]) -> Iterator[tuple[str, Json]]:
    for number, block in enumerate(blocks):
        block_id = block.get("block_id") or f"block-{number}"
        for element in [*(block.get("elements") or []), block.get("accessory"), block.get("element")]:
            if isinstance(element, dict) and element.get("action_id"):
                yield block_id, element


def _find_option(element: Json, value: str) -> Json:
    options: list[Json] = element.get("options") or []
    for option in options:
        if option["value"] == value:
            return option
    values = [option["value"] for option in options]
    raise ImpossibleActionError(f"{element['action_id']} does not offer {value!r}: {values}")


def build_action(blocks: list[Json], action_id: str, value: str | None) -> Json:
    """Return the action of pressing an element; `value` selects an option or one of two feedback buttons.

    Raises:
        ImpossibleActionError: if there is no such element.
    """
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
        elif kind != "button" and value is not None:
            return {**action, **_element_state(element, value)}
    existing = [element["action_id"] for _, element in _elements(blocks)]
    raise ImpossibleActionError(f"there is no element {action_id!r} with value {value!r}; there are: {existing}")


def _element_state(element: Json, value: Any) -> Json:
    kind = element["type"]
    if kind == "plain_text_input":
        return {"type": kind, "value": value}
    if kind == "multi_users_select":
        return {"type": kind, "selected_users": value}
    if kind == "checkboxes":
        return {"type": kind, "selected_options": [_find_option(element, option) for option in value or []]}
    return {"type": kind, "selected_option": _find_option(element, value) if value is not None else None}


def _initial_value(element: Json) -> Any:
    if "initial_option" in element:
        return element["initial_option"]["value"]
    if "initial_options" in element:
        return [option["value"] for option in element["initial_options"]]
    initial = [value for name, value in element.items() if name.startswith("initial_")]
    return initial[0] if initial else None


def build_view_state(blocks: list[Json], values: Json) -> Json:
    """Return `view.state.values` after entering `values` (action id → value); other fields keep their initial value.

    Raises:
        ImpossibleActionError: for a field that does not exist, or an empty required one; Slack's button would not work.
    """
    view_state: Json = {}
    left = dict(values)
    optional = {block.get("block_id"): block.get("optional", False) for block in blocks if block.get("type") == "input"}
    for block_id, element in _elements(blocks):
        if element["type"] == "button":
            continue
        value = left.pop(element["action_id"], _initial_value(element))
        if value in (None, "", []) and optional.get(block_id) is False:
            raise ImpossibleActionError(f"{element['action_id']} must be filled in")
        view_state.setdefault(block_id, {})[element["action_id"]] = _element_state(element, value)
    if left:
        raise ImpossibleActionError(f"there is no field {sorted(left)}")
    return view_state
