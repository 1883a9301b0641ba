"""The tests of conversations run on a chat service without bots; those marked `replayed` in always-replay mode."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.model.running import running_model
from tests.processes import LOCAL_LOG, Stack, running_stack

IN_BOTH_MODES = ("test_stop", "test_queue")


async def running_conversation_stack(
    binary: Path, folders: pytest.TempPathFactory, *, replay: bool
) -> AsyncIterator[Stack]:
    """Run a chat service without bots: replies to keys of Slack and Discord wait for a bot."""
    folder = folders.mktemp("replay" if replay else "conversation")
    async with (
        running_model() as model,
        running_stack(binary, folder, model, replay=replay, engine_env=LOCAL_LOG) as running,
    ):
        yield running


@pytest.fixture(scope="package")
async def normal(engine_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async for running in running_conversation_stack(engine_binary, tmp_path_factory, replay=False):
        yield running


@pytest.fixture(scope="package")
async def replaying(engine_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """The same, but every handler suspends at each await and is replayed."""
    async for running in running_conversation_stack(engine_binary, tmp_path_factory, replay=True):
        yield running


@pytest.fixture(scope="module")
async def module_normal(engine_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async for running in running_conversation_stack(engine_binary, tmp_path_factory, replay=False):
        yield running


@pytest.fixture(scope="module")
async def module_replaying(engine_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async for running in running_conversation_stack(engine_binary, tmp_path_factory, replay=True):
        yield running


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest) -> Stack:
    """The stack of all conversation tests, or the replaying one.

    A module marked `searches_engine` has stacks of its own, because a query of Restate's tables reads everything in it.
    """
    prefix = "module_" if request.node.get_closest_marker("searches_engine") else ""
    found: Stack = request.getfixturevalue(prefix + getattr(request, "param", "normal"))
    return found


# The tests marked `replayed` reach every handler and each of its branches with an await. The same handlers run without
# replay in the other tests and in those of the platforms. Those of stops and of the queue run in both modes, because a
# signal reaches a suspended handler in another way.
# - message: notes, repeats in Chat and Transcript, retries, failures, cut-off replies (test_messages, test_models,
#   test_model_stream_end); summaries and titles (test_summaries, test_directory); switched off (test_settings)
# - queue: add, take, withdraw, edit, redact, restarted turns (test_queue, test_edits_and_feedback)
# - stop and stop all, with the queue and at the bare ingress (test_stop)
# - regenerate, continue_reply, choose_version, replaced questions (test_versions)
# - edit, redact, feedback, notes (test_edits_and_feedback)
# - channel, quota, invitation (test_channel_quota_and_invitation)
# - forget, erase, expire, reset, prune, forget_person (test_deletion, test_person_deletion)
# - get_history, get_turn, search, export over several pages (test_search_and_export, test_turn_lookup)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that is marked `replayed` in always-replay mode, and one of `IN_BOTH_MODES` also without replay."""
    if "stack" in metafunc.fixturenames and metafunc.definition.get_closest_marker("replayed"):
        is_in_both = metafunc.module.__name__.endswith(IN_BOTH_MODES)
        metafunc.parametrize("stack", ["normal", "replaying"] if is_in_both else ["replaying"], indirect=True)


@pytest.fixture(autouse=True)
async def clear_model_script(request: pytest.FixtureRequest) -> None:
    """Remove scripted model responses that an earlier test did not use."""
    if "stack" in request.fixturenames:
        stack: Stack = request.getfixturevalue("stack")
        await stack.model.clear_script()
