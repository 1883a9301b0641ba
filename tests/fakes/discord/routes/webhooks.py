"""Answers to interactions. Their token is in the path: no other is wanted."""

from __future__ import annotations

from typing import Any

from tests.fakes.discord.errors import Refused
from tests.fakes.discord.models import Interaction, Json
from tests.fakes.discord.routes.registry import Context, route

HOOK = "/webhooks/{application}/{token}"
MESSAGE = f"{HOOK}/messages/{{message}}"


def _found(ctx: Context) -> Interaction:
    if ctx.params["application"] != ctx.discord.world.application:
        raise Refused(10015)
    return ctx.discord.interactions.find(ctx.params["token"])


@route("create_interaction_response", "POST", "/interactions/{interaction}/{token}/callback", auth=False)
def create_interaction_response(ctx: Context) -> Any:
    """With `with_response` it tells what it made; else 204."""
    body = ctx.fields
    draft = ctx.draft(body.get("data") or {})
    told = ctx.discord.interactions.callback(ctx.params["interaction"], ctx.params["token"], body, draft)
    return told if ctx.query.get("with_response") in ("1", "true") else None


@route("create_followup", "POST", HOOK, auth=False)
def create_followup(ctx: Context) -> Json:
    return ctx.discord.render.message(ctx.discord.interactions.followup(_found(ctx), ctx.draft()))


@route("get_interaction_message", "GET", MESSAGE, auth=False)
def get_interaction_message(ctx: Context) -> Json:
    return ctx.discord.render.message(ctx.discord.interactions.of(_found(ctx), ctx.params["message"]))


@route("edit_interaction_message", "PATCH", MESSAGE, auth=False)
def edit_interaction_message(ctx: Context) -> Json:
    found = _found(ctx)
    message = ctx.discord.interactions.of(found, ctx.params["message"])
    return ctx.discord.render.message(ctx.discord.interactions.change(found, message, ctx.draft(), ctx.route))


@route("delete_interaction_message", "DELETE", MESSAGE, auth=False, status=204)
def delete_interaction_message(ctx: Context) -> None:
    ctx.discord.writing.delete([ctx.discord.interactions.of(_found(ctx), ctx.params["message"])])
