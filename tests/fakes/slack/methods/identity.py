"""Who is who: the token, the workspace, people, bots, groups of people, and custom emoji."""

from __future__ import annotations

from tests.fakes.slack import render
from tests.fakes.slack.args import Args
from tests.fakes.slack.errors import Refused
from tests.fakes.slack.models import Json
from tests.fakes.slack.registry import Context, method, page


@method("auth.test")
def auth_test(context: Context, args: Args) -> Json:
    team = context.team
    found: Json = {
        "url": f"https://{team.domain}.slack.com/",
        "team": team.name,
        "user": context.slack.world.users[team.bot_user_id].name,
        "team_id": team.id,
        "user_id": team.bot_user_id,
        "bot_id": team.bot_id,
        "is_enterprise_install": False,
    }
    return {**found, **({"enterprise_id": team.enterprise_id} if team.enterprise_id else {})}


@method("apps.connections.open", "connections:write", token="app")
def connections_open(context: Context, args: Args) -> Json:
    if not context.slack.app.socket_mode:
        raise Refused("forbidden")
    return {"url": context.slack.sockets.url(context.base)}


@method("team.info", "team:read", json=False)
def team_info(context: Context, args: Args) -> Json:
    team = context.team
    if args.text("team") not in (None, team.id):
        raise Refused("team_not_found")
    shown: Json = {"id": team.id, "name": team.name, "domain": team.domain, "email_domain": "", "icon": {}}
    return {"team": {**shown, **({"enterprise_id": team.enterprise_id} if team.enterprise_id else {})}}


@method("users.info", "users:read", json=False)
def users_info(context: Context, args: Args) -> Json:
    [name] = args.need("user")
    user = context.slack.world.users.get(name)
    if user is None:
        raise Refused("user_not_found")
    channels = context.slack.world.channels.values()
    met = any(user.id in one.members and context.team.bot_user_id in one.members for one in channels)
    return {"user": render.user(user, context.team, met=met)}


@method("users.list", "users:read", json=False)
def users_list(context: Context, args: Args) -> Json:
    everyone = [one for one in context.slack.world.users.values() if one.team_id == context.team.id]
    shown, cursor = page([render.user(one, context.team) for one in everyone], args, most=1000, default=1000)
    return {"members": shown, "cache_ts": 0, "response_metadata": {"next_cursor": cursor}}


@method("bots.info", "users:read", json=False)
def bots_info(context: Context, args: Args) -> Json:
    [name] = args.need("bot")
    for user in context.slack.world.users.values():
        if user.bot_id == name:
            bot = {"id": name, "deleted": False, "name": user.real_name, "updated": 0, "app_id": user.app_id}
            return {"bot": {**bot, "user_id": user.id, "icons": {}}}
    raise Refused("bot_not_found")


@method("emoji.list", "emoji:read", json=False)
def emoji_list(context: Context, args: Args) -> Json:
    return {"emoji": dict(context.slack.world.emoji), "cache_ts": "0"}


@method("usergroups.list", "usergroups:read", json=False)
def usergroups_list(context: Context, args: Args) -> Json:
    return {"usergroups": list(context.slack.world.usergroups)}
