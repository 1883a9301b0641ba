"""What comes late, breaks off or is refused: the page says so, and nothing lands where it does not belong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, BrowserContext, FilePayload, Route, expect

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.browser import open_chat, open_context
from tests.web.page_actions import (
    CREATE_CONVERSATIONS,
    SCROLL_TO_TOP,
    UNAVAILABLE,
    hold_requests,
    open_seeded_chat,
    start_gated_reply,
)
from tests.web.web_server import WebServer, running_web_server

pytestmark = pytest.mark.browser

INSECURE = """Object.defineProperty(navigator, 'clipboard', { value: undefined });
addEventListener('copy', (event) => { window.copied = document.activeElement.value ?? String(getSelection()); });"""
"""As on a page that is reached by http in a home network."""


async def test_an_answer_that_breaks_off_is_asked_for_again(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await chat.send("hello")
    await chat.expect_reply("echo: hello")
    broken = 0

    async def half(route: Route) -> None:
        nonlocal broken
        broken += 1
        await route.fulfill(status=200, content_type="application/json", body='{"messages": [{"seq"')

    await chat.page.route(f"**/api/conversations/{chat.conversation}?*", half, times=2)
    await chat.page.reload()
    await chat.expect_reply("echo: hello")
    assert broken == 2


@pytest.fixture
async def shared(stack: Stack) -> AsyncIterator[WebServer]:
    """A page behind a proxy that signs people in."""
    async with running_web_server(stack, WEB_AUTH_HEADER="X-User", WEB_TRUSTED_PROXIES="127.0.0.1/32") as web_server:
        yield web_server


async def test_what_one_person_left_unsent_is_not_sent_by_the_next(
    chromium: Browser, web_server: WebServer, shared: WebServer, stack: Stack
) -> None:
    """Two people who share a browser, and sign in by their proxy."""
    await stack.model.clear_script()
    async with open_context(chromium, shared.url, extra_http_headers={"X-User": "ada"}) as context:
        number = await stack.model.count_requests()
        chat = await open_chat(context)
        await chat.send("hello")
        await stack.model.wait_for_question("hello", number)
        await chat.page.route("**/messages", lambda route: route.abort())
        await chat.send("for ada alone")
        await expect(chat.page.get_by_text("Not sent yet.")).to_be_visible()
        await chat.message_box.fill("a draft of hers")
        number = await stack.model.count_requests()
        await context.set_extra_http_headers({"X-User": "ben"})
        await chat.page.unroute("**/messages")
        await chat.page.reload()
        await expect(chat.page).to_have_url(f"{shared.url}/")
        await expect(chat.page.get_by_text("for ada alone")).to_have_count(0)
        left = await chat.page.evaluate("Object.keys(localStorage).filter((name) => /outbox|draft/.test(name))")
        assert left == []
        await chat.send("hello from ben")
        await stack.model.wait_for_question("hello from ben", number)
        await chat.page.reload()
        await expect(chat.page.locator(".message .text")).to_have_text(["hello from ben"])
        assert not any("ada" in str(seen.body) for seen in await stack.model.all_requests(number))


async def test_older_messages_that_come_after_the_jump_to_the_end_leave_no_hole(
    context: BrowserContext, stack: Stack
) -> None:
    chat = await open_seeded_chat(stack, context, 502, "/c/long#message-201")
    await expect(chat.page.locator("#message-201")).to_be_in_viewport()
    latest = chat.page.get_by_role("button", name="Jump to latest")
    async with hold_requests(chat.page, "**/api/conversations/long?*before=*") as asked:
        await chat.page.locator("#scroll").evaluate("(box) => { box.scrollTop = 0; }")
        await asyncio.wait_for(asked.wait(), 20)
        await latest.click()
        await chat.expect_reply("reply 502")
    await expect(latest).to_be_hidden()
    turn = 502
    while turn > 440:
        lines = [text.split("\n")[0] for text in await chat.read_texts()]
        shown = [int(line.split()[1]) for line in lines if line.startswith("reply")]
        assert shown == list(range(shown[0], 503)), "nothing is left out"
        turn = shown[0]
        first = await chat.messages.first.get_attribute("id") or ""
        await chat.page.evaluate(SCROLL_TO_TOP)
        await expect(chat.messages.first).not_to_have_id(first)


async def test_who_reaches_the_top_while_a_page_is_on_its_way_gets_the_next_one(
    context: BrowserContext, stack: Stack
) -> None:
    chat = await open_seeded_chat(stack, context, 502, "/c/long#message-201")
    await expect(chat.page.locator("#message-201")).to_be_in_viewport()
    async with hold_requests(chat.page, "**/api/conversations/long?*before=*") as asked:
        await chat.page.evaluate(SCROLL_TO_TOP)
        await asyncio.wait_for(asked.wait(), 20)
        await chat.page.get_by_role("button", name="Jump to latest").click()
        await chat.expect_reply("reply 502")
        await chat.page.evaluate(SCROLL_TO_TOP)
        first = await chat.messages.first.get_attribute("id") or ""
        assert first == "message-965", "the page that is on its way is none of these"
    await expect(chat.messages.first).not_to_have_id(first)
    assert "reply 482" in "\n".join(await chat.read_texts())


async def test_an_older_page_that_did_not_come_is_asked_for_again_at_the_top(
    context: BrowserContext, stack: Stack
) -> None:
    chat = await open_seeded_chat(stack, context, 62)
    await chat.expect_reply("reply 62")
    refused = asyncio.Event()

    async def refuse(route: Route) -> None:
        await route.fulfill(status=503, json=UNAVAILABLE)
        refused.set()

    await chat.page.route("**/api/conversations/long?*before=*", refuse)
    first = await chat.messages.first.get_attribute("id") or ""
    await chat.page.evaluate(SCROLL_TO_TOP)
    await asyncio.wait_for(refused.wait(), 20)
    await expect(chat.messages.first).to_have_id(first)
    await chat.page.unroute("**/api/conversations/long?*before=*")
    await expect(chat.messages.first).not_to_have_id(first)


async def test_a_link_leads_to_its_message_also_while_an_older_page_is_on_its_way(
    context: BrowserContext, stack: Stack
) -> None:
    chat = await open_seeded_chat(stack, context, 502)
    await chat.expect_reply("reply 502")
    async with hold_requests(chat.page, "**/api/conversations/long?*before=*") as asked:
        await chat.page.evaluate(SCROLL_TO_TOP)
        await asyncio.wait_for(asked.wait(), 20)
        await chat.page.evaluate("location.hash = '#message-201'")
    await expect(chat.page.locator("#message-201")).to_be_in_viewport()


async def test_what_could_not_be_deleted_is_shown_again(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await chat.send("hello")
    await expect(chat.page.locator("#conversation-list a")).to_have_text("A fine title")

    async def refuse(route: Route) -> None:
        if route.request.method == "DELETE":
            await route.fulfill(status=503, json=UNAVAILABLE)
        else:
            await route.continue_()

    await chat.page.route("**/api/conversations/*", refuse)
    await chat.page.get_by_role("button", name="Delete").click()
    await expect(chat.page.locator("#conversation-list a")).to_have_count(0)
    told = chat.page.locator("#toast-text")
    await expect(told).to_have_text(f"The conversation could not be deleted. {UNAVAILABLE['error']}")
    await expect(chat.page.locator("#conversation-list a")).to_have_text("A fine title")


async def test_a_button_that_did_not_work_can_be_pressed_again(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await stack.model.script(ScriptedResponse(kind="stall", text="So far"))
    await chat.send("a story")
    await chat.expect_reply("So far")
    await chat.page.keyboard.press("Escape")
    await chat.expect_status("stopped")
    for name, path in (("Try again", "regenerate"), ("Continue", "go-on")):
        button = chat.last_reply.get_by_role("button", name=name)
        await chat.page.route(f"**/{path}", lambda route: route.fulfill(status=503, json=UNAVAILABLE))
        await button.click()
        await expect(chat.page.locator("#toast-text")).to_have_text(UNAVAILABLE["error"])
        await expect(button).to_be_enabled()
        await chat.page.unroute(f"**/{path}")
    await stack.model.script(ScriptedResponse(text=" and so on"))
    await chat.last_reply.get_by_role("button", name="Continue").click()
    await chat.expect_reply("So far and so on")


async def test_what_is_taken_back_goes_where_it_came_from(context: BrowserContext, stack: Stack) -> None:
    """The person may be elsewhere when the server says that it was taken back."""
    chat = await open_chat(context)
    await chat.send("elsewhere")
    await chat.expect_reply("echo: elsewhere")
    there = chat.conversation
    await chat.page.get_by_role("button", name="New conversation").click()
    number = await start_gated_reply(stack, chat, "first", "So far")
    await chat.message_box.fill("then a file")
    notes = FilePayload(name="notes.md", mimeType="text/markdown", buffer=b"Ada is a cat.")
    await chat.page.locator("#picker").set_input_files([notes])
    await chat.message_box.press("Enter")
    await expect(chat.questions.last).to_have_attribute("data-status", "waiting")
    here = chat.conversation
    async with hold_requests(chat.page, "**/withdraw", "POST") as asked:
        await chat.questions.last.get_by_role("button", name="Cancel").click()
        await asyncio.wait_for(asked.wait(), 20)
        await chat.page.locator(f'#conversation-list a[href="/c/{there}"]').click()
        await chat.expect_reply("echo: elsewhere")
    told = chat.page.locator("#toast-text")
    await expect(told).to_have_text("Cancelled. The text is in the message box of its conversation.")
    await expect(chat.message_box).to_have_value("")
    await expect(chat.page.locator("#files .file")).to_have_count(0)
    await chat.page.locator(f'#conversation-list a[href="/c/{here}"]').click()
    await expect(chat.message_box).to_have_value("then a file")
    await expect(chat.page.locator("#files .file")).to_have_text("notes.md")
    await stack.model.finish(number)


async def test_esc_closes_the_export_menu_and_stops_no_reply(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    number = await start_gated_reply(stack, chat, "a story", "So far")
    await chat.expect_reply("So far")
    await chat.page.get_by_role("button", name="Export").click()
    menu = chat.page.get_by_role("menu", name="Export")
    await expect(menu).to_be_visible()
    await chat.page.keyboard.press("Escape")
    await expect(menu).to_be_hidden()
    await stack.model.release(number, " and on")
    await chat.expect_reply("So far and on")
    await stack.model.finish(number)
    await chat.expect_status("answered")


async def test_copying_works_where_a_page_has_no_clipboard(context: BrowserContext) -> None:
    await context.add_init_script(INSECURE)
    chat = await open_chat(context)
    await chat.send("hello")
    await chat.expect_reply("echo: hello")
    copy = chat.last_reply.get_by_role("button", name="Copy", exact=True)
    await copy.focus()
    await chat.page.keyboard.press("Enter")
    await expect(chat.last_reply.get_by_role("button", name="Copied")).to_be_focused()
    assert await chat.page.evaluate("copied") == "echo: hello"
    await chat.page.get_by_role("button", name="Settings").click()
    await chat.page.get_by_role("button", name="Create link").click()
    field = chat.page.get_by_label("Open this link on the other device")
    await expect(field).to_be_visible()  # the field is filled, then shown
    link = await field.input_value()
    await chat.page.locator("#invitation-copy").click()
    await expect(chat.page.locator("#invitation-copy")).to_have_text("Copied")
    assert await chat.page.evaluate("copied") == link


async def test_who_may_not_copy_is_told(context: BrowserContext) -> None:
    await context.add_init_script(
        "if (navigator.clipboard) navigator.clipboard.writeText = () => Promise.reject(new Error('no'));"
    )
    chat = await open_chat(context)
    await chat.send("hello")
    await chat.expect_reply("echo: hello")
    await chat.last_reply.get_by_role("button", name="Copy", exact=True).click()
    await expect(chat.page.locator("#toast-text")).to_contain_text("does not allow copying")


async def test_a_file_that_is_read_stays_open(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    notes = FilePayload(name="notes.md", mimeType="text/markdown", buffer=b"Ada is a cat.")
    await chat.page.locator("#picker").set_input_files([notes])
    number = await start_gated_reply(stack, chat, "what is she?", "A")
    await chat.expect_reply("A")
    await chat.questions.last.get_by_text("notes.md").click()
    file = chat.questions.last.get_by_text("Ada is a cat.")
    await expect(file).to_be_visible()
    await stack.model.release(number, " cat")
    await stack.model.finish(number)
    await chat.expect_status("answered")
    await expect(chat.page.locator("#conversation-list a")).to_have_text("A fine title")
    await expect(file).to_be_visible()
    await chat.send("and without a file?")
    await expect(chat.questions).to_have_count(2)
    await expect(chat.questions.last.locator(".files"), "no empty list is told or has room").to_have_attribute(
        "hidden", ""
    )


async def test_screen_readers_hear_one_reply_end_and_the_next_begin(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await chat.page.evaluate(
        """() => {
            window.spoken = [];
            const region = document.getElementById('announcer');
            new MutationObserver(() => spoken.push(region.textContent.trim()))
                .observe(region, { childList: true, characterData: true, subtree: true });
        }"""
    )
    number = await start_gated_reply(stack, chat, "first", "one")
    await stack.model.script(ScriptedResponse(text="two"))
    await chat.send("second")
    await expect(chat.questions.last).to_have_attribute("data-status", "waiting")
    await stack.model.finish(number)
    await chat.expect_reply("two")
    await chat.expect_status("answered")
    await expect(chat.page.locator("#announcer")).to_have_text("The reply is complete.")
    # In one breath, or in two where the page was told of the end before the beginning.
    heard = " ".join(await chat.page.evaluate("spoken")).replace("The next one begins.", "The reply begins.")
    assert heard == " ".join(["The reply begins. The reply is complete."] * 2)


async def test_the_focus_outlives_the_button_that_goes(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await stack.model.script(ScriptedResponse(kind="stall", text="So far"))
    await chat.send("a story")
    await chat.expect_reply("So far")
    stop = chat.page.get_by_role("button", name="Stop")
    await stop.focus()
    await chat.page.keyboard.press("Enter")
    await chat.expect_status("stopped")
    await expect(chat.message_box).to_be_focused()

    await chat.page.route("**/messages", lambda route: route.abort())
    await chat.send("once more")
    await expect(chat.page.get_by_text("Not sent yet.")).to_be_visible()
    await chat.page.unroute("**/messages")
    await chat.questions.last.get_by_role("button", name="Try again").focus()
    await chat.page.keyboard.press("Enter")
    await chat.expect_reply("echo: once more")
    await expect(chat.message_box).to_be_focused()

    await chat.page.evaluate(CREATE_CONVERSATIONS, 58)
    links = chat.page.locator("#conversation-list a")
    await expect(links).to_have_count(59)
    await chat.page.reload()
    await expect(links).to_have_count(50)
    older = chat.page.get_by_role("button", name="Older conversations")
    await chat.page.route("**/api/conversations?*", lambda route: route.fulfill(status=503, json=UNAVAILABLE))
    await older.focus()
    await chat.page.keyboard.press("Enter")
    await expect(chat.page.locator("#toast-text")).to_have_text(UNAVAILABLE["error"])
    await expect(older).to_be_focused()
    await chat.page.unroute("**/api/conversations?*")
    await chat.page.keyboard.press("Enter")
    await expect(links).to_have_count(59)
    await expect(links.nth(50)).to_be_focused()
