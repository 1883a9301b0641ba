"""Settings of a person, and joining with a second device."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, expect

from tests.fakes.model import ModelControl
from tests.fakes.model.protocol import ModelRequest
from tests.processes import Stack, eventually
from tests.web.api_client import ApiClient, open_client
from tests.web.browser import ChatPage, open_chat, open_context
from tests.web.page_actions import start_gated_reply
from tests.web.web_server import WebServer, running_threadwell_up, running_web_app

pytestmark = pytest.mark.browser

PERSONAS = """
[pirate]
prompt = "Answer like a pirate."
model = "scripted-large"
"""


async def open_settings(chat: ChatPage) -> None:
    """Open the settings dialog."""
    await chat.page.get_by_role("button", name="Settings").click()
    await expect(chat.page.get_by_role("dialog", name="Settings")).to_be_visible()


async def expect_saved_and_close(chat: ChatPage) -> None:
    """Wait until a change is saved, and close the settings dialog."""
    await expect(chat.page.locator("#settings-note")).to_have_text("Saved. Applies from the next reply.")
    await chat.page.keyboard.press("Escape")
    await expect(chat.page.get_by_role("dialog", name="Settings")).to_be_hidden()


async def send_and_read_request(chat: ChatPage, model: ModelControl, text: str) -> ModelRequest:
    """Send a message and return the model's request for its reply."""
    number = await model.count_requests()
    await chat.send(text)
    return await model.wait_for_question(text, number)


async def test_persona_and_model_apply_to_every_conversation(
    chromium: Browser, own_engine: Stack, tmp_path: Path
) -> None:
    personas, model = tmp_path / "personas.toml", own_engine.model
    personas.write_text(PERSONAS)
    async with (
        running_threadwell_up(own_engine, PERSONAS_FILE=str(personas)) as web_server,
        open_context(chromium, web_server.url) as context,
    ):
        chat = await open_chat(context)
        await open_settings(chat)
        await chat.page.get_by_label("Persona").select_option("pirate")
        await expect_saved_and_close(chat)
        await expect(chat.page.locator("#model")).to_have_text("scripted-large")
        request = await send_and_read_request(chat, model, "ahoy")
        assert "Answer like a pirate." in str(request.body["messages"][0])
        assert request.body["model"] == "scripted-large"
        await chat.expect_status("answered")
        await expect(chat.last_reply.locator(".note")).to_contain_text("scripted-large")

        await chat.page.reload()
        await expect(chat.page.locator("#model")).to_have_text("scripted-large")
        await open_settings(chat)
        await expect(chat.page.get_by_label("Persona")).to_have_value("pirate")
        await chat.page.get_by_label("Model").fill("scripted")
        await chat.page.get_by_label("Model").press("Enter")
        await expect_saved_and_close(chat)
        assert (await send_and_read_request(chat, model, "and the model?")).body["model"] == "scripted"
        await chat.expect_status("answered")

        await open_settings(chat)
        await chat.page.get_by_label("Persona").select_option("Default")
        await expect(chat.page.locator("#settings-note")).to_contain_text("Saved")
        await chat.page.get_by_label("Model").fill("")
        await chat.page.get_by_label("Model").press("Enter")
        await expect(chat.page.locator("#model")).to_have_text("scripted")
        await chat.page.keyboard.press("Escape")
        await chat.page.get_by_role("button", name="New conversation").click()
        request = await send_and_read_request(chat, model, "plain again")
        assert request.body["model"] == "scripted"
        assert "pirate" not in str(request.body)


async def test_an_unknown_persona_is_refused(client: ApiClient) -> None:
    response = await client.request("PATCH", "/api/settings", {"set": {"persona": "ninja"}})
    assert (response.status, response.error) == (400, "there is no persona 'ninja': choose one of the list")


async def test_a_model_name_with_control_characters_is_refused(client: ApiClient) -> None:
    for name in ("scripted\n", "scrip\x1b[31mted", "scrip\x00ted"):
        response = await client.request("PATCH", "/api/settings", {"set": {"model": name}})
        assert response.status == 400
        assert response.error == "a model's name has no control characters or line breaks: type it again"
    assert (await client.request("GET", "/api/settings")).body["own"]["model"] is None


async def test_quick_messages_are_answered_one_by_one(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await open_settings(chat)
    await expect(chat.page.get_by_label("Model")).to_have_attribute("placeholder", "scripted")
    await chat.page.get_by_label("Quick messages").select_option("Answer one by one")
    await expect_saved_and_close(chat)
    request = await start_gated_reply(stack, chat, "first")
    await chat.send("second")
    await chat.send("third")
    await expect(chat.questions.last.locator(".note")).to_contain_text("Queued")
    await stack.model.finish(request)
    await chat.expect_reply("echo: third")
    await chat.expect_status("answered")
    await expect(chat.replies).to_have_count(3)


async def test_the_theme_is_stored_and_applies_to_every_window(context: BrowserContext) -> None:
    first = await open_chat(context)
    await first.page.emulate_media(color_scheme="light")

    async def background() -> str:
        return str(await first.page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light = await background()
    await open_settings(first)
    await first.page.get_by_label("Theme").select_option("Dark")
    dark = await background()
    assert dark != light
    await first.page.reload()
    assert await background() == dark
    second = await open_chat(context)
    await open_settings(second)
    await expect(second.page.get_by_label("Theme")).to_have_value("dark")
    await second.page.get_by_label("Theme").select_option("System")
    await eventually(background, lambda color: color == light)


async def test_a_second_device_joins_by_a_link_and_switches_back(
    context: BrowserContext, second_context: BrowserContext, web_server: WebServer
) -> None:
    first = await open_chat(context)
    await first.ask("from the computer")
    await open_settings(first)
    await first.page.get_by_role("button", name="Create link").click()
    link_box = first.page.get_by_label("Open this link on the other device")
    await expect(link_box).to_be_visible()
    link = await link_box.input_value()
    assert link.startswith(f"{web_server.url}/join#")
    await expect(first.page.get_by_text("This link only works on this machine")).to_be_visible()
    token = link.partition("#")[2]

    requests: list[str] = []
    second = await open_chat(second_context)
    second.page.on("request", lambda request: requests.append(f"{request.url} {request.headers}"))
    await second.ask("my own")
    await expect(second.links).to_have_text(["A fine title"])
    await second.message_box.fill("a draft of the previous identity")
    await open_settings(second)
    back = second.page.get_by_role("button", name="Switch back to this browser’s conversations")
    await expect(back).to_be_hidden()

    await second.page.goto(link)
    assert second.page.url == f"{web_server.url}/join", "the token is removed from the address"
    await expect(second.page.get_by_text("with a link that you created yourself")).to_be_visible()
    await expect(second.page.get_by_text("This browser has one conversation of its own")).to_be_visible()
    await second.page.get_by_role("button", name="Join").click()
    await expect(second.message_box).to_have_value("")
    await second.links.click()
    await second.expect_reply("echo: from the computer")
    await second.send("from the phone")
    await first.expect_reply("echo: from the phone")

    await open_settings(second)
    await back.click()
    await expect(second.page).to_have_url(f"{web_server.url}/")
    await second.links.click()
    await second.expect_reply("echo: my own")
    assert not [request for request in requests if token in request], "the token is in no address and no header"

    secret = next(cookie["value"] for cookie in await context.cookies() if cookie["name"] == "threadwell")
    log = web_server.log.read_text()
    assert token not in log
    assert secret not in log


async def test_only_one_of_two_concurrent_joins_succeeds(web_server: WebServer, client: ApiClient) -> None:
    async with open_client(web_server.url) as second, open_client(web_server.url) as third:
        token = (await client.request("POST", "/api/invitation")).body["token"]
        responses = await asyncio.gather(
            *(device.request("POST", "/api/join", {"token": token}) for device in (second, third))
        )
        assert sorted(response.status for response in responses) == [200, 410]
        person = await client.get_person_id()
        joined = [await device.get_person_id() == person for device in (second, third)]
        assert sorted(joined) == [False, True]


async def test_a_link_survives_a_restart_and_replaces_the_access_token(stack: Stack) -> None:
    """Restate stores the invitation. An invited device needs no access token."""
    async with (
        running_web_app(stack, web_access_token="for-friends") as url,
        open_client(url, load_page=False) as client,
    ):
        await client.request("POST", "/api/signin", {"token": "for-friends"})
        await client.request("GET", "/")
        token = (await client.request("POST", "/api/invitation")).body["token"]
        person = await client.get_person_id()
    async with (
        running_web_app(stack, web_access_token="for-friends") as url,
        open_client(url, load_page=False) as second,
    ):
        assert (await second.request("GET", "/api/me")).status == 401
        assert (await second.request("POST", "/api/join", {"token": token})).status == 200
        assert await second.get_person_id() == person


async def test_attempts_to_guess_a_link_are_limited(stack: Stack) -> None:
    async with running_web_app(stack) as url, open_client(url) as client:
        statuses = [(await client.request("POST", "/api/join", {"token": f"{n:043d}"})).status for n in range(11)]
        assert statuses == [410] * 10 + [429]
