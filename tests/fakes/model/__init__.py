"""A server that speaks the Chat Completions protocol and answers with the responses that a test scripts."""

from tests.fakes.model.control import ModelControl
from tests.fakes.model.server import FakeModel

__all__ = ["FakeModel", "ModelControl"]
