"""The Web API, a module for each family of methods; importing this registers them all."""

from tests.fakes.slack.methods import (  # noqa: F401
    agents,
    chat,
    conversations,
    files,
    identity,
    reactions,
    streams,
    views,
)
from tests.fakes.slack.registry import METHODS

__all__ = ["METHODS"]
