"""What belongs to a person: settings, and a second device."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, expect

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack, eventually
from tests.web.api_client import open_client
from tests.web.browser import ChatPage, open_chat, open_context
from tests.web.web_server import WebServer, running_threadwell_up, running_web_server

pytestmark = pytest.mark.browser

PERSONAS = """
[pirate]
prompt = "Answer like a pirate."
model = "scripted-large"
"""


@pytest.fixture
async def ship(own_engine: Stack, tmp_path: Path) -> AsyncIterator[WebServer]:
    """A page with a persona to choose."""
    file = tmp_path / "personas.toml"
    file.write_text(PERSONAS)
    async with running_threadwell_up(own_engine, PERSONAS_FILE=str(file)) as web_server:
        yield web_server


async def _settings(chat: ChatPage) -> None:
    await chat.page.get_by_role("button", name="Settings").click()
    await expect(chat.page.get_by_role("dialog", name="Settings")).to_be_visible()


async def _saved(chat: ChatPage) -> None:
    await expect(chat.page.locator("#settings-note")).to_have_text("Saved. Applies from the next reply.")
    await chat.page.keyboard.press("Escape")
    await expect(chat.page.get_by_role("dialog", name="Settings")).to_be_hidden()


async def test_persona_and_model_hold_in_every_conversation(
    chromium: Browser, own_engine: Stack, ship: WebServer
) -> None:
    async with open_context(chromium, ship.url) as context:
        chat = await open_chat(context)
        await _settings(chat)
        await chat.page.get_by_label("Persona").select_option("pirate")
        await _saved(chat)
        await expect(chat.page.locator("#model")).to_have_text("scripted-large")
        number = await own_engine.model.count_requests()
        await chat.send("ahoy")
        asked = await own_engine.model.wait_for_question("ahoy", number)
        assert "Answer like a pirate." in str(asked.body["messages"][0])
        assert asked.body["model"] == "scripted-large"
        await chat.expect_status("answered")
        await expect(chat.last_reply.locator(".note")).to_contain_text("scripted-large")

        await chat.page.reload()
        await expect(chat.page.locator("#model")).to_have_text("scripted-large")
        await _settings(chat)
        await expect(chat.page.get_by_label("Persona")).to_have_value("pirate")
        await chat.page.get_by_label("Model").fill("scripted")
        await chat.page.get_by_label("Model").press("Enter")
        await _saved(chat)
        number = await own_engine.model.count_requests()
        await chat.send("and the model?")
        assert (await own_engine.model.wait_for_question("and the model?", number)).body["model"] == "scripted"
        await chat.expect_status("answered")

        await _settings(chat)
        await chat.page.get_by_label("Persona").select_option("Default")
        await expect(chat.page.locator("#settings-note")).to_contain_text("Saved")
        await chat.page.get_by_label("Model").fill("")
        await chat.page.get_by_label("Model").press("Enter")
        await expect(chat.page.locator("#model")).to_have_text("scripted")
        await chat.page.keyboard.press("Escape")
        await chat.page.get_by_role("button", name="New conversation").click()
        number = await own_engine.model.count_requests()
        await chat.send("plain again")
        asked = await own_engine.model.wait_for_question("plain again", number)
        assert asked.body["model"] == "scripted"
        assert "pirate" not in str(asked.body)


async def test_a_persona_nobody_defined_is_refused(own_engine: Stack, ship: WebServer) -> None:
    async with open_client(ship.url) as client:
        answer = await client.request("PATCH", "/api/settings", {"set": {"persona": "ninja"}})
        assert (answer.status, answer.error) == (400, "there is no persona 'ninja': choose one of the list")


async def test_a_models_name_with_control_characters_is_refused(web_server: WebServer, stack: Stack) -> None:
    async with open_client(web_server.url) as client:
        for name in ("scripted\n", "scrip\x1b[31mted", "scrip\x00ted"):
            answer = await client.request("PATCH", "/api/settings", {"set": {"model": name}})
            assert (answer.status, answer.error) == (
                400,
                "a model's name has no control characters or line breaks: type it again",
            )
        assert (await client.request("GET", "/api/settings")).body["own"]["model"] is None


async def test_the_empty_field_names_the_model_in_force(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await _settings(chat)
    await expect(chat.page.get_by_label("Model")).to_have_attribute("placeholder", "scripted")


async def test_quick_messages_are_answered_as_chosen(context: BrowserContext, stack: Stack) -> None:
    for choice, answers in (("Answer one by one", 3), ("Answer together", 2)):
        chat = await open_chat(context)
        await _settings(chat)
        await chat.page.get_by_label("Quick messages").select_option(choice)
        await _saved(chat)
        await stack.model.script(ScriptedResponse(kind="gate"))
        number = await stack.model.count_requests()
        await chat.send("first")
        asked = await stack.model.wait_for_question("first", number)
        await chat.send("second")
        await chat.send("third")
        await expect(chat.questions.last.locator(".note")).to_contain_text("Queued")
        await stack.model.finish(asked.number)
        await expect(chat.last_reply.locator(".body")).to_contain_text("third")
        await chat.expect_status("answered")
        await expect(chat.replies).to_have_count(answers)
        await chat.page.close()


async def test_the_theme_is_chosen_in_the_browser_and_stays(context: BrowserContext) -> None:
    first = await open_chat(context)
    await first.page.emulate_media(color_scheme="light")

    async def paper() -> str:
        return str(await first.page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light = await paper()
    await _settings(first)
    await first.page.get_by_label("Theme").select_option("Dark")
    dark = await paper()
    assert dark != light
    await first.page.reload()
    assert await paper() == dark
    second = await open_chat(context)
    await _settings(second)
    await expect(second.page.get_by_label("Theme")).to_have_value("dark")
    await second.page.get_by_label("Theme").select_option("System")
    await eventually(paper, lambda seen: seen == light)


async def test_a_second_device_joins_by_a_link_that_works_once(
    chromium: Browser, context: BrowserContext, web_server: WebServer, stack: Stack
) -> None:
    first = await open_chat(context)
    await first.send("from the desk")
    await first.expect_reply("echo: from the desk")
    await _settings(first)
    await first.page.get_by_role("button", name="Create link").click()
    field = first.page.get_by_label("Open this link on the other device")
    await expect(field).to_be_visible()
    link = await field.input_value()
    assert link.startswith(f"{web_server.url}/join#")
    await expect(first.page.get_by_text("This link only works on this machine")).to_be_visible()
    token = link.partition("#")[2]

    requested: list[str] = []
    async with open_context(chromium, web_server.url) as phone:
        phone.on("request", lambda request: requested.append(f"{request.url} {request.headers}"))
        before = await open_chat(phone)
        await before.message_box.fill("a draft of somebody else")
        page = before.page
        await page.goto(link)
        assert page.url == f"{web_server.url}/join", "the token leaves the address"
        await page.get_by_role("button", name="Join").click()
        second = ChatPage(page)
        await expect(second.message_box).to_have_value("")
        await page.locator("#conversation-list a").click()
        await second.expect_reply("echo: from the desk")
        await second.send("from the phone")
        await first.expect_reply("echo: from the phone")
    assert not [line for line in requested if token in line], "no address and no header carries it"

    async with open_context(chromium, web_server.url) as stranger:
        page = await stranger.new_page()
        await page.goto(link)
        await page.get_by_role("button", name="Join").click()
        await expect(page.get_by_role("alert")).to_contain_text("was used already")
        await page.goto("/")
        await expect(page.get_by_role("heading", name="What is on your mind?")).to_be_visible()
        await expect(page.locator("#conversation-list a")).to_have_count(0)
    secret = next(cookie["value"] for cookie in await context.cookies() if cookie["name"] == "threadwell")
    log = web_server.log.read_text()
    assert token not in log
    assert secret not in log


async def test_of_two_who_join_at_once_one_comes_in(web_server: WebServer, stack: Stack) -> None:
    async with (
        open_client(web_server.url) as client,
        open_client(web_server.url) as other_client,
        open_client(web_server.url) as third_client,
    ):
        token = (await client.request("POST", "/api/invitation")).body["token"]
        answers = await asyncio.gather(
            *(each.request("POST", "/api/join", {"token": token}) for each in (other_client, third_client))
        )
        assert sorted(answer.status for answer in answers) == [200, 410]
        assert sorted(
            (
                await other_client.get_person_id() == await client.get_person_id(),
                await third_client.get_person_id() == await client.get_person_id(),
            )
        ) == [
            False,
            True,
        ]


async def test_a_link_outlives_the_page_that_made_it_and_opens_the_door(own_engine: Stack) -> None:
    """What a link needs lies in the engine, not in the process of the page; whom one invites is let in."""
    async with running_threadwell_up(own_engine):
        async with (
            running_web_server(own_engine, WEB_ACCESS_TOKEN="for-friends") as door,
            open_client(door.url, load_page=False) as client,
        ):
            await client.request("POST", "/api/signin", {"token": "for-friends"})
            await client.request("GET", "/")
            token = (await client.request("POST", "/api/invitation")).body["token"]
            person = await client.get_person_id()
        async with (
            running_web_server(own_engine, WEB_ACCESS_TOKEN="for-friends") as door,
            open_client(door.url, load_page=False) as other_client,
        ):
            assert (await other_client.request("GET", "/api/me")).status == 401
            assert (await other_client.request("POST", "/api/join", {"token": token})).status == 200
            assert await other_client.get_person_id() == person


async def test_links_cannot_be_guessed_at_leisure(own_engine: Stack) -> None:
    async with running_threadwell_up(own_engine) as web_server, open_client(web_server.url) as client:
        statuses = [(await client.request("POST", "/api/join", {"token": f"{n:043d}"})).status for n in range(11)]
        assert statuses == [410] * 10 + [429]
