"""What comes late, breaks off or is refused: the page says so, and nothing lands where it does not belong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, BrowserContext, FilePayload, Page, Route, expect

from tests.fakes.model.protocol import Behaviour
from tests.processes import Stack
from tests.web.browser import browsing, window
from tests.web.site import Site, running_site
from tests.web.test_long import opened
from tests.web.test_reach import HAY
from tests.web.test_windows import gated

pytestmark = pytest.mark.browser

AWAY = {"error": "Restate does not answer: try again in a moment."}
INSECURE = """Object.defineProperty(navigator, 'clipboard', { value: undefined });
addEventListener('copy', (event) => { window.copied = document.activeElement.value ?? String(getSelection()); });"""
"""As on a page that is reached by http in a home network."""
TO_THE_TOP = """async () => {
    const box = document.getElementById('scroll');
    box.scrollTop = 0;
    for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
}"""
"""Scroll there once, as a person does, and let the page see it."""


@asynccontextmanager
async def held(page: Page, url: str, method: str = "GET") -> AsyncIterator[asyncio.Event]:
    """Requests to `url` get their answer when the block is left; gives what is set once one was asked."""
    asked, go, busy = asyncio.Event(), asyncio.Event(), asyncio.Semaphore(50)

    async def late(route: Route) -> None:
        async with busy:
            if route.request.method == method:
                asked.set()
                await go.wait()
            await route.continue_()

    await page.route(url, late)
    try:
        yield asked
    finally:
        go.set()
        for _ in range(50):
            await busy.acquire()  # all of them went on
        await page.unroute(url)


async def test_an_answer_that_breaks_off_is_asked_for_again(person: BrowserContext) -> None:
    one = await window(person)
    await one.say("hello")
    await one.says("echo: hello")
    broken = 0

    async def half(route: Route) -> None:
        nonlocal broken
        broken += 1
        await route.fulfill(status=200, content_type="application/json", body='{"messages": [{"seq"')

    await one.page.route(f"**/api/conversations/{one.conversation}?*", half, times=2)
    await one.page.reload()
    await one.says("echo: hello")
    assert broken == 2


@pytest.fixture
async def shared(stack: Stack) -> AsyncIterator[Site]:
    """A page behind a proxy that signs people in."""
    async with running_site(stack, WEB_AUTH_HEADER="X-User", WEB_TRUSTED_PROXIES="127.0.0.1/32") as site:
        yield site


async def test_what_one_person_left_unsent_is_not_sent_by_the_next(
    chromium: Browser, site: Site, shared: Site, stack: Stack
) -> None:
    """Two people who share a browser, and sign in by their proxy."""
    await stack.model.clear()
    async with browsing(chromium, shared.url, extra_http_headers={"X-User": "ada"}) as context:
        number = await stack.model.count()
        one = await window(context)
        await one.say("hello")
        await stack.model.wait_for_question("hello", number)
        await one.page.route("**/messages", lambda route: route.abort())
        await one.say("for ada alone")
        await expect(one.page.get_by_text("Not sent yet.")).to_be_visible()
        await one.box.fill("a draft of hers")
        number = await stack.model.count()
        await context.set_extra_http_headers({"X-User": "ben"})
        await one.page.unroute("**/messages")
        await one.page.reload()
        await expect(one.page).to_have_url(f"{shared.url}/")
        await expect(one.page.get_by_text("for ada alone")).to_have_count(0)
        left = await one.page.evaluate("Object.keys(localStorage).filter((name) => /outbox|draft/.test(name))")
        assert left == []
        await one.say("hello from ben")
        await stack.model.wait_for_question("hello from ben", number)
        await one.page.reload()
        await expect(one.page.locator(".message .text")).to_have_text(["hello from ben"])
        assert not any("ada" in str(seen.body) for seen in await stack.model.everything(number))


async def test_older_messages_that_come_after_the_jump_to_the_end_leave_no_hole(
    person: BrowserContext, stack: Stack
) -> None:
    one = await opened(stack, person, 502, "/c/long#message-201")
    await expect(one.page.locator("#message-201")).to_be_in_viewport()
    latest = one.page.get_by_role("button", name="Jump to latest")
    async with held(one.page, "**/api/conversations/long?*before=*") as asked:
        await one.page.locator("#scroll").evaluate("(box) => { box.scrollTop = 0; }")
        await asyncio.wait_for(asked.wait(), 20)
        await latest.click()
        await one.says("reply 502")
    await expect(latest).to_be_hidden()
    turn = 502
    while turn > 440:
        lines = [text.split("\n")[0] for text in await one.texts()]
        shown = [int(line.split()[1]) for line in lines if line.startswith("reply")]
        assert shown == list(range(shown[0], 503)), "nothing is left out"
        turn = shown[0]
        first = await one.messages.first.get_attribute("id") or ""
        await one.page.evaluate(TO_THE_TOP)
        await expect(one.messages.first).not_to_have_id(first)


async def test_who_reaches_the_top_while_a_page_is_on_its_way_gets_the_next_one(
    person: BrowserContext, stack: Stack
) -> None:
    one = await opened(stack, person, 502, "/c/long#message-201")
    await expect(one.page.locator("#message-201")).to_be_in_viewport()
    async with held(one.page, "**/api/conversations/long?*before=*") as asked:
        await one.page.evaluate(TO_THE_TOP)
        await asyncio.wait_for(asked.wait(), 20)
        await one.page.get_by_role("button", name="Jump to latest").click()
        await one.says("reply 502")
        await one.page.evaluate(TO_THE_TOP)
        first = await one.messages.first.get_attribute("id") or ""
        assert first == "message-965", "the page that is on its way is none of these"
    await expect(one.messages.first).not_to_have_id(first)
    assert "reply 482" in "\n".join(await one.texts())


async def test_an_older_page_that_did_not_come_is_asked_for_again_at_the_top(
    person: BrowserContext, stack: Stack
) -> None:
    one = await opened(stack, person, 62)
    await one.says("reply 62")
    refused = asyncio.Event()

    async def refuse(route: Route) -> None:
        await route.fulfill(status=503, json=AWAY)
        refused.set()

    await one.page.route("**/api/conversations/long?*before=*", refuse)
    first = await one.messages.first.get_attribute("id") or ""
    await one.page.evaluate(TO_THE_TOP)
    await asyncio.wait_for(refused.wait(), 20)
    await expect(one.messages.first).to_have_id(first)
    await one.page.unroute("**/api/conversations/long?*before=*")
    await expect(one.messages.first).not_to_have_id(first)


async def test_a_link_leads_to_its_message_also_while_an_older_page_is_on_its_way(
    person: BrowserContext, stack: Stack
) -> None:
    one = await opened(stack, person, 502)
    await one.says("reply 502")
    async with held(one.page, "**/api/conversations/long?*before=*") as asked:
        await one.page.evaluate(TO_THE_TOP)
        await asyncio.wait_for(asked.wait(), 20)
        await one.page.evaluate("location.hash = '#message-201'")
    await expect(one.page.locator("#message-201")).to_be_in_viewport()


async def test_what_could_not_be_deleted_is_shown_again(person: BrowserContext) -> None:
    one = await window(person)
    await one.say("hello")
    await expect(one.page.locator("#conversation-list a")).to_have_text("A fine title")

    async def refuse(route: Route) -> None:
        if route.request.method == "DELETE":
            await route.fulfill(status=503, json=AWAY)
        else:
            await route.continue_()

    await one.page.route("**/api/conversations/*", refuse)
    await one.page.get_by_role("button", name="Delete").click()
    await expect(one.page.locator("#conversation-list a")).to_have_count(0)
    told = one.page.locator("#toast-text")
    await expect(told).to_have_text(f"The conversation could not be deleted. {AWAY['error']}")
    await expect(one.page.locator("#conversation-list a")).to_have_text("A fine title")


async def test_a_button_that_did_not_work_can_be_pressed_again(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    await stack.model.script(Behaviour(kind="stall", text="So far"))
    await one.say("a story")
    await one.says("So far")
    await one.page.keyboard.press("Escape")
    await one.stands("stopped")
    for name, path in (("Try again", "regenerate"), ("Continue", "go-on")):
        button = one.last.get_by_role("button", name=name)
        await one.page.route(f"**/{path}", lambda route: route.fulfill(status=503, json=AWAY))
        await button.click()
        await expect(one.page.locator("#toast-text")).to_have_text(AWAY["error"])
        await expect(button).to_be_enabled()
        await one.page.unroute(f"**/{path}")
    await stack.model.script(Behaviour(text=" and so on"))
    await one.last.get_by_role("button", name="Continue").click()
    await one.says("So far and so on")


async def test_what_is_taken_back_goes_where_it_came_from(person: BrowserContext, stack: Stack) -> None:
    """The person may be elsewhere when the server says that it was taken back."""
    one = await window(person)
    await one.say("elsewhere")
    await one.says("echo: elsewhere")
    there = one.conversation
    await one.page.get_by_role("button", name="New conversation").click()
    number = await gated(stack, one, "first", "So far")
    await one.box.fill("then a file")
    notes = FilePayload(name="notes.md", mimeType="text/markdown", buffer=b"Ada is a cat.")
    await one.page.locator("#picker").set_input_files([notes])
    await one.box.press("Enter")
    await expect(one.questions.last).to_have_attribute("data-status", "waiting")
    here = one.conversation
    async with held(one.page, "**/withdraw", "POST") as asked:
        await one.questions.last.get_by_role("button", name="Cancel").click()
        await asyncio.wait_for(asked.wait(), 20)
        await one.page.locator(f'#conversation-list a[href="/c/{there}"]').click()
        await one.says("echo: elsewhere")
    told = one.page.locator("#toast-text")
    await expect(told).to_have_text("Cancelled. The text is in the message box of its conversation.")
    await expect(one.box).to_have_value("")
    await expect(one.page.locator("#files .file")).to_have_count(0)
    await one.page.locator(f'#conversation-list a[href="/c/{here}"]').click()
    await expect(one.box).to_have_value("then a file")
    await expect(one.page.locator("#files .file")).to_have_text("notes.md")
    await stack.model.finish(number)


async def test_esc_closes_the_export_menu_and_stops_no_reply(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    number = await gated(stack, one, "a story", "So far")
    await one.says("So far")
    await one.page.get_by_role("button", name="Export").click()
    menu = one.page.get_by_role("menu", name="Export")
    await expect(menu).to_be_visible()
    await one.page.keyboard.press("Escape")
    await expect(menu).to_be_hidden()
    await stack.model.release(number, " and on")
    await one.says("So far and on")
    await stack.model.finish(number)
    await one.stands("answered")


async def test_copying_works_where_a_page_has_no_clipboard(person: BrowserContext) -> None:
    await person.add_init_script(INSECURE)
    one = await window(person)
    await one.say("hello")
    await one.says("echo: hello")
    copy = one.last.get_by_role("button", name="Copy", exact=True)
    await copy.focus()
    await one.page.keyboard.press("Enter")
    await expect(one.last.get_by_role("button", name="Copied")).to_be_focused()
    assert await one.page.evaluate("copied") == "echo: hello"
    await one.page.get_by_role("button", name="Settings").click()
    await one.page.get_by_role("button", name="Create link").click()
    field = one.page.get_by_label("Open this link on the other device")
    await expect(field).to_be_visible()  # the field is filled, then shown
    link = await field.input_value()
    await one.page.locator("#invitation-copy").click()
    await expect(one.page.locator("#invitation-copy")).to_have_text("Copied")
    assert await one.page.evaluate("copied") == link


async def test_who_may_not_copy_is_told(person: BrowserContext) -> None:
    await person.add_init_script(
        "if (navigator.clipboard) navigator.clipboard.writeText = () => Promise.reject(new Error('no'));"
    )
    one = await window(person)
    await one.say("hello")
    await one.says("echo: hello")
    await one.last.get_by_role("button", name="Copy", exact=True).click()
    await expect(one.page.locator("#toast-text")).to_contain_text("does not allow copying")


async def test_a_file_that_is_read_stays_open(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    notes = FilePayload(name="notes.md", mimeType="text/markdown", buffer=b"Ada is a cat.")
    await one.page.locator("#picker").set_input_files([notes])
    number = await gated(stack, one, "what is she?", "A")
    await one.says("A")
    await one.questions.last.get_by_text("notes.md").click()
    file = one.questions.last.get_by_text("Ada is a cat.")
    await expect(file).to_be_visible()
    await stack.model.release(number, " cat")
    await stack.model.finish(number)
    await one.stands("answered")
    await expect(one.page.locator("#conversation-list a")).to_have_text("A fine title")
    await expect(file).to_be_visible()
    await one.say("and without a file?")
    await expect(one.questions).to_have_count(2)
    await expect(one.questions.last.locator(".files"), "no empty list is told or has room").to_have_attribute(
        "hidden", ""
    )


async def test_screen_readers_hear_one_reply_end_and_the_next_begin(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    await one.page.evaluate(
        """() => {
            window.spoken = [];
            const region = document.getElementById('announcer');
            new MutationObserver(() => spoken.push(region.textContent.trim()))
                .observe(region, { childList: true, characterData: true, subtree: true });
        }"""
    )
    number = await gated(stack, one, "first", "one")
    await stack.model.script(Behaviour(text="two"))
    await one.say("second")
    await expect(one.questions.last).to_have_attribute("data-status", "waiting")
    await stack.model.finish(number)
    await one.says("two")
    await one.stands("answered")
    await expect(one.page.locator("#announcer")).to_have_text("The reply is complete.")
    # In one breath, or in two where the page was told of the end before the beginning.
    heard = " ".join(await one.page.evaluate("spoken")).replace("The next one begins.", "The reply begins.")
    assert heard == " ".join(["The reply begins. The reply is complete."] * 2)


async def test_the_focus_outlives_the_button_that_goes(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    await stack.model.script(Behaviour(kind="stall", text="So far"))
    await one.say("a story")
    await one.says("So far")
    stop = one.page.get_by_role("button", name="Stop")
    await stop.focus()
    await one.page.keyboard.press("Enter")
    await one.stands("stopped")
    await expect(one.box).to_be_focused()

    await one.page.route("**/messages", lambda route: route.abort())
    await one.say("once more")
    await expect(one.page.get_by_text("Not sent yet.")).to_be_visible()
    await one.page.unroute("**/messages")
    await one.questions.last.get_by_role("button", name="Try again").focus()
    await one.page.keyboard.press("Enter")
    await one.says("echo: once more")
    await expect(one.box).to_be_focused()

    await one.page.evaluate(HAY, 58)
    links = one.page.locator("#conversation-list a")
    await expect(links).to_have_count(59)
    await one.page.reload()
    await expect(links).to_have_count(50)
    older = one.page.get_by_role("button", name="Older conversations")
    await one.page.route("**/api/conversations?*", lambda route: route.fulfill(status=503, json=AWAY))
    await older.focus()
    await one.page.keyboard.press("Enter")
    await expect(one.page.locator("#toast-text")).to_have_text(AWAY["error"])
    await expect(older).to_be_focused()
    await one.page.unroute("**/api/conversations?*")
    await one.page.keyboard.press("Enter")
    await expect(links).to_have_count(59)
    await expect(links.nth(50)).to_be_focused()
