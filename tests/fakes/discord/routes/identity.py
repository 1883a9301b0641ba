"""The bot's user, its application, other users, and the gateway's address."""

from __future__ import annotations

from tests.fakes.discord.models import Json
from tests.fakes.discord.routes.registry import RequestContext, route


@route("get_current_user", "GET", "/users/@me")
def get_current_user(context: RequestContext) -> Json:
    user = context.serializer.user(context.bot)
    return {**user, "verified": True, "mfa_enabled": True, "email": None, "flags": 0, "locale": "en-US"}


@route("get_current_user_guilds", "GET", "/users/@me/guilds")
def get_current_user_guilds(context: RequestContext) -> list[Json]:
    after, limit = int(context.query.get("after", "0")), context.limit(200, 200)
    guilds = [guild for guild in context.state.guilds.values() if context.bot in guild.members]
    page = [guild for guild in guilds if int(guild.id) > after][:limit]
    return [{**context.serializer.guild(guild), "owner": False, "permissions": "0"} for guild in page]


@route("create_dm", "POST", "/users/@me/channels")
def create_dm(context: RequestContext) -> Json:
    user = context.state.user(str(context.fields.get("recipient_id")))
    return context.serializer.channel(context.state.open_dm(user.id))


@route("get_user", "GET", "/users/{user}")
def get_user(context: RequestContext) -> Json:
    return context.serializer.user(context.state.user(context.params["user"]).id)


@route("get_current_application", "GET", "/oauth2/applications/@me")
@route("get_current_application", "GET", "/applications/@me")
def get_current_application(context: RequestContext) -> Json:
    state, serializer = context.state, context.serializer
    return {
        "id": state.application,
        "name": "Threadwell",
        "icon": None,
        "description": "",
        "summary": "",
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": context.discord.application_flags(),
        "owner": serializer.user(state.owner),
        "team": None,
        "bot": serializer.user(state.bot),
        "approximate_guild_count": sum(state.bot in guild.members for guild in state.guilds.values()),
        "integration_types_config": {"0": {}},
    }


@route("get_gateway_bot", "GET", "/gateway/bot")
def get_gateway_bot(context: RequestContext) -> Json:
    url = f"{context.serializer.base_url.replace('http', 'ws', 1)}/gateway"
    remaining = max(0, 1000 - len(context.discord.gateway.sessions))
    limit = {"total": 1000, "remaining": remaining, "reset_after": 86_400_000, "max_concurrency": 1}
    return {"url": url, "shards": context.discord.rules.shards, "session_start_limit": limit}
