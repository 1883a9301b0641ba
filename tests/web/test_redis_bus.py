"""The live bus over Redis: previews pass between a chat service and a page in processes of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
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
from tests.web.web_server import running_separate_processes


@pytest.fixture
async def apart(
    redis_port: int, engine_binary: Path, model: ModelControl, tmp_path: Path
) -> AsyncIterator[tuple[Stack, ApiClient]]:
    """Chat service and page in two processes, with Redis between them."""
    async with (
        running_separate_processes(engine_binary, tmp_path, model, redis_port) as (stack, web_server),
        open_client(web_server.url) as client,
    ):
        yield stack, client


async def test_previews_pass_between_processes(apart: tuple[Stack, ApiClient], conversation: str) -> None:
    stack, chat = apart
    await stack.model.script(ScriptedResponse(kind="gate"))
    number = await stack.model.count_requests()
    async with chat.events() as events:
        await events.read_until("resync")
        await chat.send(conversation, "tell me")
        asked = await stack.model.wait_for_question("tell me", number)
        await stack.model.release(asked.number, "Once upon")
        await events.read_until("delta", text="Once upon")
        page = await chat.history(conversation)
        assert page["running"]["text"] == "Once upon", "a window that opens now is told what was said so far"
        await stack.model.release(asked.number, " a time")
        await events.read_until("delta", text=" a time")
        stopped = await chat.request("POST", f"/api/conversations/{conversation}/stop", {"turn": 1})
        assert stopped.body["stopped"] is True
        assert (await events.read_until("done", conversation=conversation))[-1]["status"] == "stopped"
    page = await chat.history(conversation)
    assert page["messages"][1]["text"] == "Once upon a time"


async def test_what_a_turn_waits_for_passes_between_processes(
    apart: tuple[Stack, ApiClient], conversation: str
) -> None:
    stack, chat = apart
    await stack.model.script(
        ScriptedResponse(kind="fail", status=429, headers={"Retry-After": "3"}), ScriptedResponse(kind="gate")
    )
    async with chat.events() as events:
        await events.read_until("resync")
        await chat.send(conversation, "hello")
        told = (await events.read_until("retry", conversation=conversation))[-1]
        number = await stack.model.count_requests()
        wait = (await chat.history(conversation))["running"]["retry_wait"]
        assert wait["reason"] == told["text"]
        assert 0 < wait["seconds"] <= told["seconds"]
        asked = await stack.model.wait_for_question("hello", number)
        await stack.model.release(asked.number, "there")
        await events.read_until("delta", text="there")
        assert "retry_wait" not in (await chat.history(conversation))["running"]
        await stack.model.finish(asked.number)
        await events.read_until("done", conversation=conversation)


async def test_a_redis_that_is_away_is_told_once_and_so_is_its_return(caplog: pytest.LogCaptureFixture) -> None:
    """By whoever publishes and by all who listen together, however often they try."""
    tries = 0

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1
        writer.close()

    async def tried_often() -> bool:
        return tries >= 6

    port = free_port()
    async with RedisBus.connected(f"redis://127.0.0.1:{port}/0") as bus, AsyncExitStack() as listeners:
        async with await asyncio.start_server(refuse, "127.0.0.1", port):
            for prefix in ("web:a", "web:b"):
                await listeners.enter_async_context(bus.subscribe(prefix))
            bus.publish(LiveEvent(conversation="web:a", kind="changed"))
            await eventually(tried_often)

        def told() -> list[str]:
            return [record.message for record in caplog.records if "Redis" in record.message]

        assert ["is unreachable" in line for line in told()] == [True]

        async def back() -> list[str]:
            return told()[1:]

        async with running_redis(port):
            assert ["is reachable again" in line for line in await eventually(back)] == [True]


async def test_without_redis_only_previews_are_missing(
    engine_binary: Path, model: ModelControl, tmp_path: Path, conversation: str
) -> None:
    nobody = free_port()
    async with (
        running_separate_processes(engine_binary, tmp_path, model, nobody) as (_, web_server),
        open_client(web_server.url) as client,
        client.events() as events,
    ):
        await events.read_until("resync")
        await client.send(conversation, "hello")
        await events.read_until("done", conversation=conversation)
        assert (await client.history(conversation))["messages"][1]["text"] == "echo: hello"
