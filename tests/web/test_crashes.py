"""Processes that die in mid-reply, as seen from the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from chat_service.engine.process import free_port
from tests.fakes.model import ModelControl
from tests.fakes.model.protocol import Behaviour
from tests.processes import Stack
from tests.web.browser import browsing, window
from tests.web.site import running_apart, running_up

pytestmark = pytest.mark.browser


async def test_a_reply_that_was_killed_is_completed_once_in_the_same_page(own: Stack, chromium: Browser) -> None:
    """`kill -9` of the chat service and the page's server, which one machine runs as one process."""
    ports = {"WEB_PORT": str(free_port()), "CHAT_SERVICE_PORT": str(free_port())}
    await own.model.script(
        Behaviour(kind="stall", text="Half of"), Behaviour(text="The whole reply", chunk=3, delay=0.05)
    )
    async with running_up(own, **ports) as site, browsing(chromium, site.url) as context:
        one = await window(context)
        await one.say("hello")
        await one.says("Half of")
        site.process.kill()
        await site.process.wait()
        await expect(one.page.locator("#connection")).to_contain_text("Offline")
        await one.says("Half of")
        await one.say("and more")
        await expect(one.questions.last.locator(".note")).to_contain_text("Not sent yet")
        async with running_up(own, **ports):
            await one.says("echo: and more")
            texts = ["hello", "The whole reply", "and more", "echo: and more"]
            assert await one.texts() == texts
            await one.page.reload()
            await one.says("echo: and more")
            assert await one.texts() == texts
            await expect(one.page.locator("#connection")).to_be_empty()


async def test_a_chat_service_killed_beside_the_page_completes_the_reply_once(
    engine_binary: Path, model: ModelControl, tmp_path: Path, chromium: Browser, redis_port: int
) -> None:
    """The page's server stays; the second attempt's text takes the place of the first one's."""
    async with (
        running_apart(engine_binary, tmp_path, model, redis_port) as (stack, site),
        browsing(chromium, site.url) as context,
    ):
        await model.script(Behaviour(kind="stall", text="A first try that is longer"), Behaviour(kind="gate"))
        one = await window(context)
        number = await model.count()
        await one.say("hello")
        await one.says("A first try that is longer")
        await stack.kill_service()
        note = one.last.locator(".note")
        await expect(note).to_contain_text("The chat service is not responding")
        await expect(one.page.locator("#connection"), "the page's own server answers").to_be_empty()
        await expect(one.last.locator(".body")).to_have_text("A first try that is longer")
        later = await window(context, f"/c/{one.conversation}", loaded=False)
        await expect(later.page.locator("#loading")).to_contain_text("The chat service did not answer in time")
        await stack.start_service()
        again = await model.wait_for_question("hello", number + 1)
        await model.release(again.number, "Anew")
        for each in (one, later):
            await each.says("Anew")
            await expect(each.last.locator(".note")).to_have_text("Writing…")
        await model.finish(again.number)
        await one.stands("answered")
        assert await one.texts() == ["hello", "Anew"]


async def test_a_reply_can_be_stopped_while_redis_is_away(
    engine_binary: Path, model: ModelControl, tmp_path: Path, chromium: Browser
) -> None:
    """No bus tells that the reply has begun; the page finds out, and offers to stop it."""
    nobody = free_port()
    async with (
        running_apart(engine_binary, tmp_path, model, nobody) as (_, site),
        browsing(chromium, site.url) as context,
    ):
        await model.script(Behaviour(text="here"), Behaviour(kind="stall", text="Never heard"))
        one = await window(context)
        await one.say("are you there?")
        await one.says("here")
        await one.say("hello")
        await expect(one.last.locator(".note")).to_have_text("Waiting for the model…")
        await one.page.get_by_role("button", name="Stop").click()
        await one.stands("stopped")
        await expect(one.page.get_by_role("button", name="Stop")).to_be_hidden()
        await one.say("and now?")
        await one.says("echo: and now?")
