"""The REST routes, by what they are about."""

from tests.fakes.discord.routes import channels, commands, guilds, identity, messages, reactions, threads, webhooks
from tests.fakes.discord.routes.registry import ROUTES, Context, Route

RESOURCES = (identity, guilds, channels, messages, threads, reactions, commands, webhooks)
"""Importing a resource registers its routes."""

__all__ = ["RESOURCES", "ROUTES", "Context", "Route"]
