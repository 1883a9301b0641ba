"""The Web API methods, one module per family. Importing this package registers them."""

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
