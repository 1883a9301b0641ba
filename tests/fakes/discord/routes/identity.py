"""Who the bot is, which application it belongs to, and where the gateway is."""

from __future__ import annotations

from tests.fakes.discord.models import Json
from tests.fakes.discord.routes.registry import Context, route


@route("get_current_user", "GET", "/users/@me")
def get_current_user(ctx: Context) -> Json:
    told = ctx.discord.render.user(ctx.discord.world.users[ctx.bot])
    return {**told, "verified": True, "mfa_enabled": True, "email": None, "flags": 0, "locale": "en-US"}


@route("get_current_user_guilds", "GET", "/users/@me/guilds")
def get_current_user_guilds(ctx: Context) -> list[Json]:
    guilds = [one for one in ctx.discord.world.guilds.values() if ctx.bot in one.members]
    after = int(ctx.query.get("after", "0"))
    found = [one for one in guilds if int(one.id) > after][: ctx.number("limit", 200, 1, 200)]
    return [{**ctx.discord.render.guild(one), "owner": one.owner == ctx.bot, "permissions": "0"} for one in found]


@route("create_dm", "POST", "/users/@me/channels")
def create_dm(ctx: Context) -> Json:
    user = ctx.discord.world.user(str(ctx.fields.get("recipient_id")))
    return ctx.discord.render.channel(ctx.discord.world.direct(user.id))


@route("get_user", "GET", "/users/{user}")
def get_user(ctx: Context) -> Json:
    return ctx.discord.render.user(ctx.discord.world.user(ctx.params["user"]))


@route("get_current_application", "GET", "/oauth2/applications/@me")
@route("get_current_application", "GET", "/applications/@me")
def get_application(ctx: Context) -> Json:
    world, render = ctx.discord.world, ctx.discord.render
    return {
        "id": world.application,
        "name": "Threadwell",
        "icon": None,
        "description": "",
        "summary": "",
        "bot_public": ctx.discord.app.public,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": ctx.discord.application_flags(),
        "owner": render.user(world.users[world.owner]),
        "team": None,
        "bot": render.user(world.users[world.bot]),
        "approximate_guild_count": sum(world.bot in one.members for one in world.guilds.values()),
        "integration_types_config": {"0": {}},
    }


def _url(ctx: Context) -> str:
    return f"{ctx.discord.render.base.replace('http', 'ws', 1)}/gateway"


@route("get_gateway", "GET", "/gateway", auth=False)
def get_gateway(ctx: Context) -> Json:
    return {"url": _url(ctx)}


@route("get_gateway_bot", "GET", "/gateway/bot")
def get_gateway_bot(ctx: Context) -> Json:
    used = len(ctx.discord.gateway.sessions)
    limit = {"total": 1000, "remaining": max(0, 1000 - used), "reset_after": 86_400_000, "max_concurrency": 1}
    return {"url": _url(ctx), "shards": ctx.discord.rules.shards, "session_start_limit": limit}
