"""Check messages and commands as Discord's forms do."""

from __future__ import annotations

import re
from typing import Any

from tests.fakes.discord import mentions, permissions
from tests.fakes.discord.errors import ApiError, invalid, required, too_long
from tests.fakes.discord.message_payload import MessagePayload
from tests.fakes.discord.models import DM, FORUMS, Channel, Json
from tests.fakes.discord.state import DiscordState

MAX_CONTENT = 2000
EMBED_LIMITS = {"title": 256, "description": 4096}
MAX_EMBED_TEXT = 6000
CHAT_INPUT_NAME = re.compile(r"^[-_'\w]{1,32}$")
ROW, BUTTON = 1, 2
"""Types of components."""


def check_payload(payload: MessagePayload) -> None:
    """Check the fields of a message.

    Raises:
        ApiError: 50035, a field is too long or invalid.
    """
    if len(payload.content) > MAX_CONTENT:  # Discord counts characters, not bytes
        raise too_long("content", MAX_CONTENT)
    if payload.nonce is not None and len(payload.nonce) > 25:
        raise invalid("nonce", "NONCE_TYPE_TOO_LONG", "Nonce must be 25 or fewer in length.")
    _check_embeds(payload.embeds)
    _check_components(payload.components)
    mentions.check_allowed_mentions(payload.allowed_mentions)


def check_not_empty(content: str, embeds: list[Json], files: int) -> None:
    """Check that a message has text, embeds or files; buttons alone are not enough.

    Raises:
        ApiError: 50006.
    """
    if not content.strip() and not embeds and not files:
        raise ApiError(50006)


def check_may_send(state: DiscordState, author: str, channel: Channel, payload: MessagePayload) -> None:
    """Check that a user may send a message to a channel.

    Raises:
        ApiError: 50001, 50008, 50013, 50083, 160002 or 160005.
    """
    if channel.type in FORUMS:
        raise ApiError(50008)
    if channel.type == DM:
        return
    thread = channel.thread
    permissions.require(state, author, channel, "send_messages_in_threads" if thread else "send_messages")
    if thread is not None and thread.locked and not permissions.has(state, author, channel, "manage_threads"):
        raise ApiError(50083 if thread.archived else 160005)
    if payload.uploads:
        permissions.require(state, author, channel, "attach_files")
    if payload.embeds:
        permissions.require(state, author, channel, "embed_links")
    is_reply = payload.reference is not None and payload.reference.get("type", 0) == 0
    if is_reply and not permissions.has(state, author, channel, "read_message_history"):
        raise ApiError(160002)


def _check_embeds(embeds: list[Json]) -> None:
    if len(embeds) > 10:
        raise too_long("embeds", 10)
    for number, embed in enumerate(embeds):
        for name, limit in EMBED_LIMITS.items():
            if len(embed.get(name) or "") > limit:
                raise too_long(f"embeds.{number}.{name}", limit)
    if sum(len(embed.get(name) or "") for embed in embeds for name in EMBED_LIMITS) > MAX_EMBED_TEXT:
        raise invalid("embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")


def _check_components(rows: list[Json]) -> None:
    """At most five rows of at most five buttons, each with a custom id of its own."""
    if len(rows) > 5:
        raise too_long("components", 5)
    custom_ids: set[str] = set()
    for number, row in enumerate(rows):
        path = f"components.{number}"
        if row.get("type") != ROW:
            raise invalid(f"{path}.type", "UNION_TYPE_CHOICES", 'Value of field "type" must be one of (1,).')
        buttons = row.get("components") or []
        if not 1 <= len(buttons) <= 5:
            raise invalid(path, "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "The specified component exceeds the maximum width")
        for index, button in enumerate(buttons):
            _check_button(button, f"{path}.components.{index}", custom_ids)


def _check_button(button: Json, path: str, custom_ids: set[str]) -> None:
    label, custom_id = button.get("label") or "", button.get("custom_id")
    if button.get("type") != BUTTON:
        raise invalid(f"{path}.type", "UNION_TYPE_CHOICES", "This fake supports buttons only.")
    if not label and not button.get("emoji"):
        raise invalid(path, "BUTTON_COMPONENT_INVALID", "A button must have a label or an emoji")
    if len(label) > 80:
        raise too_long(f"{path}.label", 80)
    if not custom_id:
        raise required(f"{path}.custom_id")
    if len(custom_id) > 100:
        raise too_long(f"{path}.custom_id", 100)
    if custom_id in custom_ids:
        message = "Component custom id cannot be duplicated"
        raise invalid(f"{path}.custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", message)
    custom_ids.add(custom_id)


def check_commands(commands: Any) -> None:
    """Check application commands: their number, names and descriptions.

    Raises:
        ApiError: 50035 or 30032.
    """
    if not isinstance(commands, list):
        raise ApiError(50035)
    names: set[tuple[int, str]] = set()
    for number, command in enumerate(commands):
        type, name = command.get("type", 1), command.get("name") or ""
        if type == 1:
            _check_command(command, str(number))
        elif not 1 <= len(name) <= 32:
            raise invalid(f"{number}.name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 32 in length.")
        if (type, name) in names:
            message = "Application command names must be unique"
            raise invalid(str(number), "APPLICATION_COMMANDS_DUPLICATE_NAME", message)
        names.add((type, name))
    for type, limit in ((1, 100), (2, 15), (3, 15)):
        if sum(found == type for found, _ in names) > limit:
            raise ApiError(30032, message=f"Maximum number of application commands reached ({limit}).")


def _check_command(command: Json, path: str) -> None:
    """Check a slash command or one of its options."""
    name, description = str(command.get("name") or ""), command.get("description") or ""
    if not CHAT_INPUT_NAME.match(name) or name != name.lower():
        raise invalid(f"{path}.name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    if not 1 <= len(description) <= 100:
        raise invalid(f"{path}.description", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    options = command.get("options") or []
    if len(options) > 25:
        raise too_long(f"{path}.options", 25)
    if len(command.get("choices") or []) > 25:
        raise too_long(f"{path}.choices", 25)
    required_flags = [bool(option.get("required")) for option in options]
    if required_flags != sorted(required_flags, reverse=True):
        message = "Required options must be placed before non-required options"
        raise invalid(f"{path}.options", "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", message)
    for index, option in enumerate(options):
        _check_command(option, f"{path}.options.{index}")
