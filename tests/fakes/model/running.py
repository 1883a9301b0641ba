"""The fake model as tests start it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from tests.fakes.model.control import ModelControl
from tests.fakes.running import running_fake


def running_model(*options: str) -> AbstractAsyncContextManager[ModelControl]:
    """A model that says what it is told; `options` are those of `python -m tests.fakes.model`."""
    return running_fake("tests.fakes.model", ModelControl, *options)


def model_of_its_own() -> AbstractAsyncContextManager[ModelControl]:
    """For a stack that many tests share: what one of its turns still asks after its test must not meet the script of
    another's."""
    return running_model("--api-key", "test-key")
