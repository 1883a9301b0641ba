"""The gateway: its sessions, which outlive their connections, and the connections."""

from tests.fakes.discord.gateway.sessions import Gateway

__all__ = ["Gateway"]
