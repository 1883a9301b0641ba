"""Modals and the home tab."""

from __future__ import annotations

from tests.fakes.slack import serializer
from tests.fakes.slack.args import Args
from tests.fakes.slack.blocks import check_view
from tests.fakes.slack.errors import ApiError
from tests.fakes.slack.models import Json
from tests.fakes.slack.registry import CallContext, method


@method("views.open")
def open_view(context: CallContext, args: Args) -> Json:
    [trigger_id] = args.required("trigger_id")
    content = check_view(args.json("view"), "modal")
    view = context.slack.state.add_view(context.team.id, context.slack.trigger_ids.use(trigger_id), content)
    return {"view": serializer.view(view, context.slack.app.app_id, context.team.bot_id)}


@method("views.publish")
def publish_view(context: CallContext, args: Args) -> Json:
    [user] = args.required("user_id")
    if user not in context.slack.state.users:
        raise ApiError("user_not_found")
    view = context.slack.state.add_view(context.team.id, user, check_view(args.json("view"), "home"))
    context.slack.state.home_views[user] = view
    return {"view": serializer.view(view, context.slack.app.app_id, context.team.bot_id)}
