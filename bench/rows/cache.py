"""How much of each prompt a provider's prefix cache can answer for, by the figures the model reports.

One conversation at the bare ingress, and a model that counts what a prompt has in common with the beginning of the one
before: the prompt is append-only from one summary to the next, so all but the last turn is cached, and once in ten
turns, when a new summary stands in front, the cache begins anew.
"""

from __future__ import annotations

from bench import instant_model
from bench.figures import Findings
from bench.load import drive, fresh, http_client, posting
from bench.processes import World, running_chat_service
from bench.sizes import Sizes
from chat_service.contracts import History, HistoryRequest
from chat_service.ingress import IngressClient

NAME = "cache"
TITLE = "the share of a prompt that a provider's prefix cache holds"
ROW = "threadwell"
YOUNG = 20
"""Turns before the first figure: by then there is a summary."""


async def measure(world: World, sizes: Sizes, findings: Findings) -> None:
    """Whole cycles of ten turns, from turn 20 on."""
    turns = YOUNG + max(sizes.window_turns // 10, 1) * 10
    world.say(f"{NAME}: {turns} turns")
    async with running_chat_service(world, "cache", OPENAI_MODEL=instant_model.CACHING) as backend:
        conversation = fresh("cache")
        async with http_client() as session:
            turn = posting(session, f"{backend.engine.ingress_url}/restate/call/Chat/{{}}/message")
            await drive(turn, [conversation], at_once=1, turns=turns)
        async with IngressClient.connected(backend.engine.ingress_url) as ingress:
            request = HistoryRequest(limit=2 * (turns - YOUNG))
            page = await ingress.call("Chat", conversation, "get_history", request, History)
    used = [one.usage for one in page.messages if one.usage]
    for usage in used:
        findings.add(ROW, "cached share of a prompt", None, usage.cached / usage.prompt * 100, "%")
    cached, asked = sum(usage.cached for usage in used), sum(usage.prompt for usage in used)
    findings.add(ROW, "cached share of all prompts", None, cached / asked * 100, "%")
