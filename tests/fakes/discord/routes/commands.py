"""Application commands, everywhere or in one server."""

from __future__ import annotations

from tests.fakes.discord import validate
from tests.fakes.discord.errors import Refused
from tests.fakes.discord.models import Command, Json
from tests.fakes.discord.routes.registry import Context, route

EVERYWHERE = "/applications/{application}/commands"
IN_GUILD = "/applications/{application}/guilds/{guild}/commands"


def _guild(ctx: Context) -> str | None:
    if ctx.params["application"] != ctx.discord.world.application:
        raise Refused(50001)
    return ctx.guild().id if "guild" in ctx.params else None


def _found(ctx: Context) -> list[Command]:
    guild = _guild(ctx)
    return [one for one in ctx.discord.world.commands.values() if one.guild == guild]


def _command(ctx: Context) -> Command:
    found = next((one for one in _found(ctx) if one.id == ctx.params["command"]), None)
    if found is None:
        raise Refused(10063)
    return found


def _made(ctx: Context, given: Json, guild: str | None) -> Command:
    """A command with the id it had before, if one of its name and type was there."""
    kind, world = int(given.get("type") or 1), ctx.discord.world
    same = [one for one in world.commands.values() if (one.guild, one.type, one.name) == (guild, kind, given["name"])]
    command = Command(
        id=same[0].id if same else world.clock.snowflake(),
        version=world.clock.snowflake(),
        name=given["name"],
        type=kind,
        description=given.get("description") or "",
        guild=guild,
        options=given.get("options") or [],
        default_member_permissions=given.get("default_member_permissions"),
        contexts=given.get("contexts"),
        given=given,
    )
    world.commands[command.id] = command
    return command


def bulk_overwrite(ctx: Context) -> list[Json]:
    guild = _guild(ctx)
    validate.commands(ctx.body)
    before = {one.id for one in _found(ctx)}
    made = [_made(ctx, one, guild) for one in ctx.body]
    for gone in before - {one.id for one in made}:
        del ctx.discord.world.commands[gone]
    return [ctx.discord.render.command(one) for one in made]


def create(ctx: Context) -> Json:
    guild = _guild(ctx)
    validate.commands([ctx.body])
    return ctx.discord.render.command(_made(ctx, ctx.fields, guild))


def listed(ctx: Context) -> list[Json]:
    return [ctx.discord.render.command(one) for one in _found(ctx)]


def get(ctx: Context) -> Json:
    return ctx.discord.render.command(_command(ctx))


def edit(ctx: Context) -> Json:
    before = _command(ctx)
    given = {**before.given, **ctx.fields}
    validate.commands([given])
    del ctx.discord.world.commands[before.id]
    made = _made(ctx, given, before.guild)
    del ctx.discord.world.commands[made.id]
    made.id = before.id
    ctx.discord.world.commands[made.id] = made
    return ctx.discord.render.command(made)


def delete(ctx: Context) -> None:
    del ctx.discord.world.commands[_command(ctx).id]


for where, path in (("global", EVERYWHERE), ("guild", IN_GUILD)):
    route(f"bulk_overwrite_{where}_commands", "PUT", path)(bulk_overwrite)
    route(f"create_{where}_command", "POST", path, status=201)(create)
    route(f"get_{where}_commands", "GET", path)(listed)
    route(f"get_{where}_command", "GET", f"{path}/{{command}}")(get)
    route(f"edit_{where}_command", "PATCH", f"{path}/{{command}}")(edit)
    route(f"delete_{where}_command", "DELETE", f"{path}/{{command}}", status=204)(delete)
