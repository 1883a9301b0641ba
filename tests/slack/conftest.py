"""Fixtures: a workspace in the shared stack, and a workspace in a stack whose processes a test may kill."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.model.running import running_model
from tests.fakes.slack.control import SlackControl
from tests.fakes.slack.running import running_slack
from tests.shared import SharedStack
from tests.slack.stack import SlackBot, SlackStack, Workspace, create_clean_workspace, running_slack_stack


@pytest.fixture(scope="session")
def shared_slack(shared: SharedStack) -> SlackStack:
    """The stack that tests share if they kill and reconfigure nothing."""
    bot = SlackBot(stack=shared.stack, slack=shared.slack, whole=True, output=shared.process.output)
    return SlackStack(shared.stack, bot, Path(), shared.slack)


@pytest.fixture
async def workspace(shared_slack: SlackStack) -> Workspace:
    """A new workspace in the shared stack."""
    return await create_clean_workspace(shared_slack)


@pytest.fixture(scope="package")
async def own_slack_session(engine_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SlackStack]:
    """The stack of `own_slack`."""
    data = tmp_path_factory.mktemp("own_slack")
    async with running_model() as model, running_slack_stack(engine_binary, data, model, whole=False) as stack:
        await stack.slack.set_rules(retry_delays=[0.0, 1.0, 3.0])
        yield stack


@pytest.fixture
async def own_slack(own_slack_session: SlackStack) -> SlackStack:
    """A stack whose bot, chat service and engine are processes of their own. A test may kill each of them; what it has
    killed is started again before the next test."""
    await own_slack_session.restore()
    return own_slack_session


@pytest.fixture(scope="package")
async def own_slack_up_session(
    engine_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SlackStack]:
    """The stack of `own_slack_up`."""
    data = tmp_path_factory.mktemp("own_slack_up")
    personas = data / "personas.toml"
    personas.write_text('[pirate]\nprompt = "Talk like a pirate."\n[poet]\nprompt = "Talk in verse."\n')
    env = {"PERSONAS_FILE": str(personas)}
    async with running_model() as model, running_slack_stack(engine_binary, data, model, env=env) as stack:
        yield stack


@pytest.fixture
async def own_slack_up(own_slack_up_session: SlackStack) -> SlackStack:
    """A stack with personas, in which `threadwell up` is one process, so that previews work. A test may kill it, and
    may advance Slack's clock."""
    await own_slack_up_session.restore()
    return own_slack_up_session


@pytest.fixture
async def fake_slack() -> AsyncIterator[SlackControl]:
    """A fake Slack without a bot."""
    async with running_slack() as control:
        yield control
