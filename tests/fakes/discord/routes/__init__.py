"""The REST routes, one module per resource."""

from tests.fakes.discord.routes import channels, commands, guilds, identity, messages, reactions, threads, webhooks
from tests.fakes.discord.routes.registry import ROUTES, RequestContext, Route

RESOURCES = (identity, guilds, channels, messages, threads, reactions, commands, webhooks)
"""Importing a module registers its routes."""

__all__ = ["RESOURCES", "ROUTES", "RequestContext", "Route"]
