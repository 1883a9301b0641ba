"""Search, and links to messages."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import BrowserContext, expect

from chat_service import keys
from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.browser import ChatPage, open_chat
from tests.web.page_actions import get_person_id, open_seeded_chat, rename_conversation
from tests.web.seeding import seed_conversation, seed_directory

pytestmark = pytest.mark.browser

SCROLL_DOWN = """async () => {
    document.getElementById('scroll').scrollTop += 2000;
    for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
}"""


async def create_conversation(stack: Stack, context: BrowserContext, question: str, reply: str, title: str) -> ChatPage:
    """Create a conversation of one turn with this title in a window."""
    chat = await open_chat(context)
    await stack.model.script(ScriptedResponse(text=reply))
    await chat.send(question)
    await chat.expect_status("answered")
    await rename_conversation(chat, title)
    await expect(chat.links.filter(has_text=title)).to_be_visible()
    return chat


async def test_search_finds_titles_and_texts_and_links_to_them(context: BrowserContext, stack: Stack) -> None:
    await create_conversation(stack, context, "Which bread?", "Try the **walnut** rye.", "Baking")
    chat = await create_conversation(stack, context, "What to plant?", "A walnut tree.", "Walnut groves")
    results, box = chat.page.locator("#search-results li"), chat.page.get_by_role("searchbox")
    status = chat.page.locator("#search-status")
    await chat.page.keyboard.press("Control+k")
    await chat.page.keyboard.type("wAlNuT")
    await expect(results).to_have_count(2)
    await expect(status).to_have_text("Found in 2 conversations. Searched all 2.")
    await expect(results.first.locator(".name mark")).to_have_text("Walnut")
    await box.fill("groves")  # only in a title
    await expect(results).to_have_count(1)
    await expect(results.locator(".name mark")).to_have_text("groves")
    await expect(results.locator("a.excerpt")).to_have_count(0)
    await box.fill("wAlNuT")
    excerpt = results.last.locator("a.excerpt")
    await expect(excerpt).to_have_text("Try the walnut rye.")  # without Markdown syntax
    await excerpt.click()
    await chat.expect_reply("Try the walnut rye.")
    await expect(chat.page.locator("h1")).to_have_text("Baking")
    await expect(chat.page.locator(".message.linked")).to_contain_text("Try the walnut rye.")
    await box.fill("not in any text")
    await expect(status).to_have_text("Nothing found. Searched all 2.")
    await chat.page.keyboard.press("Escape")
    await expect(chat.links).to_have_count(2)


async def test_search_shows_how_much_was_searched_and_continues(context: BrowserContext, stack: Stack) -> None:
    """One request searches 40 conversations."""
    person = await get_person_id(context)
    await seed_directory(stack, person, 42)
    await seed_conversation(stack, keys.web(person, "c42"), 1)
    chat = await open_chat(context)
    await expect(chat.links).to_have_count(42)
    await chat.page.get_by_role("searchbox").fill("question 1")
    status = chat.page.locator("#search-status")
    await expect(status).to_have_text(re.compile(r"^Nothing found\. Searched the newest 40, back to .+\.$"))
    await chat.page.get_by_role("button", name="Search older conversations").click()
    await expect(status).to_have_text("Found in 1 conversation. Searched all 42.")
    await expect(chat.page.locator("#search-results a.excerpt")).to_have_text("question 1")
    await expect(chat.page.get_by_role("button", name="Search older conversations")).to_be_hidden()


async def test_a_window_that_missed_more_than_a_page_of_conversations_lists_them_all(
    context: BrowserContext, stack: Stack
) -> None:
    person = await get_person_id(context)
    await seed_directory(stack, person, 2, first=58)
    chat = await open_chat(context)
    await expect(chat.links).to_have_count(2)
    await seed_directory(stack, person, 59)  # no event announces them
    await chat.send("and now?")
    older = chat.page.get_by_role("button", name="Older conversations")
    await older.click()
    await expect(chat.links).to_have_count(60)
    await expect(older).to_be_hidden()


async def test_a_link_loads_only_the_messages_around_its_target(context: BrowserContext, stack: Stack) -> None:
    requests: list[str] = []
    context.on("request", lambda request: requests.append(request.url))
    chat = await open_seeded_chat(stack, context, 162, "/c/long#message-81")
    linked = chat.page.locator(".message.linked")
    await expect(linked).to_contain_text("question 41")
    await expect(linked).to_be_in_viewport()
    assert len([url for url in requests if "/api/conversations/long?" in url]) <= 6
    assert await chat.messages.count() < 120
    await chat.page.reload()
    await expect(linked).to_be_in_viewport()

    # Scrolling down from there reaches the newest messages and leaves none out.
    shown: set[str] = set()
    while await chat.page.get_by_role("button", name="Jump to latest").is_visible():
        await chat.page.evaluate(SCROLL_DOWN)
        shown.update(await chat.messages.evaluate_all("messages => messages.map((message) => message.id)"))
    await chat.expect_reply("reply 162")
    numbers = sorted(int(name.removeprefix("message-")) for name in shown if name)
    assert numbers[-1] == 324
    assert numbers == list(range(numbers[0], 325))


async def test_the_link_of_a_message_can_be_copied(context: BrowserContext) -> None:
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    first = await open_chat(context)
    await first.ask("Which bread?")
    links = []
    for message in (first.questions.first, first.last_reply):
        await message.hover()
        await message.get_by_role("button", name="Link to this message").click()
        await expect(first.toast).to_have_text("Link copied")
        links.append(await first.page.evaluate("navigator.clipboard.readText()"))
    second = await open_chat(context)
    for link, text in zip(links, ("Which bread?", "echo: Which bread?"), strict=True):
        await second.page.goto(link)
        await expect(second.page.locator(".message.linked")).to_contain_text(text)


async def test_back_returns_from_a_link_to_the_previous_position(context: BrowserContext, stack: Stack) -> None:
    chat = await open_seeded_chat(stack, context, 122, "/c/long")
    await chat.expect_reply("reply 122")
    await chat.ask("hello")  # this puts it into the list
    await expect(chat.links).to_have_count(1)
    await chat.page.evaluate("document.getElementById('scroll').scrollTop -= 900")
    await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_visible()
    message = chat.page.locator(".message:has-text('reply 119')")
    await message.scroll_into_view_if_needed()
    await chat.page.wait_for_function("sessionStorage.getItem(`threadwell:position:${history.state.entry}`)")
    await chat.page.get_by_role("searchbox").fill("question 21")
    await chat.page.locator("#search-results a.excerpt").click()
    await expect(chat.page.locator(".message.linked")).to_be_in_viewport()
    assert chat.page.url.endswith("/c/long#message-41")
    await chat.page.go_back()
    await expect(message).to_be_in_viewport()
    await expect(chat.page.locator(".message.linked")).to_have_count(0)
    await chat.page.go_forward()
    await expect(chat.page.locator(".message.linked")).to_be_in_viewport()
    await chat.page.get_by_role("button", name="Jump to latest").click()
    await chat.expect_reply("echo: hello")
    await expect(chat.last_reply).to_be_in_viewport()


async def test_a_message_sent_from_far_up_scrolls_to_the_end(context: BrowserContext, stack: Stack) -> None:
    chat = await open_seeded_chat(stack, context, 122, "/c/long#message-21")
    await expect(chat.page.locator(".message.linked")).to_be_in_viewport()
    await chat.ask("and now?")
    await expect(chat.last_reply).to_be_in_viewport()
    await expect(chat.page.locator("#message-21")).to_have_count(0)
