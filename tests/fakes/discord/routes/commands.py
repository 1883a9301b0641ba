"""Global application commands."""

from __future__ import annotations

from tests.fakes.discord import validation
from tests.fakes.discord.errors import ApiError
from tests.fakes.discord.models import Command, Json
from tests.fakes.discord.routes.registry import RequestContext, route

PATH = "/applications/{application}/commands"


@route("bulk_overwrite_global_commands", "PUT", PATH)
def bulk_overwrite_global_commands(context: RequestContext) -> list[Json]:
    """Replace all commands. A command whose name and type existed before keeps its id."""
    _check_application(context)
    validation.check_commands(context.body)
    state = context.state
    ids = {(command.type, command.name): command.id for command in state.commands.values()}
    state.commands.clear()
    for definition in context.body:
        key = (int(definition.get("type") or 1), definition["name"])
        command = Command(
            id=ids.get(key) or state.clock.snowflake(),
            version=state.clock.snowflake(),
            name=definition["name"],
            type=key[0],
            description=definition.get("description") or "",
            options=definition.get("options") or [],
            default_member_permissions=definition.get("default_member_permissions"),
            contexts=definition.get("contexts"),
            definition=definition,
        )
        state.commands[command.id] = command
    return [context.serializer.command(command) for command in state.commands.values()]


@route("get_global_commands", "GET", PATH)
def get_global_commands(context: RequestContext) -> list[Json]:
    _check_application(context)
    return [context.serializer.command(command) for command in context.state.commands.values()]


def _check_application(context: RequestContext) -> None:
    if context.params["application"] != context.state.application:
        raise ApiError(50001)
