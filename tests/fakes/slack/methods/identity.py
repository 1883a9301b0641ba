"""The token, users, and groups of users."""

from __future__ import annotations

from tests.fakes.slack import serializer
from tests.fakes.slack.args import Args
from tests.fakes.slack.errors import ApiError
from tests.fakes.slack.models import Json
from tests.fakes.slack.registry import CallContext, method


@method("auth.test")
def auth_test(context: CallContext, args: Args) -> Json:
    team = context.team
    return {
        "url": f"https://{team.domain}.slack.com/",
        "team": team.name,
        "user": context.slack.state.users[team.bot_user_id].name,
        "team_id": team.id,
        "user_id": team.bot_user_id,
        "bot_id": team.bot_id,
        "is_enterprise_install": False,
    }


@method("apps.connections.open", "connections:write", token="app")
def connections_open(context: CallContext, args: Args) -> Json:
    if not context.slack.app.socket_mode:
        raise ApiError("forbidden")
    return {"url": context.slack.connections.issue_url(context.base_url)}


@method("users.info", "users:read", json=False)
def users_info(context: CallContext, args: Args) -> Json:
    [user_id] = args.required("user")
    user = context.slack.state.users.get(user_id)
    if user is None:
        raise ApiError("user_not_found")
    channels = context.slack.state.channels.values()
    met = any(user.id in channel.members and context.bot_user_id in channel.members for channel in channels)
    return {"user": serializer.user(user, context.team, met=met)}


@method("usergroups.list", "usergroups:read", json=False)
def usergroups_list(context: CallContext, args: Args) -> Json:
    return {"usergroups": []}
