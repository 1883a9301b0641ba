"""Latency from a Slack event to its acknowledgement, over HTTP and over Socket Mode.

The bot acknowledges an event only after Restate has stored it, so the server side measures the whole latency. The
server is the fake Slack of the tests.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from bench.figures import Findings, UnavailableError
from bench.load import message
from bench.measure import LoadMeter, process_memory
from bench.processes import Backend, BenchRun, running, running_chat_service
from bench.sizes import Sizes
from chat_service.engine.process import free_port
from chat_service.errors import UserError

if TYPE_CHECKING:
    from tests.fakes.slack.control import SlackControl
    from tests.fakes.slack.models import Message

NAME = "slack"
TITLE = "a Slack event until Restate has stored it, over HTTP and over Socket Mode"
MEASURE = "Slack event to Restate"


async def measure(bench_run: BenchRun, sizes: Sizes, findings: Findings) -> None:
    """Measure one event after the other. Each starts a thread."""
    try:
        slack: Any = _import_fake_slack()
    except UnavailableError as missing:
        findings.missing[NAME] = str(missing)
        return
    for row, http in (("over HTTP", True), ("over Socket Mode", False)):
        bench_run.report_progress(f"{NAME}: {row}")
        async with running_chat_service(bench_run, "slack", BURST="each") as backend, slack() as control:
            await _measure_events(bench_run, backend, control, http, f"threadwell {row}", sizes.window_turns, findings)


async def _measure_events(
    bench_run: BenchRun, backend: Backend, slack: SlackControl, http: bool, row: str, count: int, findings: Findings
) -> None:
    port = free_port()
    settings = {
        **bench_run.settings(**slack.env(http=http)),
        "RESTATE_INGRESS_URL": backend.engine.ingress_url,
        "RESTATE_ADMIN_URL": backend.engine.admin_url,
        "SLACK_HTTP_PORT": str(port),
        "SLACK_DELIVERY_PORT": str(free_port()),
        "PERSON_MESSAGES_PER_MINUTE": "0",  # no limit: the benchmark is faster than a person
    }
    command = [sys.executable, "-m", "bots", "bot", "slack"]
    async with running(bench_run.folder, "slack", command, settings) as bot:
        if http:
            await slack.set_request_url(f"http://127.0.0.1:{port}/slack/events")
        else:
            await slack.wait_connected()
        person = await slack.add_user("bench", display_name="Bench")
        channel = await slack.add_channel("bench", [person.id])
        meter = LoadMeter()
        for number in range(count + 1):
            mention = await slack.mention(person.id, channel.id, message(number))
            events = await slack.wait_until_acked(mention)
            attempts = [event.attempts[-1] for event in events if event.event_type == "app_mention"]
            if not attempts or attempts[0].acked_at is None:
                raise UserError(f"the bot did not acknowledge Slack's event {number}")
            if number:  # the first event also reads the names of users
                findings.add(row, MEASURE, 1, (attempts[0].acked_at - attempts[0].at) * 1000, "ms", meter.read())
            await slack.wait_until(partial(slack.replies, channel.id, mention.ts), _is_answered)
        findings.add("Slack bot", "memory with everything in it", None, process_memory(bot.pid) / 1e6, "MB", note=row)


def _is_answered(replies: Sequence[Message]) -> bool:
    """Return whether the turn has ended, so that the next event is measured without other work."""
    return any("quick brown fox" in reply.text for reply in replies)


def _import_fake_slack() -> Any:
    try:
        from tests.fakes.slack.running import running_slack
    except ImportError as error:
        raise UnavailableError("the fake Slack is part of the tests: run the benchmark from a checkout") from error
    return running_slack
