"""Start the fake model in a process of its own."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from tests.fakes.model.control import ModelControl
from tests.fakes.running import running_fake


def running_model(*options: str, api_key: str = "test-key") -> AbstractAsyncContextManager[ModelControl]:
    """Run a fake model; `options` are those of `python -m tests.fakes.model`.

    Each shared stack needs a fake model of its own: a late request of one test must not consume the script of a test
    that runs on another stack.
    """
    return running_fake("tests.fakes.model", ModelControl, "--api-key", api_key, *options)
