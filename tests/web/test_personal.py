"""What belongs to a person: settings, and a second device."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, expect

from tests.fakes.model.protocol import Behaviour
from tests.processes import Stack, eventually
from tests.web.browser import Window, browsing, window
from tests.web.site import Site, running_site, running_up, visiting

pytestmark = pytest.mark.browser

PERSONAS = """
[pirate]
prompt = "Answer like a pirate."
model = "scripted-large"
"""


@pytest.fixture
async def ship(own: Stack, tmp_path: Path) -> AsyncIterator[Site]:
    """A page with a persona to choose."""
    file = tmp_path / "personas.toml"
    file.write_text(PERSONAS)
    async with running_up(own, PERSONAS_FILE=str(file)) as site:
        yield site


async def _settings(one: Window) -> None:
    await one.page.get_by_role("button", name="Settings").click()
    await expect(one.page.get_by_role("dialog", name="Settings")).to_be_visible()


async def _saved(one: Window) -> None:
    await expect(one.page.locator("#settings-note")).to_have_text("Saved. Applies from the next reply.")
    await one.page.keyboard.press("Escape")
    await expect(one.page.get_by_role("dialog", name="Settings")).to_be_hidden()


async def test_persona_and_model_hold_in_every_conversation(chromium: Browser, own: Stack, ship: Site) -> None:
    async with browsing(chromium, ship.url) as context:
        one = await window(context)
        await _settings(one)
        await one.page.get_by_label("Persona").select_option("pirate")
        await _saved(one)
        await expect(one.page.locator("#model")).to_have_text("scripted-large")
        number = await own.model.count()
        await one.say("ahoy")
        asked = await own.model.wait_for_question("ahoy", number)
        assert "Answer like a pirate." in str(asked.body["messages"][0])
        assert asked.body["model"] == "scripted-large"
        await one.stands("answered")
        await expect(one.last.locator(".note")).to_contain_text("scripted-large")

        await one.page.reload()
        await expect(one.page.locator("#model")).to_have_text("scripted-large")
        await _settings(one)
        await expect(one.page.get_by_label("Persona")).to_have_value("pirate")
        await one.page.get_by_label("Model").fill("scripted")
        await one.page.get_by_label("Model").press("Enter")
        await _saved(one)
        number = await own.model.count()
        await one.say("and the model?")
        assert (await own.model.wait_for_question("and the model?", number)).body["model"] == "scripted"
        await one.stands("answered")

        await _settings(one)
        await one.page.get_by_label("Persona").select_option("Default")
        await expect(one.page.locator("#settings-note")).to_contain_text("Saved")
        await one.page.get_by_label("Model").fill("")
        await one.page.get_by_label("Model").press("Enter")
        await expect(one.page.locator("#model")).to_have_text("scripted")
        await one.page.keyboard.press("Escape")
        await one.page.get_by_role("button", name="New conversation").click()
        number = await own.model.count()
        await one.say("plain again")
        asked = await own.model.wait_for_question("plain again", number)
        assert asked.body["model"] == "scripted"
        assert "pirate" not in str(asked.body)


async def test_a_persona_nobody_defined_is_refused(own: Stack, ship: Site) -> None:
    async with visiting(ship.url) as one:
        answer = await one.ask("PATCH", "/api/settings", {"set": {"persona": "ninja"}})
        assert (answer.status, answer.error) == (400, "there is no persona 'ninja': choose one of the list")


async def test_a_models_name_with_control_characters_is_refused(site: Site, stack: Stack) -> None:
    async with visiting(site.url) as one:
        for name in ("scripted\n", "scrip\x1b[31mted", "scrip\x00ted"):
            answer = await one.ask("PATCH", "/api/settings", {"set": {"model": name}})
            assert (answer.status, answer.error) == (
                400,
                "a model's name has no control characters or line breaks: type it again",
            )
        assert (await one.ask("GET", "/api/settings")).body["own"]["model"] is None


async def test_the_empty_field_names_the_model_in_force(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    await _settings(one)
    await expect(one.page.get_by_label("Model")).to_have_attribute("placeholder", "scripted")


async def test_quick_messages_are_answered_as_chosen(person: BrowserContext, stack: Stack) -> None:
    for choice, answers in (("Answer one by one", 3), ("Answer together", 2)):
        one = await window(person)
        await _settings(one)
        await one.page.get_by_label("Quick messages").select_option(choice)
        await _saved(one)
        await stack.model.script(Behaviour(kind="gate"))
        number = await stack.model.count()
        await one.say("first")
        asked = await stack.model.wait_for_question("first", number)
        await one.say("second")
        await one.say("third")
        await expect(one.questions.last.locator(".note")).to_contain_text("Queued")
        await stack.model.finish(asked.number)
        await expect(one.last.locator(".body")).to_contain_text("third")
        await one.stands("answered")
        await expect(one.replies).to_have_count(answers)
        await one.page.close()


async def test_the_theme_is_chosen_in_the_browser_and_stays(person: BrowserContext) -> None:
    one = await window(person)
    await one.page.emulate_media(color_scheme="light")

    async def paper() -> str:
        return str(await one.page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light = await paper()
    await _settings(one)
    await one.page.get_by_label("Theme").select_option("Dark")
    dark = await paper()
    assert dark != light
    await one.page.reload()
    assert await paper() == dark
    two = await window(person)
    await _settings(two)
    await expect(two.page.get_by_label("Theme")).to_have_value("dark")
    await two.page.get_by_label("Theme").select_option("System")
    await eventually(paper, lambda seen: seen == light)


async def test_a_second_device_joins_by_a_link_that_works_once(
    chromium: Browser, person: BrowserContext, site: Site, stack: Stack
) -> None:
    one = await window(person)
    await one.say("from the desk")
    await one.says("echo: from the desk")
    await _settings(one)
    await one.page.get_by_role("button", name="Create link").click()
    field = one.page.get_by_label("Open this link on the other device")
    await expect(field).to_be_visible()
    link = await field.input_value()
    assert link.startswith(f"{site.url}/join#")
    await expect(one.page.get_by_text("This link only works on this machine")).to_be_visible()
    token = link.partition("#")[2]

    requested: list[str] = []
    async with browsing(chromium, site.url) as phone:
        phone.on("request", lambda request: requested.append(f"{request.url} {request.headers}"))
        before = await window(phone)
        await before.box.fill("a draft of somebody else")
        page = before.page
        await page.goto(link)
        assert page.url == f"{site.url}/join", "the token leaves the address"
        await page.get_by_role("button", name="Join").click()
        two = Window(page)
        await expect(two.box).to_have_value("")
        await page.locator("#conversation-list a").click()
        await two.says("echo: from the desk")
        await two.say("from the phone")
        await one.says("echo: from the phone")
    assert not [line for line in requested if token in line], "no address and no header carries it"

    async with browsing(chromium, site.url) as stranger:
        page = await stranger.new_page()
        await page.goto(link)
        await page.get_by_role("button", name="Join").click()
        await expect(page.get_by_role("alert")).to_contain_text("was used already")
        await page.goto("/")
        await expect(page.get_by_role("heading", name="What is on your mind?")).to_be_visible()
        await expect(page.locator("#conversation-list a")).to_have_count(0)
    secret = next(cookie["value"] for cookie in await person.cookies() if cookie["name"] == "threadwell")
    log = site.log.read_text()
    assert token not in log
    assert secret not in log


async def test_of_two_who_join_at_once_one_comes_in(site: Site, stack: Stack) -> None:
    async with visiting(site.url) as one, visiting(site.url) as two, visiting(site.url) as three:
        token = (await one.ask("POST", "/api/invitation")).body["token"]
        answers = await asyncio.gather(*(each.ask("POST", "/api/join", {"token": token}) for each in (two, three)))
        assert sorted(answer.status for answer in answers) == [200, 410]
        assert sorted((await two.person() == await one.person(), await three.person() == await one.person())) == [
            False,
            True,
        ]


async def test_a_link_outlives_the_page_that_made_it_and_opens_the_door(own: Stack) -> None:
    """What a link needs lies in the engine, not in the process of the page; whom one invites is let in."""
    async with running_up(own):
        async with running_site(own, WEB_ACCESS_TOKEN="for-friends") as door, visiting(door.url, enters=False) as one:
            await one.ask("POST", "/api/signin", {"token": "for-friends"})
            await one.ask("GET", "/")
            token = (await one.ask("POST", "/api/invitation")).body["token"]
            person = await one.person()
        async with running_site(own, WEB_ACCESS_TOKEN="for-friends") as door, visiting(door.url, enters=False) as two:
            assert (await two.ask("GET", "/api/me")).status == 401
            assert (await two.ask("POST", "/api/join", {"token": token})).status == 200
            assert await two.person() == person


async def test_links_cannot_be_guessed_at_leisure(own: Stack) -> None:
    async with running_up(own) as site, visiting(site.url) as one:
        statuses = [(await one.ask("POST", "/api/join", {"token": f"{n:043d}"})).status for n in range(11)]
        assert statuses == [410] * 10 + [429]
