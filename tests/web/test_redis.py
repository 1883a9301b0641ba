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
from tests.fakes.model.protocol import Behaviour
from tests.processes import Stack, eventually
from tests.web.redis_server import running_redis
from tests.web.site import Visitor, running_apart, visiting


@pytest.fixture
async def apart(
    redis_port: int, engine_binary: Path, model: ModelControl, tmp_path: Path
) -> AsyncIterator[tuple[Stack, Visitor]]:
    """Chat service and page in two processes, with Redis between them."""
    async with (
        running_apart(engine_binary, tmp_path, model, redis_port) as (stack, site),
        visiting(site.url) as one,
    ):
        yield stack, one


async def test_previews_pass_between_processes(apart: tuple[Stack, Visitor], conversation: str) -> None:
    stack, one = apart
    await stack.model.script(Behaviour(kind="gate"))
    number = await stack.model.count()
    async with one.events() as events:
        await events.until("resync")
        await one.send(conversation, "tell me")
        asked = await stack.model.wait_for_question("tell me", number)
        await stack.model.release(asked.number, "Once upon")
        await events.until("delta", text="Once upon")
        page = await one.history(conversation)
        assert page["running"]["text"] == "Once upon", "a window that opens now is told what was said so far"
        await stack.model.release(asked.number, " a time")
        await events.until("delta", text=" a time")
        stopped = await one.ask("POST", f"/api/conversations/{conversation}/stop", {"turn": 1})
        assert stopped.body["stopped"] is True
        assert (await events.until("done", conversation=conversation))[-1]["status"] == "stopped"
    page = await one.history(conversation)
    assert page["messages"][1]["text"] == "Once upon a time"


async def test_what_a_turn_waits_for_passes_between_processes(apart: tuple[Stack, Visitor], conversation: str) -> None:
    stack, one = apart
    await stack.model.script(Behaviour(kind="fail", status=429, headers={"Retry-After": "3"}), Behaviour(kind="gate"))
    async with one.events() as events:
        await events.until("resync")
        await one.send(conversation, "hello")
        told = (await events.until("retry", conversation=conversation))[-1]
        number = await stack.model.count()
        wait = (await one.history(conversation))["running"]["retry_wait"]
        assert wait["reason"] == told["text"]
        assert 0 < wait["seconds"] <= told["seconds"]
        asked = await stack.model.wait_for_question("hello", number)
        await stack.model.release(asked.number, "there")
        await events.until("delta", text="there")
        assert "retry_wait" not in (await one.history(conversation))["running"]
        await stack.model.finish(asked.number)
        await events.until("done", conversation=conversation)


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
        running_apart(engine_binary, tmp_path, model, nobody) as (_, site),
        visiting(site.url) as one,
        one.events() as events,
    ):
        await events.until("resync")
        await one.send(conversation, "hello")
        await events.until("done", conversation=conversation)
        assert (await one.history(conversation))["messages"][1]["text"] == "echo: hello"
