"""Start the fake Slack in a process of its own."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from tests.fakes.running import running_fake
from tests.fakes.slack.control import SlackControl


def running_slack() -> AbstractAsyncContextManager[SlackControl]:
    """Run a fake Slack and yield its connected control."""
    return running_fake("tests.fakes.slack", SlackControl, "--quiet")
