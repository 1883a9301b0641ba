"""The fake model as tests start it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from tests.fakes.model.control import ModelControl
from tests.fakes.running import running_fake


def running_model(*options: str, api_key: str = "test-key") -> AbstractAsyncContextManager[ModelControl]:
    """A model that says what it is told; `options` are those of `python -m tests.fakes.model`.

    A stack that many tests share has one of its own: what a turn of it still asks after its test must not meet the
    script of a test of another stack.
    """
    return running_fake("tests.fakes.model", ModelControl, "--api-key", api_key, *options)
