"""What is away comes back: the page says so in a line, and what was sent is answered once."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chat_service.engine.process import EnginePorts, free_port
from tests.fakes.model import ModelControl
from tests.processes import Stack, eventually
from tests.web.api_client import ApiClient, open_client
from tests.web.web_server import running_threadwell_up, running_web_server


def ports_of(stack: Stack) -> EnginePorts:
    """The same addresses again, for an engine that comes back."""
    ingress, admin = (urlsplit(url).port for url in (stack.engine.ingress_url, stack.engine.admin_url))
    assert ingress
    assert admin
    return EnginePorts(ingress, admin, free_port())


async def test_restate_away_is_a_line_and_loses_nothing(
    own_engine: Stack, engine_binary: Path, conversation: str, model: ModelControl
) -> None:
    ports = ports_of(own_engine)
    async with running_threadwell_up(own_engine) as web_server, open_client(web_server.url) as client:
        await client.send(conversation, "before", id="m1")
        await eventually(lambda: client.history(conversation), lambda page: len(page["messages"]) == 2)
        await own_engine.kill_engine()
        refused = await client.send(conversation, "during", id="m2")
        assert (refused.status, refused.error) == (
            503,
            "The chat service is unreachable. Nothing was lost; try again.",
        )
        assert (await client.request("GET", f"/api/conversations/{conversation}")).status == 503
        await own_engine.start_engine(engine_binary, ports)

        async def retried() -> int:
            return (await client.send(conversation, "during", id="m2")).status

        await eventually(retried, lambda status: status == 202)
        await retried()
        page = await eventually(
            lambda: _history(client, conversation),
            lambda page: len(page.get("messages", [])) == 4 and "running" not in page,
        )
        assert [m["text"] for m in page["messages"]] == ["before", "echo: before", "during", "echo: during"]


async def _history(client: ApiClient, conversation: str) -> dict[str, Any]:
    answer = await client.request("GET", f"/api/conversations/{conversation}")
    return dict(answer.body) if answer.status == 200 else {}


async def test_a_page_that_was_away_knows_its_people(own_engine: Stack, conversation: str) -> None:
    """Nothing of a person lies in the page's process: another one, started later, serves the same browser."""
    async with running_threadwell_up(own_engine) as web_server, open_client(web_server.url) as client:
        await client.send(conversation, "hello")
        await eventually(lambda: client.history(conversation), lambda page: len(page["messages"]) == 2)
        web_server.process.kill()
        await web_server.process.wait()
        async with running_web_server(own_engine, WEB_PORT=str(web_server.port)), running_threadwell_up(own_engine):
            page = await eventually(lambda: _history(client, conversation))
            assert len(page["messages"]) == 2
