"""What the manifest grants is all the bot needs; the doctor names what is missing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bots.slack.diagnostics import EVENTS, SCOPES, MissingEventDetector, check
from bots.slack.home import PROMPTS
from chat_service.settings import Settings
from tests.fakes.model import ModelControl
from tests.fakes.slack.control import SlackControl
from tests.fakes.slack.running import running_slack
from tests.fork_server import ROOT
from tests.processes import running_stack
from tests.slack.conftest import new_room
from tests.slack.stack import Bot, World
from tests.slack.test_answers import finished, shown
from tests.slack.test_talk import asks


def manifest() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "bots/slack/manifest.yaml").read_text())
    return found


@pytest.fixture
async def slack() -> AsyncIterator[SlackControl]:
    async with running_slack() as control:
        yield control


def test_the_manifest_and_the_code_ask_for_the_same() -> None:
    assert manifest()["oauth_config"]["scopes"]["bot"] == sorted(SCOPES)
    assert manifest()["settings"]["event_subscriptions"]["bot_events"] == sorted(EVENTS)
    assert manifest()["features"]["agent_view"]["suggested_prompts"] == PROMPTS


async def test_an_app_made_from_the_manifest_does_all_of_it(
    engine_binary: Path, model: ModelControl, slack: SlackControl, tmp_path: Path
) -> None:
    await model.clear()
    await slack.install(manifest())
    async with running_stack(engine_binary, tmp_path, model, serve=False) as stack:
        bot = Bot(stack=stack, slack=slack, whole=True)
        try:
            await bot.start()
            room = await new_room(World(stack, slack, bot))
            said, _ = await asks(room, room.ada, room.channel, f"<@{slack.bot}> hello <@{room.ben}> :tada:")
            [reply] = await finished(room, room.channel, said.ts)
            await slack.shortcut(room.ada, room.channel, said.ts, "show_history")
            [page] = await slack.until(lambda: slack.ephemerals(room.channel, room.ada))
            await slack.click(room.ada, room.channel, page.ts, "history_export")
            await slack.until(slack.files)
            await slack.command(room.ada, room.channel, "/history")
            await slack.until(lambda: slack.ephemerals(room.channel, room.ada), lambda found: len(found) >= 3)
            await slack.open_home(room.ada)
            await slack.until(lambda: slack.home(room.ada))
            direct = await slack.post(room.ada, room.direct, "and here?")
            await finished(room, room.direct, direct.ts)
            assert "hello" in shown(reply)
            refused = [one for one in await slack.calls() if one.error in ("missing_scope", "not_allowed_token_type")]
            assert refused == []
        finally:
            await bot.close()


def settings(slack: SlackControl) -> Settings:
    return Settings(_env_file=None, **{name.lower(): value for name, value in slack.env().items()})  # type: ignore[arg-type]


async def test_the_doctor_names_a_missing_scope_and_the_event_that_needs_it(slack: SlackControl) -> None:
    await slack.install(manifest())
    assert all(good for good, _ in await check(settings(slack)))
    await slack.configure(scopes=[one for one in slack.app.scopes if one != "channels:history"])
    lines = [line for good, line in await check(settings(slack)) if good is False]
    assert any("scope channels:history" in line for line in lines)
    assert any("event message.channels" in line for line in lines)


async def test_the_doctor_names_a_bad_token(slack: SlackControl) -> None:
    await slack.token_error("token_revoked")
    [(good, line)] = await check(settings(slack))
    assert good is False and "SLACK_BOT_TOKEN" in line and "token_revoked" in line


def test_the_bot_notices_an_event_that_never_comes(caplog: pytest.LogCaptureFixture) -> None:
    detector = MissingEventDetector()
    for number in range(30):
        for kind in ("app_mention", "message"):
            detector.record({"type": kind, "channel": "C1", "ts": f"1.{number}"}, mention=True)
    assert not caplog.records
    for number in range(30):
        detector.record({"type": "app_mention", "channel": "C1", "ts": f"2.{number}"}, mention=True)
    assert [one.getMessage() for one in caplog.records if "message.channels" in one.getMessage()]
    assert len(caplog.records) == 1
