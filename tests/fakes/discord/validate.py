"""What Discord's forms take: text, embeds, components, commands."""

from __future__ import annotations

import re
from typing import Any

from tests.fakes.discord.errors import Refused, invalid, required, too_long
from tests.fakes.discord.models import COMPONENTS_V2, Json

EMBED = {"title": 256, "description": 4096}
SLASH_NAME = re.compile(r"^[-_'\w]{1,32}$")
BUTTON, SELECTS, TEXT_INPUT, ROW, LABEL, TEXT_DISPLAY = 2, (3, 5, 6, 7, 8), 4, 1, 18, 10


def content(text: str | None, most: int) -> None:
    """Refuse a text that is too long. Discord counts characters, not bytes."""
    if text is not None and len(text) > most:
        raise too_long("content", most)


def nonce(value: Any) -> None:
    """Refuse a nonce of more than 25 characters."""
    if value is not None and len(str(value)) > 25:
        raise invalid("nonce", "NONCE_TYPE_TOO_LONG", "Nonce must be 25 or fewer in length.")


def embeds(given: list[Json]) -> None:
    """Refuse embeds that are too many or too long: 10, and 6,000 characters in all."""
    if len(given) > 10:
        raise too_long("embeds", 10)
    total = 0
    for number, one in enumerate(given):
        place = f"embeds.{number}"
        texts: list[tuple[str, str, int]] = [(name, one.get(name) or "", most) for name, most in EMBED.items()]
        texts.append(("footer.text", (one.get("footer") or {}).get("text") or "", 2048))
        texts.append(("author.name", (one.get("author") or {}).get("name") or "", 256))
        fields = one.get("fields") or []
        if len(fields) > 25:
            raise too_long(f"{place}.fields", 25)
        for index, field in enumerate(fields):
            for name, most in (("name", 256), ("value", 1024)):
                if not field.get(name):
                    raise required(f"{place}.fields.{index}.{name}")
                texts.append((f"fields.{index}.{name}", field[name], most))
        for name, text, most in texts:
            if len(text) > most:
                raise too_long(f"{place}.{name}", most)
            total += len(text)
    if total > 6000:
        raise invalid("embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")


def components(given: list[Json], flags: int) -> None:
    """Refuse rows that do not fit: five rows of five buttons or one menu, each with an id of its own.

    The newer components (`COMPONENTS_V2`) may be nested and hold 4,000 characters of text in all.
    """
    seen: set[str] = set()
    if flags & COMPONENTS_V2:
        inside = list(_walk(given))
        if len(inside) > 40:
            raise invalid("components", "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", "Too many components: at most 40.")
        if sum(len(one.get("content") or "") for one in inside if one.get("type") == TEXT_DISPLAY) > 4000:
            raise too_long("components", 4000)
        for one in inside:
            _interactive(one, "components", seen)
        return
    if len(given) > 5:
        raise too_long("components", 5)
    for number, row in enumerate(given):
        place = f"components.{number}"
        if row.get("type") != ROW:
            raise invalid(f"{place}.type", "UNION_TYPE_CHOICES", 'Value of field "type" must be one of (1,).')
        inner = row.get("components") or []
        width = sum(5 if one.get("type") in SELECTS else 1 for one in inner)
        if not inner or width > 5:
            raise invalid(place, "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "The specified component exceeds the maximum width")
        for index, one in enumerate(inner):
            _interactive(one, f"{place}.components.{index}", seen)


def modal(given: Json) -> None:
    """Refuse a modal without a title, an id or fields."""
    for name, most in (("title", 45), ("custom_id", 100)):
        if not given.get(name):
            raise required(f"data.{name}")
        if len(given[name]) > most:
            raise too_long(f"data.{name}", most)
    fields = given.get("components") or []
    if not 1 <= len(fields) <= 5:
        raise invalid("data.components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    seen: set[str] = set()
    for one in _walk(fields):
        _interactive(one, "data.components", seen)


def _walk(given: list[Json]) -> Any:
    for one in given:
        yield one
        more = [one[name] for name in ("component", "accessory") if one.get(name)]
        yield from _walk([*(one.get("components") or []), *more])


def _interactive(one: Json, place: str, seen: set[str]) -> None:
    kind, custom = one.get("type"), one.get("custom_id")
    if kind == BUTTON:
        if not one.get("label") and not one.get("emoji"):
            raise invalid(place, "BUTTON_COMPONENT_INVALID", "A button must have a label or an emoji")
        if len(one.get("label") or "") > 80:
            raise too_long(f"{place}.label", 80)
        if one.get("style") == 5:
            if custom or not one.get("url"):
                raise invalid(place, "BUTTON_COMPONENT_INVALID", "A link button has a url and no custom_id")
            return
    elif kind not in (*SELECTS, TEXT_INPUT):
        return
    if not custom:
        raise required(f"{place}.custom_id")
    if len(custom) > 100:
        raise too_long(f"{place}.custom_id", 100)
    if custom in seen:
        why = "Component custom id cannot be duplicated"
        raise invalid(f"{place}.custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", why)
    seen.add(custom)
    if kind == 3 and not 1 <= len(one.get("options") or []) <= 25:
        raise invalid(f"{place}.options", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 25 in length.")


def commands(given: Any) -> None:
    """Refuse commands that are too many, doubled, or badly named."""
    if not isinstance(given, list):
        raise Refused(50035)
    names: set[tuple[int, str]] = set()
    for number, one in enumerate(given):
        kind, name = one.get("type", 1), one.get("name") or ""
        command(one, str(number))
        if (kind, name) in names:
            why = "Application command names must be unique"
            raise invalid(str(number), "APPLICATION_COMMANDS_DUPLICATE_NAME", why)
        names.add((kind, name))
    for kind, most in ((1, 100), (2, 15), (3, 15)):
        if sum(one == kind for one, _ in names) > most:
            raise Refused(30032, status=400, message=f"Maximum number of application commands reached ({most}).")


def command(one: Json, place: str) -> None:
    """Refuse one command, option or subcommand that is badly named."""
    kind, name, told = one.get("type", 1), str(one.get("name") or ""), one.get("description") or ""
    if kind in (2, 3) and "options" not in one and not told:
        if not 1 <= len(name) <= 32:
            raise invalid(f"{place}.name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 32 in length.")
        return
    if not SLASH_NAME.match(name) or name != name.lower():
        raise invalid(f"{place}.name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    if not 1 <= len(told) <= 100:
        raise invalid(f"{place}.description", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    options = one.get("options") or []
    if len(options) > 25:
        raise too_long(f"{place}.options", 25)
    optional = False
    for index, option in enumerate(options):
        if option.get("required") and optional:
            why = "Required options must be placed before non-required options"
            raise invalid(f"{place}.options.{index}", "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", why)
        optional = optional or not option.get("required", False)
        command({**option, "type": 1}, f"{place}.options.{index}")
        if len(option.get("choices") or []) > 25:
            raise too_long(f"{place}.options.{index}.choices", 25)
