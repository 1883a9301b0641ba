"""What is away comes back: the page says so in a line, and what was sent is answered once."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chat_service.engine.process import EnginePorts, free_port
from tests.fakes.model import ModelControl
from tests.processes import Stack, eventually
from tests.web.site import Visitor, running_site, running_up, visiting


def ports_of(stack: Stack) -> EnginePorts:
    """The same addresses again, for an engine that comes back."""
    ingress, admin = (urlsplit(url).port for url in (stack.engine.ingress_url, stack.engine.admin_url))
    assert ingress
    assert admin
    return EnginePorts(ingress, admin, free_port())


async def test_restate_away_is_a_line_and_loses_nothing(
    own: Stack, engine_binary: Path, conversation: str, model: ModelControl
) -> None:
    ports = ports_of(own)
    async with running_up(own) as site, visiting(site.url) as one:
        await one.send(conversation, "before", id="m1")
        await eventually(lambda: one.history(conversation), lambda page: len(page["messages"]) == 2)
        await own.kill_engine()
        refused = await one.send(conversation, "during", id="m2")
        assert (refused.status, refused.error) == (
            503,
            "The chat service is unreachable. Nothing was lost; try again.",
        )
        assert (await one.ask("GET", f"/api/conversations/{conversation}")).status == 503
        await own.start_engine(engine_binary, ports)

        async def retried() -> int:
            return (await one.send(conversation, "during", id="m2")).status

        await eventually(retried, lambda status: status == 202)
        await retried()
        page = await eventually(
            lambda: _history(one, conversation),
            lambda page: len(page.get("messages", [])) == 4 and "running" not in page,
        )
        assert [m["text"] for m in page["messages"]] == ["before", "echo: before", "during", "echo: during"]


async def _history(visitor: Visitor, conversation: str) -> dict[str, Any]:
    answer = await visitor.ask("GET", f"/api/conversations/{conversation}")
    return dict(answer.body) if answer.status == 200 else {}


async def test_a_page_that_was_away_knows_its_people(own: Stack, conversation: str) -> None:
    """Nothing of a person lies in the page's process: another one, started later, serves the same browser."""
    async with running_up(own) as site, visiting(site.url) as one:
        await one.send(conversation, "hello")
        await eventually(lambda: one.history(conversation), lambda page: len(page["messages"]) == 2)
        site.process.kill()
        await site.process.wait()
        async with running_site(own, WEB_PORT=str(site.port)), running_up(own):
            page = await eventually(lambda: _history(one, conversation))
            assert len(page["messages"]) == 2
