"""Validation of blocks and views, with the lengths of the Block Kit reference. An unlisted shape is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.fakes.slack.errors import ApiError, argument_error
from tests.fakes.slack.models import Json

MAX_TEXT = 40_000
MAX_UPDATE_TEXT = 4_000
MAX_MARKDOWN = 12_000
MAX_BLOCKS = 50
MAX_VIEW_BLOCKS = 100


class _BlockError(Exception):
    """Raised for an invalid block, with the reason."""


def _require(condition: Any, reason: str) -> None:
    if not condition:
        raise _BlockError(reason)


def _check_text(node: Any, limit: int, types: tuple[str, ...] = ("plain_text", "mrkdwn")) -> None:
    _require(isinstance(node, dict), "must provide a text object")
    _require(node.get("type") in types, f"text type {node.get('type')!r} is not one of {types}")
    _require(isinstance(node.get("text"), str), "text must be a string")
    _require(node["text"], "must be more than 0 characters")
    _require(len(node["text"]) <= limit, f"must be less than {limit + 1} characters")
    allowed = {"type", "text", "emoji"} if node["type"] == "plain_text" else {"type", "text", "verbatim"}
    _require(set(node) <= allowed, f"invalid additional property: {sorted(set(node) - allowed)}")


def _check_plain_text(node: Any, limit: int) -> None:
    _check_text(node, limit, ("plain_text",))


def _check_options(element: Json) -> None:
    options = element.get("options") or []
    _require(1 <= len(options) <= 100, "must have 1 to 100 options")
    for option in options:
        _require(isinstance(option, dict), "an option must be an object")
        _check_text(option.get("text"), 75)
        value = option.get("value")
        _require(isinstance(value, str) and 1 <= len(value) <= 150, "option value: 1 to 150 characters")
    _require(len({option["value"] for option in options}) == len(options), "option values must be unique")


def _check_button(element: Json) -> None:
    _check_plain_text(element.get("text"), 75)
    _require(len(element.get("value", "")) <= 2000, "button value must be less than 2001 characters")
    _require(element.get("style", "primary") in ("primary", "danger"), "button style must be primary or danger")


def _check_feedback_buttons(element: Json) -> None:
    for name in ("positive_button", "negative_button"):
        button = element.get(name)
        _require(isinstance(button, dict), f"missing required field: {name}")
        assert isinstance(button, dict)
        _check_plain_text(button.get("text"), 75)
        _require(isinstance(button.get("value"), str) and len(button["value"]) <= 2000, f"{name} needs a value")


def _accept(_: Json) -> None:
    return


ELEMENTS: dict[str, Callable[[Json], None]] = {
    "button": _check_button,
    "feedback_buttons": _check_feedback_buttons,
    "static_select": _check_options,
    "radio_buttons": _check_options,
    "checkboxes": _check_options,
    "plain_text_input": _accept,
    "multi_users_select": _accept,
}


def _check_element(element: Any, allowed: tuple[str, ...] | None = None) -> None:
    is_known = isinstance(element, dict) and element.get("type") in ELEMENTS
    _require(is_known, f"unsupported element: {str(element)[:80]}")
    _require(allowed is None or element["type"] in allowed, f"element {element['type']} is not allowed here")
    action_id = element.get("action_id", "generated")
    _require(isinstance(action_id, str) and 1 <= len(action_id) <= 255, "action_id: 1 to 255 characters")
    ELEMENTS[element["type"]](element)


def _elements(block: Json, limit: int) -> list[Json]:
    elements = block.get("elements")
    _require(isinstance(elements, list), "missing required field: elements")
    assert isinstance(elements, list)
    _require(1 <= len(elements) <= limit, f"must have 1 to {limit} elements")
    return elements


def _check_section(block: Json) -> None:
    _check_text(block.get("text"), 3000)
    if block.get("accessory"):
        _check_element(block["accessory"])


def _check_header(block: Json) -> None:
    _check_plain_text(block.get("text"), 150)


def _check_context(block: Json) -> None:
    for element in _elements(block, 10):
        _check_text(element, 2000)


def _check_actions(block: Json) -> None:
    for element in _elements(block, 25):
        _check_element(element)


def _check_context_actions(block: Json) -> None:
    for element in _elements(block, 5):
        _check_element(element, ("feedback_buttons",))


def _check_input(block: Json) -> None:
    _check_plain_text(block.get("label"), 2000)
    _check_element(block.get("element"))
    _require(len((block.get("hint") or {}).get("text", "")) <= 2000, "hint must be less than 2001 characters")


def _check_markdown(block: Json) -> None:
    _require(isinstance(block.get("text"), str) and block["text"], "missing required field: text")


BLOCKS: dict[str, Callable[[Json], None]] = {
    "section": _check_section,
    "divider": _accept,
    "header": _check_header,
    "context": _check_context,
    "actions": _check_actions,
    "context_actions": _check_context_actions,
    "input": _check_input,
    "markdown": _check_markdown,
}


def _find_errors(blocks: list[Any], limit: int) -> list[str]:
    if len(blocks) > limit:
        return [f"no more than {limit} items allowed [json-pointer:/blocks]"]
    errors, block_ids = [], set[str]()
    for number, block in enumerate(blocks):
        try:
            _require(isinstance(block, dict), "must be an object")
            _require(block.get("type") in BLOCKS, f"unsupported type: {block.get('type')}")
            block_id = block.get("block_id")
            if block_id is not None:
                _require(isinstance(block_id, str) and 1 <= len(block_id) <= 255, "block_id: 1 to 255 characters")
                _require(block_id not in block_ids, f"block_id {block_id} already exists")
                block_ids.add(block_id)
            BLOCKS[block["type"]](block)
            action_ids = [element["action_id"] for element in block.get("elements") or [] if "action_id" in element]
            _require(len(set(action_ids)) == len(action_ids), f"an action_id exists twice: {action_ids}")
        except _BlockError as error:
            errors.append(f"{error} [json-pointer:/blocks/{number}]")
    return errors


def check_blocks(blocks: Any) -> list[Json]:
    """Return the blocks if Slack accepts them.

    Raises:
        ApiError: `invalid_blocks_format`, `invalid_blocks`, or `msg_too_long` above 12,000 characters of Markdown.
    """
    if not isinstance(blocks, list):
        raise ApiError("invalid_blocks_format")
    errors = _find_errors(blocks, MAX_BLOCKS)
    if errors:
        raise argument_error("invalid_blocks", *errors)
    if sum(len(block["text"]) for block in blocks if block["type"] == "markdown") > MAX_MARKDOWN:
        raise ApiError("msg_too_long")
    return blocks


def check_view(view: Any, view_type: str) -> Json:
    """Return the view if Slack accepts it as a view of this type (`modal` or `home`).

    Raises:
        ApiError: `invalid_arguments`, or `view_too_large` above 250 KB.
    """
    if not isinstance(view, dict):
        raise argument_error("invalid_arguments", "view is not an object [json-pointer:/view]")
    errors = []
    if view.get("type") != view_type:
        errors.append(f"view type must be {view_type} [json-pointer:/view/type]")
    if not isinstance(view.get("blocks"), list):
        errors.append("missing required field: blocks [json-pointer:/view]")
    else:
        errors += _find_errors(view["blocks"], MAX_VIEW_BLOCKS)
    if view_type == "modal":
        for name, is_required in (("title", True), ("submit", _has_input(view)), ("close", False)):
            if is_required or view.get(name) is not None:
                try:
                    _check_plain_text(view.get(name), 24)
                except _BlockError as error:
                    errors.append(f"{name}: {error} [json-pointer:/view/{name}]")
    if len(view.get("private_metadata") or "") > 3000:
        errors.append("private_metadata must be less than 3001 characters")
    if len(view.get("callback_id") or "") > 255:
        errors.append("callback_id must be less than 256 characters")
    if errors:
        raise argument_error("invalid_arguments", *errors)
    if len(json.dumps(view)) > 250_000:
        raise ApiError("view_too_large")
    return view


def _has_input(view: Json) -> bool:
    return any(isinstance(block, dict) and block.get("type") == "input" for block in view.get("blocks") or [])
