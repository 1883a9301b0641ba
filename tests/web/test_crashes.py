"""Processes that die in mid-reply, as seen from the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from chat_service.engine.process import free_port
from tests.fakes.model import ModelControl
from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.browser import open_chat, open_context
from tests.web.web_server import running_separate_processes, running_threadwell_up

pytestmark = pytest.mark.browser


async def test_a_reply_that_was_killed_is_completed_once_in_the_same_page(own_engine: Stack, chromium: Browser) -> None:
    """`kill -9` of the chat service and the page's server, which one machine runs as one process."""
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


async def test_a_chat_service_killed_beside_the_page_completes_the_reply_once(
    engine_binary: Path, model: ModelControl, tmp_path: Path, chromium: Browser, redis_port: int
) -> None:
    """The page's server stays; the second attempt's text takes the place of the first one's."""
    async with (
        running_separate_processes(engine_binary, tmp_path, model, redis_port) as (stack, web_server),
        open_context(chromium, web_server.url) as context,
    ):
        await model.script(
            ScriptedResponse(kind="stall", text="A first try that is longer"), ScriptedResponse(kind="gate")
        )
        chat = await open_chat(context)
        number = await model.count_requests()
        await chat.send("hello")
        await chat.expect_reply("A first try that is longer")
        await stack.kill_service()
        note = chat.last_reply.locator(".note")
        await expect(note).to_contain_text("The chat service is not responding")
        await expect(chat.page.locator("#connection"), "the page's own server answers").to_be_empty()
        await expect(chat.last_reply.locator(".body")).to_have_text("A first try that is longer")
        later = await open_chat(context, f"/c/{chat.conversation}", loaded=False)
        await expect(later.page.locator("#loading")).to_contain_text("The chat service did not answer in time")
        await stack.start_service()
        again = await model.wait_for_question("hello", number + 1)
        await model.release(again.number, "Anew")
        for page in (chat, later):
            await page.expect_reply("Anew")
            await expect(page.last_reply.locator(".note")).to_have_text("Writing…")
        await model.finish(again.number)
        await chat.expect_status("answered")
        assert await chat.read_texts() == ["hello", "Anew"]


async def test_a_reply_can_be_stopped_while_redis_is_away(
    engine_binary: Path, model: ModelControl, tmp_path: Path, chromium: Browser
) -> None:
    """No bus tells that the reply has begun; the page finds out, and offers to stop it."""
    nobody = free_port()
    async with (
        running_separate_processes(engine_binary, tmp_path, model, nobody) as (_, web_server),
        open_context(chromium, web_server.url) as context,
    ):
        await model.script(ScriptedResponse(text="here"), ScriptedResponse(kind="stall", text="Never heard"))
        chat = await open_chat(context)
        await chat.send("are you there?")
        await chat.expect_reply("here")
        await chat.send("hello")
        await expect(chat.last_reply.locator(".note")).to_have_text("Waiting for the model…")
        await chat.page.get_by_role("button", name="Stop").click()
        await chat.expect_status("stopped")
        await expect(chat.page.get_by_role("button", name="Stop")).to_be_hidden()
        await chat.send("and now?")
        await chat.expect_reply("echo: and now?")
