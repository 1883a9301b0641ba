"""What Slack takes as blocks and as views, and what it says when it does not.

Lengths are those of the Block Kit reference. A shape that is not listed is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.fakes.slack.errors import Refused, invalid
from tests.fakes.slack.models import Json

MAX_TEXT = 40_000
MAX_UPDATE_TEXT = 4_000
MAX_MARKDOWN = 12_000
MAX_BLOCKS = 50
MAX_VIEW_BLOCKS = 100


class _Wrong(Exception):
    """One complaint about one block."""


def _need(holds: Any, complaint: str) -> None:
    if not holds:
        raise _Wrong(complaint)


def _text(node: Any, most: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn"), least: int = 1) -> None:
    _need(isinstance(node, dict), "must provide a text object")
    _need(node.get("type") in kinds, f"text type {node.get('type')!r} is none of {kinds}")
    _need(isinstance(node.get("text"), str), "text must be a string")
    _need(len(node["text"]) >= least, "must be more than 0 characters")
    _need(len(node["text"]) <= most, f"must be less than {most + 1} characters")
    allowed = {"type", "text", "emoji"} if node["type"] == "plain_text" else {"type", "text", "verbatim"}
    _need(set(node) <= allowed, f"invalid additional property: {sorted(set(node) - allowed)}")


def _plain(node: Any, most: int) -> None:
    _text(node, most, ("plain_text",))


def _option(node: Any) -> None:
    _need(isinstance(node, dict), "an option must be an object")
    _text(node.get("text"), 75)
    _need(isinstance(node.get("value"), str) and 1 <= len(node["value"]) <= 150, "option value: 1 to 150 characters")


def _options(node: Json) -> None:
    groups = node.get("option_groups") or []
    options = node.get("options") or [one for group in groups for one in group.get("options", [])]
    _need(1 <= len(options) <= 100 * max(1, len(groups)), "must have 1 to 100 options")
    for one in options:
        _option(one)
    _need(len({one["value"] for one in options}) == len(options), "option values must be unique")


def _button(node: Json) -> None:
    _plain(node.get("text"), 75)
    _need(len(node.get("value", "")) <= 2000, "button value must be less than 2001 characters")
    _need(len(node.get("url", "")) <= 3000, "button url must be less than 3001 characters")
    _need(node.get("style", "primary") in ("primary", "danger"), "button style must be primary or danger")


def _feedback(node: Json) -> None:
    for name in ("positive_button", "negative_button"):
        button = node.get(name)
        _need(isinstance(button, dict), f"missing required field: {name}")
        assert isinstance(button, dict)
        _plain(button.get("text"), 75)
        _need(isinstance(button.get("value"), str) and len(button["value"]) <= 2000, f"{name} needs a value")


def _icon_button(node: Json) -> None:
    _need(node.get("icon") == "trash", "icon must be trash")
    _plain(node.get("text"), 75)


def _image(node: Json) -> None:
    _need(node.get("image_url") or node.get("slack_file"), "must provide image_url or slack_file")
    _need(isinstance(node.get("alt_text"), str) and node["alt_text"], "missing required field: alt_text")


def _nothing(_: Json) -> None:
    return


ELEMENTS: dict[str, Callable[[Json], None]] = {
    "button": _button,
    "feedback_buttons": _feedback,
    "icon_button": _icon_button,
    "image": _image,
    "overflow": _options,
    "static_select": _options,
    "multi_static_select": _options,
    "radio_buttons": _options,
    "checkboxes": _options,
    **dict.fromkeys(
        [
            *(
                "plain_text_input",
                "number_input",
                "email_text_input",
                "url_text_input",
                "rich_text_input",
                "file_input",
            ),
            *("datepicker", "timepicker", "datetimepicker", "external_select", "multi_external_select"),
            *("users_select", "multi_users_select", "conversations_select", "multi_conversations_select"),
            *("channels_select", "multi_channels_select", "workflow_button"),
        ],
        _nothing,
    ),
}


def _element(node: Any, allowed: tuple[str, ...] | None = None, *, unsaid: tuple[str, ...] = ("image",)) -> None:
    _need(isinstance(node, dict) and node.get("type") in ELEMENTS, f"unsupported element: {str(node)[:80]}")
    _need(allowed is None or node["type"] in allowed, f"element {node['type']} is not allowed here")
    if node["type"] not in unsaid:
        action = node.get("action_id", "made-up")
        _need(isinstance(action, str) and 1 <= len(action) <= 255, "action_id: 1 to 255 characters")
    ELEMENTS[node["type"]](node)


def _elements(block: Json, least: int, most: int) -> list[Json]:
    elements = block.get("elements")
    _need(isinstance(elements, list), "missing required field: elements")
    assert isinstance(elements, list)
    _need(least <= len(elements) <= most, f"must have {least} to {most} elements")
    return elements


def _section(block: Json) -> None:
    _need(block.get("text") or block.get("fields"), "must provide text or fields")
    if block.get("text"):
        _text(block["text"], 3000)
    _need(len(block.get("fields") or []) <= 10, "no more than 10 fields")
    for field in block.get("fields") or []:
        _text(field, 2000)
    if block.get("accessory"):
        _element(block["accessory"])


def _actions(block: Json) -> None:
    for one in _elements(block, 1, 25):
        _element(one)


def _context_actions(block: Json) -> None:
    for one in _elements(block, 1, 5):
        _element(one, ("feedback_buttons", "icon_button"))


def _context(block: Json) -> None:
    for one in _elements(block, 1, 10):
        if isinstance(one, dict) and one.get("type") == "image":
            _image(one)
        else:
            _text(one, 2000)


def _input(block: Json) -> None:
    _plain(block.get("label"), 2000)
    _element(block.get("element"))
    _need(len((block.get("hint") or {}).get("text", "")) <= 2000, "hint must be less than 2001 characters")


def _markdown(block: Json) -> None:
    _need(isinstance(block.get("text"), str) and block["text"], "missing required field: text")


def _rich_text(block: Json) -> None:
    kinds = ("rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote")
    for one in _elements(block, 0, 1000):
        _need(isinstance(one, dict) and one.get("type") in kinds, "unsupported rich text element")


def _table(block: Json) -> None:
    rows = block.get("rows")
    _need(isinstance(rows, list) and 1 <= len(rows) <= 100, "must have 1 to 100 rows")
    for row in rows or []:
        _need(isinstance(row, list) and 1 <= len(row) <= 20, "must have 1 to 20 cells a row")


def _header(block: Json) -> None:
    _plain(block.get("text"), 150)


BLOCKS: dict[str, Callable[[Json], None]] = {
    "section": _section,
    "divider": _nothing,
    "header": _header,
    "context": _context,
    "actions": _actions,
    "context_actions": _context_actions,
    "input": _input,
    "image": _image,
    "markdown": _markdown,
    "rich_text": _rich_text,
    "table": _table,
    "file": _nothing,
    "video": _nothing,
    "task_card": _nothing,
    "plan": _nothing,
}


def _complaints(blocks: list[Any], most: int) -> list[str]:
    if len(blocks) > most:
        return [f"no more than {most} items allowed [json-pointer:/blocks]"]
    found, block_ids, action_ids = [], set(), set()
    for number, block in enumerate(blocks):
        try:
            _need(isinstance(block, dict), "must be an object")
            _need(block.get("type") in BLOCKS, f"unsupported type: {block.get('type')}")
            name = block.get("block_id")
            if name is not None:
                _need(isinstance(name, str) and 1 <= len(name) <= 255, "block_id: 1 to 255 characters")
                _need(name not in block_ids, f"block_id {name} already exists")
                block_ids.add(name)
            BLOCKS[block["type"]](block)
            for one in block.get("elements") or []:
                action = one.get("action_id") if isinstance(one, dict) else None
                if action is not None:
                    _need((number, action) not in action_ids, f"action_id {action} already exists")
                    action_ids.add((number, action))
        except _Wrong as wrong:
            found.append(f"{wrong} [json-pointer:/blocks/{number}]")
    return found


def check_blocks(blocks: Any) -> list[Json]:
    """Blocks as Slack takes them.

    Raises:
        Refused: `invalid_blocks_format`, `invalid_blocks`, or `msg_too_long` above 12,000 characters of Markdown.
    """
    if not isinstance(blocks, list):
        raise Refused("invalid_blocks_format")
    complaints = _complaints(blocks, MAX_BLOCKS)
    if complaints:
        raise invalid("invalid_blocks", *complaints)
    if sum(len(one["text"]) for one in blocks if one["type"] == "markdown") > MAX_MARKDOWN:
        raise Refused("msg_too_long")
    return blocks


def check_view(view: Any) -> Json:
    """A view as Slack takes it.

    Raises:
        Refused: `invalid_arguments`, or `view_too_large` above 250 KB.
    """
    if not isinstance(view, dict):
        raise invalid("invalid_arguments", "view is no object [json-pointer:/view]")
    complaints = []
    if view.get("type") not in ("modal", "home"):
        complaints.append("view type must be modal or home [json-pointer:/view/type]")
    if not isinstance(view.get("blocks"), list):
        complaints.append("missing required field: blocks [json-pointer:/view]")
    else:
        complaints += _complaints(view["blocks"], MAX_VIEW_BLOCKS)
    if view.get("type") == "modal":
        for name, needed in (("title", True), ("submit", _has_input(view)), ("close", False)):
            if needed or view.get(name) is not None:
                try:
                    _plain(view.get(name), 24)
                except _Wrong as wrong:
                    complaints.append(f"{name}: {wrong} [json-pointer:/view/{name}]")
    if len(view.get("private_metadata") or "") > 3000:
        complaints.append("private_metadata must be less than 3001 characters")
    if len(view.get("callback_id") or "") > 255:
        complaints.append("callback_id must be less than 256 characters")
    if complaints:
        raise invalid("invalid_arguments", *complaints)
    if len(json.dumps(view)) > 250_000:
        raise Refused("view_too_large")
    return view


def _has_input(view: Json) -> bool:
    return any(isinstance(one, dict) and one.get("type") == "input" for one in view.get("blocks") or [])
