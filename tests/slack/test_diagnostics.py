"""`threadwell doctor` compares the app with the manifest; the bot notices events that never arrive."""

from __future__ import annotations

from typing import Any

import yaml

from bots.slack.diagnostics import check
from chat_service.settings import Settings
from tests.fakes.slack.control import SlackControl
from tests.fork_server import ROOT


def read_manifest() -> dict[str, Any]:
    """Return the manifest of bots/slack."""
    manifest: dict[str, Any] = yaml.safe_load((ROOT / "bots/slack/manifest.yaml").read_text())
    return manifest


def settings_of(slack: SlackControl) -> Settings:
    """Return the settings of a bot of this Slack."""
    return Settings(_env_file=None, **{name.lower(): value for name, value in slack.env().items()})  # type: ignore[arg-type]


async def test_doctor_names_a_missing_scope_and_the_event_that_needs_it(fake_slack: SlackControl) -> None:
    slack = fake_slack
    await slack.install_manifest(read_manifest())
    assert all(is_good for is_good, _ in await check(settings_of(slack)))
    await slack.configure_app(scopes=[scope for scope in slack.app.scopes if scope != "channels:history"])
    lines = [line for is_good, line in await check(settings_of(slack)) if is_good is False]
    assert any("scope channels:history" in line for line in lines)
    assert any("event message.channels" in line for line in lines)


async def test_doctor_names_a_revoked_token(fake_slack: SlackControl) -> None:
    slack = fake_slack
    await slack.set_token_error("token_revoked")
    [(is_good, line)] = await check(settings_of(slack))
    assert is_good is False and "SLACK_BOT_TOKEN" in line and "token_revoked" in line
