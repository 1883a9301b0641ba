"""Responses to interactions. The token in the path replaces the bot's token."""

from __future__ import annotations

from typing import Any

from tests.fakes.discord.errors import ApiError
from tests.fakes.discord.models import Interaction, Json
from tests.fakes.discord.routes.registry import RequestContext, route

WEBHOOK = "/webhooks/{application}/{token}"


@route("create_interaction_response", "POST", "/interactions/{interaction}/{token}/callback", auth=False)
def create_interaction_response(context: RequestContext) -> Any:
    """Create the first response, and return it if the query has `with_response`."""
    body, params = context.fields, context.params
    payload = context.payload(body.get("data") or {})
    result = context.discord.interactions.respond(params["interaction"], params["token"], body, payload)
    return result if context.query.get("with_response") in ("1", "true") else None


@route("create_followup", "POST", WEBHOOK, auth=False)
def create_followup(context: RequestContext) -> Json:
    interaction = _interaction(context)
    return context.serializer.message(context.discord.interactions.follow_up(interaction, context.payload()))


@route("edit_original_response", "PATCH", f"{WEBHOOK}/messages/@original", auth=False)
def edit_original_response(context: RequestContext) -> Json:
    interactions, interaction = context.discord.interactions, _interaction(context)
    message = interactions.original_response(interaction)
    return context.serializer.message(interactions.edit(interaction, message, context.payload(), context.route))


def _interaction(context: RequestContext) -> Interaction:
    if context.params["application"] != context.state.application:
        raise ApiError(10015)
    return context.discord.interactions.find(context.params["token"])
