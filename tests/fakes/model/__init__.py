"""A server that speaks the Chat Completions protocol and says what a test tells it to."""

from tests.fakes.model.control import ModelControl
from tests.fakes.model.server import FakeModel

__all__ = ["FakeModel", "ModelControl"]
