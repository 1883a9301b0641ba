"""Replies of platforms: whether a delivery is requested."""

from __future__ import annotations

from chat_service import keys
from chat_service.ingress import IngressClient
from tests.conversation.client import (
    answer_queued,
    new_web_key,
    read_history,
)
from tests.processes import Stack, new_session_key


def slack_key() -> str:
    """Return the key of a new Slack thread."""
    return keys.slack(f"T{new_session_key()[8:].upper()}", "C1", "1700000000.000100")


async def test_reply_stays_undelivered_without_a_bot(stack: Stack, ingress: IngressClient) -> None:
    """A call of a delivery service that does not exist would block the conversation."""
    key = slack_key()
    for n in range(2):
        assert (await answer_queued(ingress, key, f"question {n}", f"m{n}")).status == "answered"
    assert (await read_history(ingress, key)).messages[-1].undelivered
    rows = await stack.query("SELECT id FROM sys_invocation WHERE target_service_name = 'SlackDelivery'")
    assert rows == []


async def test_web_turn_has_no_delivery_journal_entry(stack: Stack, ingress: IngressClient) -> None:
    key = new_web_key()
    await answer_queued(ingress, key, "hello", "m1")
    query = (
        "SELECT j.name AS name FROM sys_journal j JOIN sys_invocation i ON i.id = j.id "
        f"WHERE i.target_service_key = '{key}' AND i.target_handler_name = 'message'"
    )
    names = [row.get("name") for row in await stack.query(query)]
    assert "model" in names and "check delivery service" not in names
