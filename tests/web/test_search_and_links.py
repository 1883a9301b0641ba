"""Finding one's way back to what was said: search, links to a message, and a conversation as a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, expect

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.browser import ChatPage, open_chat
from tests.web.page_actions import CREATE_CONVERSATIONS, open_seeded_chat

pytestmark = pytest.mark.browser


async def _talked(stack: Stack, context: BrowserContext, asked: str, said: str, title: str) -> ChatPage:
    chat = await open_chat(context)
    await stack.model.script(ScriptedResponse(text=said))
    await chat.send(asked)
    await chat.expect_status("answered")
    await chat.page.get_by_role("button", name="Rename").click()
    await chat.page.get_by_role("textbox", name="Conversation title").fill(title)
    await chat.page.keyboard.press("Enter")
    await expect(chat.page.locator("#conversation-list a", has_text=title)).to_be_visible()
    return chat


async def test_search_finds_titles_and_texts_and_leads_there(context: BrowserContext, stack: Stack) -> None:
    await (await _talked(stack, context, "Which bread?", "Try the **walnut** rye.", "Baking")).page.close()
    chat = await _talked(stack, context, "What to plant?", "A walnut tree.", "Walnut groves")
    found = chat.page.locator("#search-results li")
    await chat.page.keyboard.press("Control+k")
    await chat.page.keyboard.type("wAlNuT")
    await expect(found).to_have_count(2)
    await expect(chat.page.locator("#search-status")).to_have_text("Found in 2 conversations. Searched all 2.")
    await expect(found.first.locator(".name mark")).to_have_text("Walnut")
    await chat.page.get_by_role("searchbox").fill("groves")  # in a title alone
    await expect(found).to_have_count(1)
    await expect(found.locator(".name mark")).to_have_text("groves")
    await expect(found.locator("a.excerpt")).to_have_count(0)
    await chat.page.get_by_role("searchbox").fill("wAlNuT")
    place = found.last.locator("a.excerpt")
    await expect(place).to_have_text("Try the walnut rye.")  # without its marks
    await place.click()
    await chat.expect_reply("Try the walnut rye.")
    await expect(chat.page.locator("h1")).to_have_text("Baking")
    await expect(chat.page.locator(".message.linked")).to_contain_text("Try the walnut rye.")
    await chat.page.get_by_role("searchbox").fill("nobody said this")
    await expect(chat.page.locator("#search-status")).to_have_text("Nothing found. Searched all 2.")
    await chat.page.keyboard.press("Escape")
    await expect(chat.page.locator("#conversation-list a")).to_have_count(2)


async def test_a_window_that_missed_more_than_a_page_of_conversations_can_reach_them_all(
    context: BrowserContext, stack: Stack
) -> None:
    first = await _talked(stack, context, "first of all", "a needle", "Oldest")
    await first.page.get_by_role("button", name="New conversation").click()
    await first.send("second of all")
    await first.expect_status("answered")
    await expect(first.page.locator("#conversation-list a")).to_have_count(2)
    second = await context.new_page()
    await second.goto("/")
    asleep = """() => {
        const real = window.fetch;
        window.fetch = (...asked) => (window.awake ? real(...asked) : Promise.reject(new TypeError('asleep')));
    }"""
    await first.page.evaluate(asleep)
    await second.evaluate(CREATE_CONVERSATIONS, 58)
    await expect(second.locator("#conversation-list a")).to_have_count(60)
    await expect(first.page.locator("#conversation-list a")).to_have_count(2)
    await first.page.evaluate("window.awake = true; 0")
    await first.send("and now?")
    older = first.page.get_by_role("button", name="Older conversations")
    await older.click()
    await expect(first.page.locator("#conversation-list a")).to_have_count(60)
    await expect(older).to_be_hidden()


async def test_search_says_how_far_it_looked_and_goes_on(context: BrowserContext, stack: Stack) -> None:
    """The directory hands out 40 conversations at a time."""
    chat = await _talked(stack, context, "first of all", "a needle", "Oldest")
    await chat.page.evaluate(CREATE_CONVERSATIONS, 42)
    await expect(chat.page.locator("#conversation-list a")).to_have_count(43)
    await chat.page.get_by_role("searchbox").fill("needle")
    note = chat.page.locator("#search-status")
    await expect(note).to_have_text("Nothing found. Searched the newest 40, back to Today.")
    await chat.page.get_by_role("button", name="Search older conversations").click()
    await expect(note).to_have_text("Found in 1 conversation. Searched all 43.")
    await expect(chat.page.locator("#search-results a.excerpt")).to_have_text("a needle")
    await expect(chat.page.get_by_role("button", name="Search older conversations")).to_be_hidden()


async def test_a_link_to_a_message_loads_what_is_around_it(context: BrowserContext, stack: Stack) -> None:
    requests: list[str] = []
    context.on("request", lambda request: requests.append(request.url))
    chat = await open_seeded_chat(stack, context, 502, "/c/long#message-201")
    marked = chat.page.locator(".message.linked")
    await expect(marked).to_contain_text("question 101")
    await expect(marked).to_be_in_viewport()
    assert len([url for url in requests if "/api/conversations/long?" in url]) <= 6, "not all that lies between"
    assert await chat.messages.count() < 120
    await chat.page.reload()
    await expect(marked).to_be_in_viewport()

    # Reading on downwards joins up with the newest messages, with nothing left out.
    seen: set[str] = set()
    while await chat.page.get_by_role("button", name="Jump to latest").is_visible():
        await chat.page.evaluate("() => { const box = document.getElementById('scroll'); box.scrollTop += 2000; }")
        await chat.page.wait_for_timeout(20)
        seen.update(await chat.messages.evaluate_all("all => all.map((one) => one.id)"))
    await chat.expect_reply("reply 502")
    numbers = sorted(int(name.removeprefix("message-")) for name in seen if name)
    assert numbers[-1] == 1004
    assert numbers == list(range(numbers[0], 1005))


async def test_the_link_of_a_message_can_be_copied(context: BrowserContext, stack: Stack) -> None:
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    first = await _talked(stack, context, "Which bread?", "Try the rye.", "Baking")
    links = []
    for message in (first.questions.first, first.last_reply):
        await message.hover()
        await message.get_by_role("button", name="Link to this message").click()
        await expect(first.page.locator("#toast-text")).to_have_text("Link copied")
        links.append(await first.page.evaluate("navigator.clipboard.readText()"))
    for link, text in zip(links, ("Which bread?", "Try the rye."), strict=True):
        second = await open_chat(context, link)
        await expect(second.page.locator(".message.linked")).to_contain_text(text)


async def test_back_returns_from_a_link_to_where_one_was(context: BrowserContext, stack: Stack) -> None:
    chat = await open_seeded_chat(stack, context, 302, "/c/long")
    await chat.expect_reply("reply 302")
    await chat.send("hello")  # which puts it into the list
    await chat.expect_reply("echo: hello")
    await expect(chat.page.locator("#conversation-list a")).to_have_count(1)
    await chat.page.evaluate("document.getElementById('scroll').scrollTop -= 900")
    await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_visible()
    read = chat.page.locator(".message:has-text('reply 299')")
    await read.scroll_into_view_if_needed()
    await chat.page.wait_for_function("sessionStorage.getItem(`threadwell:position:${history.state.entry}`)")
    await chat.page.get_by_role("searchbox").fill("question 77")
    await chat.page.locator("#search-results a.excerpt").click()
    await expect(chat.page.locator(".message.linked")).to_be_in_viewport()
    assert chat.page.url.endswith("/c/long#message-153")
    await chat.page.go_back()
    await expect(read).to_be_in_viewport()
    await expect(chat.page.locator(".message.linked")).to_have_count(0)
    await chat.page.go_forward()
    await expect(chat.page.locator(".message.linked")).to_be_in_viewport()
    await chat.page.get_by_role("button", name="Jump to latest").click()
    await chat.expect_reply("echo: hello")
    await expect(chat.last_reply).to_be_in_viewport()


async def test_what_is_said_while_reading_far_up_shows_at_the_end(context: BrowserContext, stack: Stack) -> None:
    chat = await open_seeded_chat(stack, context, 302, "/c/long#message-21")
    await expect(chat.page.locator(".message.linked")).to_be_in_viewport()
    await chat.send("and now?")
    await chat.expect_reply("echo: and now?")
    await expect(chat.last_reply).to_be_in_viewport()
    await expect(chat.page.locator("#message-21")).to_have_count(0)


async def test_a_conversation_is_saved_as_markdown_and_as_json(
    context: BrowserContext, stack: Stack, tmp_path: Path
) -> None:
    chat = await _talked(stack, context, "Which bread?", "Try the **rye**.", "Baking: a start")
    for choice, name in (("As Markdown", "Baking a start.md"), ("As JSON", "Baking a start.json")):
        await chat.page.get_by_role("button", name="Export").click()
        async with chat.page.expect_download() as coming:
            await chat.page.get_by_role("menuitem", name=choice).click()
        saved = await coming.value
        assert saved.suggested_filename == name
        await saved.save_as(tmp_path / name)
    text = (tmp_path / "Baking a start.md").read_text()
    assert text.startswith("# Baking: a start\n")
    assert text.index("Which bread?") < text.index("Try the **rye**.")
    whole = json.loads((tmp_path / "Baking a start.json").read_text())
    assert [message["text"] for message in whole["messages"]] == ["Which bread?", "Try the **rye**."]
