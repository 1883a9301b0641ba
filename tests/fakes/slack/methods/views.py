"""Modals and the home tab."""

from __future__ import annotations

import uuid

from tests.fakes.slack import render
from tests.fakes.slack.args import Args
from tests.fakes.slack.blocks import check_view
from tests.fakes.slack.errors import Refused, invalid
from tests.fakes.slack.models import Json, View
from tests.fakes.slack.registry import Context, method


def _shown(context: Context, view: View) -> Json:
    return {"view": render.view(view, context.slack.app.app_id, context.team.bot_id)}


def _modal(args: Args) -> Json:
    view = check_view(args.json("view"))
    if view["type"] != "modal":
        raise invalid("invalid_arguments", "view type must be modal")
    return view


@method("views.open")
def opening(context: Context, args: Args) -> Json:
    [trigger] = args.need("trigger_id")
    view = _modal(args)
    user = context.slack.triggers.use(trigger)
    return _shown(context, context.slack.world.add_view(context.team.id, user, view))


@method("views.push")
def push(context: Context, args: Args) -> Json:
    [trigger] = args.need("trigger_id")
    view = _modal(args)
    user = context.slack.triggers.use(trigger)
    stack = [one for one in context.slack.world.views.values() if one.user == user and one.open]
    if not stack:
        raise Refused("not_found")
    if len(stack) >= 3:
        raise Refused("push_limit_reached")
    top = stack[-1]
    made = context.slack.world.add_view(context.team.id, user, view, root_id=top.root_id, previous_id=top.id)
    return _shown(context, made)


@method("views.update")
def update(context: Context, args: Args) -> Json:
    wanted, external = args.text("view_id"), args.text("external_id")
    for view in context.slack.world.views.values():
        named = view.id == wanted or (external and view.view.get("external_id") == external)
        if named and view.open:
            break
    else:
        raise Refused("not_found")
    if args.text("hash") not in (None, view.hash):
        raise Refused("hash_conflict")
    view.view, view.hash = _modal(args), uuid.uuid4().hex[:16]
    return _shown(context, view)


@method("views.publish")
def publish(context: Context, args: Args) -> Json:
    [user] = args.need("user_id")
    if user not in context.slack.world.users:
        raise Refused("user_not_found")
    view = check_view(args.json("view"))
    if view["type"] != "home":
        raise invalid("invalid_arguments", "view type must be home")
    before = context.slack.world.homes.get(user)
    if before is not None and args.text("hash") not in (None, before.hash):
        raise Refused("hash_conflict")
    made = context.slack.world.add_view(context.team.id, user, view)
    context.slack.world.homes[user] = made
    return _shown(context, made)
