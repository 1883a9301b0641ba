"""Actions of users that the application must answer at once: commands, autocompletion, buttons."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.fakes.discord import permissions
from tests.fakes.discord.interactions import InteractionKind
from tests.fakes.discord.models import Channel, Command, Interaction, Json, Message
from tests.fakes.discord.user_actions import UserActions
from tests.fakes.platform.errors import ImpossibleActionError

STRING, INTEGER, BOOLEAN = 3, 4, 5
OPTION_TYPES: dict[int, type] = {STRING: str, INTEGER: int, BOOLEAN: bool}
CHAT_INPUT, MESSAGE_MENU = 1, 3
"""Types of commands."""


class UserInteractions:
    """Each method returns when the application has responded, or when the user sees that it did not.

    Raises:
        ImpossibleActionError: Discord's client would not let the user do it.
    """

    def __init__(self, actions: UserActions) -> None:
        self._actions = actions
        self._discord = actions.discord
        self._state = actions.discord.state

    async def run_command(self, user: str, channel: str, name: str, options: Json) -> Interaction:
        """Run a slash command."""
        where = self._actions.visible_channel(user, channel)
        command = self._find_command(user, where, name.removeprefix("/"), CHAT_INPUT)
        values = dict(options)
        for option in command.options:
            if option.get("required") and option["name"] not in values:
                raise ImpossibleActionError(f"{option['name']} is required")
        filled = [
            _fill_option(option, values.pop(option["name"])) for option in command.options if option["name"] in values
        ]
        if values:
            raise ImpossibleActionError(f"there is no option {sorted(values)}")
        return await self._start("command", user, where, {**_command_data(command), "options": filled})

    async def autocomplete(self, user: str, channel: str, name: str, option: str, value: str) -> Interaction:
        """Type a value for an option with autocompletion."""
        where = self._actions.visible_channel(user, channel)
        command = self._find_command(user, where, name.removeprefix("/"), CHAT_INPUT)
        typed = {"name": option, "type": STRING, "value": value, "focused": True}
        return await self._start("autocomplete", user, where, {**_command_data(command), "options": [typed]})

    async def use_context_menu(self, user: str, channel: str, name: str, target: str) -> Interaction:
        """Use a command in a message's context menu."""
        where = self._actions.visible_channel(user, channel)
        command = self._find_command(user, where, name, MESSAGE_MENU)
        message = self._discord.serializer.message(self._visible_message(user, where, target))
        data = {**_command_data(command), "target_id": target, "resolved": {"messages": {target: message}}}
        return await self._start("command", user, where, data, command_type=MESSAGE_MENU)

    async def click(self, user: str, channel: str, message: str, button: str) -> Interaction:
        """Click a button, by its custom id, label or emoji."""
        where = self._actions.visible_channel(user, channel)
        source = self._visible_message(user, where, message)
        for candidate in source.buttons():
            if button in (candidate.get("custom_id"), button_text(candidate)):
                if candidate.get("disabled"):
                    raise ImpossibleActionError(f"the button {button} is disabled")
                data = {"custom_id": candidate["custom_id"], "component_type": 2, "id": candidate["id"]}
                return await self._start("component", user, where, data, source)
        raise ImpossibleActionError(f"the message {message} has no button {button}")

    async def _start(
        self,
        kind: InteractionKind,
        user: str,
        channel: Channel,
        data: Json,
        source: Message | None = None,
        command_type: int = CHAT_INPUT,
    ) -> Interaction:
        interactions = self._discord.interactions
        interaction = interactions.start(kind, user, channel, data, source, command_type)
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._discord.rules.interaction_seconds
        while interaction.callback is None and (left := ends - loop.time()) > 0:
            await self._discord.wait_for_change(self._discord.change_count, left)
        interactions.fail_if_unanswered(interaction)
        return interaction

    def _find_command(self, user: str, channel: Channel, name: str, type: int) -> Command:
        state = self._state
        commands = state.commands.values()
        command = next((found for found in commands if (found.name, found.type) == (name, type)), None)
        if command is None:
            raise ImpossibleActionError(f"there is no command {name}")
        if command.contexts is not None and (0 if channel.guild else 1) not in command.contexts:
            raise ImpossibleActionError(f"{name} is not available in this kind of channel")
        if channel.guild is None:
            return command
        if state.bot not in state.guilds[channel.guild].members:
            raise ImpossibleActionError("the bot is not in this server")
        if not permissions.has(state, user, channel, "use_application_commands"):
            raise ImpossibleActionError(f"{user} may not use commands here")
        needed = int(command.default_member_permissions or 0)
        if permissions.in_channel(state, user, channel) & needed != needed:
            raise ImpossibleActionError(f"{name} is not available to {user}")
        return command

    def _visible_message(self, user: str, channel: Channel, id: str) -> Message:
        message = self._state.find_message(channel.id, id)
        if message is None or message.ephemeral_to not in (None, user):
            raise ImpossibleActionError(f"{user} does not see the message {id}")
        return message


def button_text(button: Json) -> str:
    """Return the text or emoji that a user sees on a button."""
    return button.get("label") or (button.get("emoji") or {}).get("name") or ""


def _command_data(command: Command) -> Json:
    return {"id": command.id, "name": command.name, "type": command.type}


def _fill_option(option: Json, value: Any) -> Json:
    type, name = option["type"], option["name"]
    if not isinstance(value, OPTION_TYPES[type]):
        raise ImpossibleActionError(f"{name} does not accept {value!r}")
    choices = [choice["value"] for choice in option.get("choices") or []]
    if choices and value not in choices:
        raise ImpossibleActionError(f"{name} offers {choices}")
    if isinstance(value, str) and len(value) > option.get("max_length", 6000):
        raise ImpossibleActionError(f"{name} is too long")
    return {"name": name, "type": type, "value": value}
