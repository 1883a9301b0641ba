"""Killed processes, as the page shows them: the reply is completed once, and nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, expect

from chat_service.engine.process import EnginePorts, free_port
from tests.fakes.model import ModelControl
from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack, eventually
from tests.web.api_client import ApiClient, open_client
from tests.web.axe import check_accessibility
from tests.web.browser import open_chat, open_context
from tests.web.redis_server import running_redis
from tests.web.web_server import running_separate_processes, running_threadwell_up

pytestmark = pytest.mark.browser


def current_ports(stack: Stack) -> EnginePorts:
    """Return the ports of the running engine, to restart it on the same ports."""
    ingress, admin = (urlsplit(url).port for url in (stack.engine.ingress_url, stack.engine.admin_url))
    assert ingress
    assert admin
    return EnginePorts(ingress, admin, free_port())


async def read_history(client: ApiClient, conversation: str) -> dict[str, Any]:
    """Return a page of messages, or an empty dict while the server cannot answer."""
    answer = await client.request("GET", f"/api/conversations/{conversation}")
    return dict(answer.body) if answer.status == 200 else {}


async def test_killed_server_process_completes_the_reply_once(own_engine: Stack, chromium: Browser) -> None:
    """The chat service and the web server run in one process; it is killed with SIGKILL and started again."""
    ports = {"WEB_PORT": str(free_port()), "CHAT_SERVICE_PORT": str(free_port())}
    await own_engine.model.script(
        ScriptedResponse(kind="stall", text="Half of"), ScriptedResponse(text="The whole reply", chunk=3, delay=0.05)
    )
    async with (
        running_threadwell_up(own_engine, **ports) as web_server,
        open_context(chromium, web_server.url) as context,
    ):
        chat = await open_chat(context)
        await chat.send("hello")
        await chat.expect_reply("Half of")
        web_server.process.kill()
        await web_server.process.wait()
        await expect(chat.page.locator("#connection")).to_contain_text("Offline")
        await chat.expect_reply("Half of")
        await chat.send("and more")
        await expect(chat.questions.last.locator(".note")).to_contain_text("Not sent yet")
        async with running_threadwell_up(own_engine, **ports):
            await chat.expect_reply("echo: and more")
            texts = ["hello", "The whole reply", "and more", "echo: and more"]
            assert await chat.read_texts() == texts
            await chat.page.reload()
            await chat.expect_reply("echo: and more")
            assert await chat.read_texts() == texts
            await expect(chat.page.locator("#connection")).to_be_empty()


async def test_killed_chat_service_and_killed_redis(
    engine_binary: Path, model: ModelControl, tmp_path: Path, chromium: Browser
) -> None:
    """The web server keeps running; the preview of the second attempt replaces the first one."""
    redis_port = free_port()
    async with (
        running_redis(redis_port) as redis,
        running_separate_processes(engine_binary, tmp_path, model, redis_port) as (stack, web_server),
        open_context(chromium, web_server.url) as context,
    ):
        await model.script(
            ScriptedResponse(kind="stall", text="A first attempt that is longer"), ScriptedResponse(kind="gate")
        )
        chat = await open_chat(context)
        number = await model.count_requests()
        await chat.send("hello")
        await chat.expect_reply("A first attempt that is longer")
        await stack.kill_service()
        note = chat.last_reply.locator(".note")
        await expect(note).to_contain_text("The chat service is not responding")
        await expect(chat.page.locator("#connection"), "the web server responds").to_be_empty()
        await expect(chat.last_reply.locator(".body")).to_have_text("A first attempt that is longer")
        later = await open_chat(context, f"/c/{chat.conversation}", loaded=False)
        await expect(later.page.locator("#loading")).to_contain_text("The chat service did not answer in time")
        await check_accessibility(chat.page, "unreachable chat service, partial reply")
        await check_accessibility(later.page, "unreachable chat service, nothing loaded")
        await stack.start_service()
        retry = await model.wait_for_question("hello", number + 1)
        await model.release(retry, "Second attempt")
        for page in (chat, later):
            await page.expect_reply("Second attempt")
            await expect(page.last_reply.locator(".note")).to_have_text("Writing…")
        await model.finish(retry)
        await chat.expect_status("answered")
        assert await chat.read_texts() == ["hello", "Second attempt"]

        # Without a live bus the page polls for the turn, and its reply can still be stopped.
        redis.kill()
        await redis.wait()
        await model.script(ScriptedResponse(text="here"), ScriptedResponse(kind="stall", text="Not shown"))
        await chat.send("are you there?")
        await chat.expect_reply("here")
        await chat.send("a story")
        await expect(note).to_have_text("Waiting for the model…")
        await chat.page.get_by_role("button", name="Stop").click()
        await chat.expect_status("stopped")
        await expect(chat.page.get_by_role("button", name="Stop")).to_be_hidden()
        await chat.ask("and now?")


async def test_killed_restate_server_loses_nothing(
    own_engine: Stack, engine_binary: Path, conversation: str, model: ModelControl
) -> None:
    ports = current_ports(own_engine)
    async with running_threadwell_up(own_engine) as web_server, open_client(web_server.url) as client:
        await client.send(conversation, "before", id="m1")
        await eventually(lambda: client.history(conversation), lambda page: len(page["messages"]) == 2)
        await own_engine.kill_engine()
        refused = await client.send(conversation, "during", id="m2")
        assert (refused.status, refused.error) == (503, "The chat service is unreachable. Nothing was lost; try again.")
        assert (await client.request("GET", f"/api/conversations/{conversation}")).status == 503
        await own_engine.start_engine(engine_binary, ports)

        async def send_again() -> int:
            return (await client.send(conversation, "during", id="m2")).status

        await eventually(send_again, lambda status: status == 202)
        await send_again()
        page = await eventually(
            lambda: read_history(client, conversation),
            lambda page: len(page.get("messages", [])) == 4 and "running" not in page,
        )
        assert [message["text"] for message in page["messages"]] == ["before", "echo: before", "during", "echo: during"]
