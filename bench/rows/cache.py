"""The share of each prompt that a provider's prefix cache can serve, as the model reports it.

One conversation at the bare ingress, with a model that counts the common prefix with earlier prompts. Prompts are
append-only between two summaries, so everything but the last turn is cached. Once in ten turns a new summary at the
beginning invalidates the cache.
"""

from __future__ import annotations

from bench import instant_model
from bench.figures import Findings
from bench.load import http_client, http_turn, run_load, unique_name
from bench.processes import BenchRun, running_chat_service
from bench.sizes import Sizes
from chat_service import handlers
from chat_service.contracts import HistoryRequest
from chat_service.ingress import IngressClient

NAME = "cache"
TITLE = "the share of a prompt that a provider's prefix cache holds"
ROW = "threadwell"
WARM_TURNS = 20
"""Turns before the measurement: after them there is a summary."""


async def measure(bench_run: BenchRun, sizes: Sizes, findings: Findings) -> None:
    """Measure complete cycles of ten turns, from turn 20 on."""
    turns = WARM_TURNS + max(sizes.window_turns // 10, 1) * 10
    bench_run.report_progress(f"{NAME}: {turns} turns")
    async with running_chat_service(bench_run, "cache", OPENAI_MODEL=instant_model.CACHING) as backend:
        conversation = unique_name("cache")
        async with http_client() as session:
            turn = http_turn(session, f"{backend.engine.ingress_url}/restate/call/Chat/{{}}/message")
            await run_load(turn, [conversation], at_once=1, turns=turns)
        async with IngressClient.connected(backend.engine.ingress_url) as ingress:
            request = HistoryRequest(limit=2 * (turns - WARM_TURNS))
            page = await ingress.call(handlers.CHAT_GET_HISTORY, conversation, request)
    usages = [message.usage for message in page.messages if message.usage]
    for usage in usages:
        findings.add(ROW, "cached share of a prompt", None, usage.cached / usage.prompt * 100, "%")
    cached, total = sum(usage.cached for usage in usages), sum(usage.prompt for usage in usages)
    findings.add(ROW, "cached share of all prompts", None, cached / total * 100, "%")
