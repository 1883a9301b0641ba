"""The live bus over Redis, between a chat service and a page in separate processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from chat_service.engine.process import free_port
from chat_service.live import LiveEvent
from chat_service.live.redis import RedisBus
from tests.fakes.model import ModelControl
from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack, eventually
from tests.web.api_client import ApiClient, open_client
from tests.web.redis_server import running_redis
from tests.web.relay import Relay, running_relay
from tests.web.web_server import WebServer, running_separate_processes


@dataclass
class Services:
    """A chat service and a page in two processes; both reach Redis through the relay."""

    stack: Stack
    web_server: WebServer
    relay: Relay


@pytest.fixture(scope="module")
async def services(
    engine_binary: Path, model: ModelControl, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Services]:
    """Both processes, which the tests of this module share."""
    redis_port, folder = free_port(), tmp_path_factory.mktemp("redis")
    async with (
        running_redis(redis_port),
        running_relay(redis_port) as relay,
        running_separate_processes(engine_binary, folder, model, relay.port) as (stack, web_server),
    ):
        yield Services(stack, web_server, relay)


@pytest.fixture
async def separate_client(services: Services) -> AsyncIterator[ApiClient]:
    """A client with a new identity at the page that runs apart from its chat service."""
    await services.stack.model.clear_script()
    async with open_client(services.web_server.url) as client:
        yield client


async def test_previews_pass_between_processes(
    services: Services, separate_client: ApiClient, conversation: str
) -> None:
    client, model = separate_client, services.stack.model
    await model.script(ScriptedResponse(kind="gate"))
    number = await model.count_requests()
    async with client.events() as stream:
        await stream.read_until("resync")
        await client.send(conversation, "tell me")
        request = await model.wait_for_question("tell me", number)
        await model.release(request, "Once upon")
        await stream.read_until("delta", text="Once upon")
        page = await client.history(conversation)
        assert page["running"]["text"] == "Once upon", "a window that opens now shows the partial reply"
        await model.release(request, " a time")
        await stream.read_until("delta", text=" a time")
        stopped = await client.request("POST", f"/api/conversations/{conversation}/stop", {"turn": 1})
        assert stopped.body["stopped"] is True
        assert (await stream.read_until("done", conversation=conversation))[-1]["status"] == "stopped"
    page = await client.history(conversation)
    assert page["messages"][1]["text"] == "Once upon a time"


async def test_retry_waits_pass_between_processes(
    services: Services, separate_client: ApiClient, conversation: str
) -> None:
    client, model = separate_client, services.stack.model
    await model.script(
        ScriptedResponse(kind="fail", status=429, headers={"Retry-After": "3"}), ScriptedResponse(kind="gate")
    )
    async with client.events() as stream:
        await stream.read_until("resync")
        await client.send(conversation, "hello")
        retry = (await stream.read_until("retry", conversation=conversation))[-1]
        number = await model.count_requests()
        wait = (await client.history(conversation))["running"]["retry_wait"]
        assert wait["reason"] == retry["text"]
        assert 0 < wait["seconds"] <= retry["seconds"]
        request = await model.wait_for_question("hello", number)
        await model.release(request, "there")
        await stream.read_until("delta", text="there")
        assert "retry_wait" not in (await client.history(conversation))["running"]
        await model.finish(request)
        await stream.read_until("done", conversation=conversation)


async def test_without_redis_only_previews_are_missing(services: Services, separate_client: ApiClient) -> None:
    client = separate_client

    async def has_preview(conversation: str) -> bool:
        await client.send(conversation, "hello")
        events = await stream.read_until("done", conversation=conversation)
        page = await client.history(conversation)
        assert page["messages"][1]["text"] == "echo: hello"
        return any(event["kind"] == "delta" for event in events)

    await services.relay.cut()
    async with client.events() as stream:
        await stream.read_until("resync")
        assert not await has_preview("without")
        await services.relay.listen()
        numbers = iter(range(1000))
        assert await eventually(lambda: has_preview(f"reconnected{next(numbers)}"))


async def test_an_outage_of_redis_and_its_end_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """One publisher and two subscribers try to reconnect, several times each."""
    attempts = 0

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal attempts
        attempts += 1
        writer.close()

    async def has_retried() -> bool:
        return attempts >= 6

    def log_lines() -> list[str]:
        return [record.message for record in caplog.records if "Redis" in record.message]

    async def later_lines() -> list[str]:
        return log_lines()[1:]

    port = free_port()
    async with RedisBus.connected(f"redis://127.0.0.1:{port}/0") as bus, AsyncExitStack() as subscribers:
        async with await asyncio.start_server(refuse, "127.0.0.1", port):
            await asyncio.gather(
                *(subscribers.enter_async_context(bus.subscribe(prefix)) for prefix in ("web:a", "web:b"))
            )
            bus.publish(LiveEvent(conversation="web:a", kind="changed"))
            await eventually(has_retried)
        assert ["is unreachable" in line for line in log_lines()] == [True]
        async with running_redis(port):
            assert ["is reachable again" in line for line in await eventually(later_lines)] == [True]
