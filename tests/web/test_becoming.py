"""A browser that becomes somebody else, by joining or by going back: nothing is lost, and no window stays behind."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.processes import Stack
from tests.web.browser import Window, browsing, same_person, window
from tests.web.site import Site, visiting

pytestmark = pytest.mark.browser


async def _invited(one: Window) -> str:
    await one.page.get_by_role("button", name="Settings").click()
    await one.page.get_by_role("button", name="Create link").click()
    field = one.page.get_by_label("Open this link on the other device")
    await expect(field).to_be_visible()
    link = await field.input_value()
    await one.page.keyboard.press("Escape")
    return link


async def _said(context: BrowserContext, text: str) -> Window:
    """A window in which this was said, and answered."""
    one = await window(context)
    await one.say(text)
    await one.says(f"echo: {text}")
    return one


async def _joined(page: Page, link: str) -> None:
    await page.goto(link)
    await _joined_here(page)


async def _joined_here(page: Page) -> None:
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_role("heading", name="What is on your mind?")).to_be_visible()


async def test_joining_says_what_will_not_be_shown_and_can_be_taken_back(
    chromium: Browser, person: BrowserContext, site: Site, stack: Stack
) -> None:
    one = await _said(person, "from the desk")
    link = await _invited(one)
    async with browsing(chromium, site.url) as phone:
        two = await _said(phone, "my own")
        await expect(two.page.locator("#conversation-list a")).to_have_text(["A fine title"])
        await two.page.get_by_role("button", name="Settings").click()
        await expect(two.page.get_by_role("dialog", name="Settings")).to_be_visible()
        back = two.page.get_by_role("button", name="Switch back to this browser’s conversations")
        await expect(back).to_be_hidden()

        await two.page.goto(link)
        await expect(two.page.get_by_text("with a link that you created yourself")).to_be_visible()
        await expect(two.page.get_by_text("This browser has one conversation of its own")).to_be_visible()
        await two.page.get_by_role("button", name="Join").click()
        await two.page.locator("#conversation-list a").click()
        await two.says("echo: from the desk")

        await two.page.get_by_role("button", name="Settings").click()
        await back.click()
        await expect(two.page).to_have_url(f"{site.url}/")
        await two.page.locator("#conversation-list a").click()
        await two.says("echo: my own")


async def test_a_link_is_not_used_up_by_looking_or_by_its_own_browser(
    chromium: Browser, person: BrowserContext, site: Site, stack: Stack
) -> None:
    one = await _said(person, "from the desk")
    link = await _invited(one)
    own = await person.new_page()
    await own.goto(link)
    said = own.get_by_role("alert")
    await expect(said).to_contain_text("This browser shows those conversations already")
    await expect(own.get_by_text("Joining hides them")).to_be_hidden()
    await own.get_by_role("button", name="Join").click()
    await expect(said).to_contain_text("open it on the other device")
    await expect(own).to_have_url(f"{site.url}/join")
    async with browsing(chromium, site.url) as phone:
        page = await phone.new_page()
        await page.goto(link)
        for _ in range(2):
            await page.reload()
            assert page.url == f"{site.url}/join"
        await _joined_here(page)
        await page.locator("#conversation-list a").click()
        await Window(page).says("echo: from the desk")
        assert await page.evaluate("sessionStorage.getItem('threadwell:join-token')") is None
        await page.goto(link)
        await expect(page.get_by_role("alert"), "told before the button is pressed").to_contain_text("was used already")


async def test_open_windows_of_a_browser_that_joins_become_the_same_person_live(
    chromium: Browser, person: BrowserContext, site: Site, stack: Stack
) -> None:
    one = await _said(person, "from the desk")
    link = await _invited(one)
    async with browsing(chromium, site.url) as phone:
        old = await _said(phone, "my own")
        await old.box.fill("a draft of whoever was here")
        await _joined(await phone.new_page(), link)
        await expect(old.page).to_have_url(f"{site.url}/")
        await expect(old.box).to_have_value("")
        await old.page.locator("#conversation-list a").click()
        await old.says("echo: from the desk")
        await one.say("is it live?")
        await old.says("echo: is it live?")


async def test_the_worker_goes_over_to_the_new_person(
    chromium: Browser, person: BrowserContext, site: Site, stack: Stack
) -> None:
    """It outlives the windows that load again, so it has to ask for another stream by itself."""
    one = await _said(person, "from the desk")
    link = await _invited(one)
    async with browsing(chromium, site.url) as phone:
        await phone.add_init_script(
            """if (self.BroadcastChannel && location.pathname !== '/join') {
                Object.defineProperty(BroadcastChannel.prototype, 'onmessage', { set() {} });
            }"""
        )
        old = await window(phone)  # does not hear of it, and keeps the worker alive
        await old.say("my own")
        await old.says("echo: my own")
        page = await phone.new_page()
        await _joined(page, link)
        await page.locator("#conversation-list a").click()
        two = Window(page)
        await two.says("echo: from the desk")
        await one.say("is it live?")
        await two.says("echo: is it live?")


async def test_a_window_that_missed_it_writes_nothing_in_the_other_name(
    chromium: Browser, person: BrowserContext, site: Site, stack: Stack
) -> None:
    desk = await _said(person, "from the desk")
    async with browsing(chromium, site.url) as phone:
        old = await _said(phone, "my own")
        for one in (desk, old):  # a title that is still to come would be counted
            await expect(one.page.locator("#conversation-list a")).to_have_text(["A fine title"])
        await same_person(person, phone)
        number = await stack.model.count()
        await old.say("meant for my own thread")
        await expect(old.page).to_have_url(f"{site.url}/")
        await expect(old.page.locator("#conversation-list a")).to_have_count(1)
        await old.page.locator("#conversation-list a").click()
        await old.says("echo: from the desk")
        assert await stack.model.requests(number) == []
        kept = await old.page.evaluate("Object.keys(localStorage).filter((name) => name.includes('outbox'))")
        assert kept == []


async def test_a_request_in_anothers_name_is_refused(site: Site, stack: Stack) -> None:
    async with visiting(site.url) as one, visiting(site.url) as two:
        mine = await one.person()
        assert (await one.ask("GET", "/api/conversations", **{"X-Person": mine})).status == 200
        refused = await two.ask("GET", "/api/conversations", **{"X-Person": mine})
        assert (refused.status, refused.error) == (412, "this browser has another identity now: load the page again")


async def test_whoever_followed_two_links_goes_back_to_who_they_were(site: Site, stack: Stack) -> None:
    async with visiting(site.url) as own, visiting(site.url) as first, visiting(site.url) as second:
        was = await own.person()
        assert (await own.ask("POST", "/api/go-back")).status == 409
        for other in (first, second):
            token = (await other.ask("POST", "/api/invitation")).body["token"]
            assert (await own.ask("POST", "/api/join", {"token": token})).status == 200
            assert await own.person() == await other.person()
        assert (await own.ask("GET", "/api/me")).body["previous_identity"] is True
        assert (await own.ask("POST", "/api/go-back")).status == 200
        assert await own.person() == was
        assert (await own.ask("GET", "/api/me")).body["previous_identity"] is False
