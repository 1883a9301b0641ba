"""What people do that the application answers at once: commands, buttons, menus, modals."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.fakes.discord import permissions
from tests.fakes.discord.models import Channel, Command, Interaction, Json, Message
from tests.fakes.discord.people import People
from tests.fakes.platform.errors import ImpossibleActionError

SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, NUMBER, ATTACHMENT = 1, 2, 3, 4, 5, 6, 7, 8, 10, 11
KINDS = {STRING: str, INTEGER: int, BOOLEAN: bool, NUMBER: (int, float), USER: str, CHANNEL: str, ROLE: str}


class Hands:
    """Each waits until the application has answered, or the person sees that it did not."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._discord = people.discord
        self._world = people.world

    async def command(self, user: str, channel: str, name: str, options: Json) -> Interaction:
        """Run a slash command: `settings persona` with a space reaches a subcommand."""
        where = self._people.seen(user, channel)
        first, *path = name.removeprefix("/").split()
        command = self._command(user, where, first, 1)
        resolved: Json = {}
        data: Json = {"id": command.id, "name": command.name, "type": 1}
        data["options"] = self._options(command.options, path, dict(options), resolved, where)
        if resolved:
            data["resolved"] = resolved
        return await self._use("command", user, where, data)

    async def autocomplete(self, user: str, channel: str, name: str, option: str, value: str) -> Interaction:
        """Type in an option that completes itself."""
        where = self._people.seen(user, channel)
        first, *path = name.removeprefix("/").split()
        command = self._command(user, where, first, 1)
        typed: list[Json] = [{"name": option, "type": STRING, "value": value, "focused": True}]
        for step in reversed(path):
            typed = [{"name": step, "type": SUBCOMMAND, "options": typed}]
        data: Json = {"id": command.id, "name": command.name, "type": 1, "options": typed}
        return await self._use("autocomplete", user, where, data)

    async def context_menu(self, user: str, channel: str, name: str, target: str) -> Interaction:
        """Use a message's context menu (`target` is a message), or a person's."""
        where = self._people.seen(user, channel)
        render = self._discord.render
        if target in self._world.users:
            command = self._command(user, where, name, 2)
            resolved: Json = {"users": {target: render.user(self._world.users[target])}}
        else:
            command = self._command(user, where, name, 3)
            resolved = {"messages": {target: render.message(self._sees(user, where, target))}}
        data: Json = {"id": command.id, "name": name, "type": command.type, "target_id": target, "resolved": resolved}
        return await self._use("command", user, where, data, command_type=command.type)

    async def press(self, user: str, channel: str, message: str, button: str) -> Interaction:
        """Press a button, by its custom id, its label or its emoji."""
        where = self._people.seen(user, channel)
        source = self._sees(user, where, message)
        for one in _inside(source.components):
            if one.get("type") == 2 and button in (one.get("custom_id"), named(one)):
                if one.get("disabled") or one.get("style") == 5:
                    raise ImpossibleActionError(f"{button} does nothing")
                data = {"custom_id": one["custom_id"], "component_type": 2, "id": one["id"]}
                return await self._use("component", user, where, data, source)
        raise ImpossibleActionError(f"there is no button {button} at {message}")

    async def select(self, user: str, channel: str, message: str, custom_id: str, values: list[str]) -> Interaction:
        """Choose from a menu."""
        where = self._people.seen(user, channel)
        source = self._sees(user, where, message)
        for one in _inside(source.components):
            if one.get("type") in (3, 5, 6, 7, 8) and one.get("custom_id") == custom_id:
                offered = [choice["value"] for choice in one.get("options") or []]
                if one.get("disabled") or (one["type"] == 3 and not set(values) <= set(offered)):
                    raise ImpossibleActionError(f"{custom_id} does not offer {values}")
                data = {"custom_id": custom_id, "component_type": one["type"], "values": values, "id": one["id"]}
                return await self._use("component", user, where, data, source)
        raise ImpossibleActionError(f"there is no menu {custom_id} at {message}")

    async def submit(self, user: str, interaction: str, values: Json) -> Interaction:
        """Fill in the modal that an interaction opened; what is not named keeps the text it came with."""
        before = self._world.interactions[interaction]
        if before.modal is None or before.user != user:
            raise ImpossibleActionError(f"{interaction} showed {user} no modal")
        left = dict(values)
        filled = [self._filled(one, left) for one in before.modal["components"]]
        if left:
            raise ImpossibleActionError(f"the modal has no {sorted(left)}")
        data: Json = {"custom_id": before.modal["custom_id"], "components": filled}
        source = self._world.find(before.channel, before.source or "")
        return await self._use("modal", user, self._world.channel(before.channel), data, source)

    # --- how --------------------------------------------------------------------------------------------
    async def _use(
        self,
        kind: str,
        user: str,
        where: Channel,
        data: Json,
        source: Message | None = None,
        command_type: int = 1,
    ) -> Interaction:
        interaction = self._discord.interactions.start(kind, user, where, data, source)
        interaction.metadata["command_type"] = command_type
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._discord.rules.interaction_seconds
        while interaction.callback is None and (left := ends - loop.time()) > 0:
            await self._discord.wait_for_change(self._discord.change_count, left)
        self._discord.interactions.fail(interaction)
        return interaction

    def _command(self, user: str, where: Channel, name: str, kind: int) -> Command:
        world = self._world
        known = [one for one in world.commands.values() if (one.name, one.type) == (name, kind)]
        here = [one for one in known if one.guild in (None, where.guild)]
        if not here:
            raise ImpossibleActionError(f"there is no command {name}")
        command = sorted(here, key=lambda one: one.guild is None)[0]
        context = 0 if where.guild else 1
        if command.contexts is not None and context not in command.contexts:
            raise ImpossibleActionError(f"{name} is not offered here")
        if where.guild is None:
            return command
        if world.bot not in world.guilds[where.guild].members:
            raise ImpossibleActionError("the bot is not in this server")
        if not permissions.may(world, user, where, "use_application_commands"):
            raise ImpossibleActionError(f"{user} may use no commands here")
        needs = int(command.default_member_permissions or 0)
        if permissions.of(world, user, where) & needs != needs:
            raise ImpossibleActionError(f"{name} is not offered to {user}")
        return command

    def _options(self, known: list[Json], path: list[str], given: Json, resolved: Json, where: Channel) -> list[Json]:
        if path:
            step = next((one for one in known if one["name"] == path[0] and one["type"] in (SUBCOMMAND, GROUP)), None)
            if step is None:
                raise ImpossibleActionError(f"there is no subcommand {path[0]}")
            inner = self._options(step.get("options") or [], path[1:], given, resolved, where)
            return [{"name": step["name"], "type": step["type"], "options": inner}]
        if any(one["type"] in (SUBCOMMAND, GROUP) for one in known):
            raise ImpossibleActionError(f"choose one of {[one['name'] for one in known]}")
        told = []
        for option in known:
            if option["name"] not in given:
                if option.get("required"):
                    raise ImpossibleActionError(f"{option['name']} is required")
                continue
            told.append(self._option(option, given.pop(option["name"]), resolved, where))
        if given:
            raise ImpossibleActionError(f"there is no option {sorted(given)}")
        return told

    def _option(self, option: Json, value: Any, resolved: Json, where: Channel) -> Json:
        kind, name = option["type"], option["name"]
        if kind in KINDS and not isinstance(value, KINDS[kind]):  # type: ignore[arg-type]
            raise ImpossibleActionError(f"{name} takes no {value!r}")
        choices = [one["value"] for one in option.get("choices") or []]
        if choices and value not in choices:
            raise ImpossibleActionError(f"{name} offers {choices}")
        if kind == STRING and len(value) > option.get("max_length", 6000):
            raise ImpossibleActionError(f"{name} is too long")
        render, world = self._discord.render, self._world
        if kind == USER:
            resolved.setdefault("users", {})[value] = render.user(world.user(value))
            if where.guild and value in world.guilds[where.guild].members:
                member = render.member(where.guild, world.guilds[where.guild].members[value], user=False)
                member["permissions"] = str(permissions.of(world, value, where))
                resolved.setdefault("members", {})[value] = member
        elif kind == CHANNEL:
            shown = render.channel(world.channel(value))
            shown["permissions"] = str(permissions.of(world, world.bot, world.channel(value)))
            resolved.setdefault("channels", {})[value] = shown
        elif kind == ROLE and where.guild:
            resolved.setdefault("roles", {})[value] = render.role(world.guilds[where.guild].roles[value])
        return {"name": name, "type": kind, "value": value}

    def _filled(self, component: Json, values: Json) -> Json:
        told = {"type": component["type"], "id": component.get("id", 0)}
        if "component" in component:
            return {**told, "component": self._filled(component["component"], values)}
        if "components" in component:
            return {**told, "components": [self._filled(one, values) for one in component["components"]]}
        name = component.get("custom_id")
        if name is None:
            return told
        if component["type"] == 4:
            value = values.pop(name, component.get("value") or "")
            if (component.get("required", True) and not value) or len(value) > (component.get("max_length") or 4000):
                raise ImpossibleActionError(f"{name} takes no {value!r}")
            return {**told, "custom_id": name, "value": value}
        chosen = values.pop(name, [one["value"] for one in component.get("options") or [] if one.get("default")])
        return {**told, "custom_id": name, "values": chosen}

    def _sees(self, user: str, where: Channel, message: str) -> Message:
        found = self._world.find(where.id, message)
        if found is None or found.ephemeral_to not in (None, user):
            raise ImpossibleActionError(f"{user} does not see {message}")
        return found


def named(button: Json) -> str:
    """What a person sees on a button."""
    return button.get("label") or (button.get("emoji") or {}).get("name") or ""


def _inside(given: list[Json]) -> list[Json]:
    """Every component, however deep."""
    found = []
    for one in given:
        more = [one[name] for name in ("component", "accessory") if one.get(name)]
        found += [one, *_inside([*(one.get("components") or []), *more])]
    return found
