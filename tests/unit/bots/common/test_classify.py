"""The action for a message, by the message, the channel's rules and the settings."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bots.common.classify import classify, may_use
from bots.common.events import MessageEvent
from chat_service import keys
from chat_service.contracts import Author
from chat_service.contracts.channel import ChannelRules, ChannelThread, ChannelView
from chat_service.settings import Settings

SLACK, DISCORD = "slack:T1:C1:1.1", "discord:1:2"
THREAD, MUTED = ChannelThread(conversation=SLACK), ChannelThread(conversation=SLACK, muted=True)


def message(**more: object) -> MessageEvent:
    author = Author(id="U1", name="Ada")
    values = {"id": "1", "position": "1", "text": "hello", "author": author, "at": datetime(2026, 1, 1, tzinfo=UTC)}
    return MessageEvent.model_validate({**values, **more})


@pytest.mark.parametrize(
    ("conversation", "event", "view", "kind"),
    [
        (SLACK, {}, {}, "ignore"),
        (SLACK, {"mentions_bot": True}, {}, "ask"),
        (SLACK, {"is_direct_message": True}, {}, "ask"),
        (SLACK, {"mentions_bot": True, "text": "stop"}, {}, "command"),
        (SLACK, {}, {"thread": THREAD}, "ask"),
        (SLACK, {"mentions_others": True}, {"thread": THREAD}, "note"),
        (SLACK, {}, {"thread": MUTED}, "ignore"),
        (SLACK, {"mentions_bot": True}, {"thread": MUTED}, "ask"),
        (DISCORD, {}, {"thread": THREAD}, "ignore"),
        (DISCORD, {"in_bot_thread": True}, {}, "ask"),
        (DISCORD, {}, {"rules": ChannelRules(reply_mode="everything")}, "ask"),
        (SLACK, {}, {"thread": THREAD, "rules": ChannelRules(reply_mode="mentions")}, "ignore"),
        (SLACK, {}, {"thread": THREAD, "rules": ChannelRules(off=True)}, "ignore"),
        (SLACK, {"mentions_bot": True}, {"rules": ChannelRules(off=True)}, "refuse"),
        (SLACK, {"mentions_bot": True}, {"rules": ChannelRules(block=["U1"])}, "refuse"),
    ],
)
def test_classify_returns_the_action_for_a_message(
    conversation: str, event: dict[str, object], view: dict[str, object], kind: str
) -> None:
    key = keys.parse(conversation)
    assert key is not None
    channels = [ChannelView(rules=ChannelRules()), ChannelView.model_validate({"rules": ChannelRules(), **view})]
    assert classify(message(**event), key, channels, Settings(_env_file=None)).kind == kind


@pytest.mark.parametrize(
    ("allow", "block", "person", "allowed"),
    [
        ("", "", "U1", True),
        ("", "U1", "U1", False),
        ("", "C1", "U1", False),
        ("T1", "", "U1", True),
        ("T2 U2", "", "U1", False),
        ("T2 U2", "", "U2", True),
    ],
)
def test_access_lists_contain_workspaces_channels_and_people(
    allow: str, block: str, person: str, allowed: bool
) -> None:
    key = keys.parse(SLACK)
    assert key is not None
    settings = Settings(_env_file=None, access_allow=allow, access_block=block)
    assert may_use(key, person, settings) is allowed
