"""The fake in a process of its own, which no other kill reaches."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from tests.fakes.running import running_fake
from tests.fakes.slack.control import SlackControl


def running_slack() -> AbstractAsyncContextManager[SlackControl]:
    """Start it; the control is connected."""
    return running_fake("tests.fakes.slack", SlackControl, "--quiet")
