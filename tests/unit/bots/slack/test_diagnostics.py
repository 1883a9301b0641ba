"""The manifest grants what the code needs, and missing events are noticed."""

from __future__ import annotations

import pytest
import yaml

from bots.slack.diagnostics import EVENTS, SCOPES, MissingEventDetector
from bots.slack.home import PROMPTS
from tests.fork_server import ROOT


def test_manifest_matches_the_code() -> None:
    manifest = yaml.safe_load((ROOT / "bots/slack/manifest.yaml").read_text())
    assert manifest["oauth_config"]["scopes"]["bot"] == sorted(SCOPES)
    assert manifest["settings"]["event_subscriptions"]["bot_events"] == sorted(EVENTS)
    assert manifest["features"]["agent_view"]["suggested_prompts"] == PROMPTS


def test_missing_event_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    detector = MissingEventDetector()
    for number in range(30):
        for kind in ("app_mention", "message"):
            detector.record({"type": kind, "channel": "C1", "ts": f"1.{number}"}, mention=True)
    assert not caplog.records
    for number in range(30):
        detector.record({"type": "app_mention", "channel": "C1", "ts": f"2.{number}"}, mention=True)
    assert [record.getMessage() for record in caplog.records if "message.channels" in record.getMessage()]
    assert len(caplog.records) == 1
