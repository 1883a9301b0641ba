"""From a Slack event to Restate having it: the time until Slack is told that the event has been taken.

The bot acknowledges an event only when Restate has it, so Slack's own clock is the measure: from sending the event to
its acknowledgement, over HTTP and over Socket Mode. Slack is the server that the tests use.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from bench.figures import Findings, Meter, memory
from bench.load import message
from bench.missing import Missing
from bench.processes import Backend, World, running, running_chat_service
from bench.sizes import Sizes
from chat_service.engine.process import free_port
from chat_service.errors import UserError

if TYPE_CHECKING:
    from tests.fakes.slack.control import SlackControl
    from tests.fakes.slack.models import Message

NAME = "slack"
TITLE = "a Slack event to Restate having it, over HTTP and over Socket Mode"
MEASURE = "Slack event to Restate"


async def measure(world: World, sizes: Sizes, findings: Findings) -> None:
    """One event after the other, each a thread of its own."""
    try:
        slack: Any = _slack()
    except Missing as missing:
        findings.missing[NAME] = str(missing)
        return
    for row, http in (("over HTTP", True), ("over Socket Mode", False)):
        world.say(f"{NAME}: {row}")
        async with running_chat_service(world, "slack", BURST="each") as backend, slack() as control:
            await _listen(world, backend, control, http, f"threadwell {row}", sizes.window_turns, findings)


async def _listen(
    world: World, backend: Backend, slack: SlackControl, http: bool, row: str, events: int, findings: Findings
) -> None:
    port = free_port()
    settings = {
        **world.settings(**slack.env(http=http)),
        "RESTATE_INGRESS_URL": backend.engine.ingress_url,
        "RESTATE_ADMIN_URL": backend.engine.admin_url,
        "SLACK_HTTP_PORT": str(port),
        "SLACK_DELIVERY_PORT": str(free_port()),
        "PERSON_MESSAGES_PER_MINUTE": "0",  # nobody asks as quickly as this
    }
    command = [sys.executable, "-m", "bots", "bot", "slack"]
    async with running(world.folder, "slack", command, settings) as bot:
        if http:
            await slack.request_url(f"http://127.0.0.1:{port}/slack/events")
        else:
            await slack.wait_connected()
        person = await slack.add_user("bench", display_name="Bench")
        channel = await slack.add_channel("bench", [person.id])
        meter = Meter()
        for number in range(events + 1):
            said = await slack.mention(person.id, channel.id, message(number))
            taken = [one.attempts[-1] for one in await slack.wait_acked(said) if one.event_type == "app_mention"]
            if not taken or taken[0].acked_at is None:
                raise UserError(f"Slack's event {number} was not taken")
            if number:  # the first one also learns who everybody is
                findings.add(row, MEASURE, 1, (taken[0].acked_at - taken[0].at) * 1000, "ms", meter.read())
            await slack.until(partial(slack.replies, channel.id, said.ts), _answered)
        findings.add("Slack bot", "memory with everything in it", None, memory(bot.pid) / 1e6, "MB", note=row)


def _answered(replies: Sequence[Message]) -> bool:
    """Whether the turn has ended: what is measured is the way in, with nothing else under way."""
    return any("quick brown fox" in one.text for one in replies)


def _slack() -> Any:
    try:
        from tests.fakes.slack.running import running_slack
    except ImportError as error:
        raise Missing("Slack's stand-in lies with the tests: run it from a checkout") from error
    return running_slack
