"""Small things that a person expects of any page: of files, of the clipboard, of what passes at the edge."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, FilePayload, expect

from tests.processes import Stack
from tests.web.browser import open_chat
from tests.web.page_actions import version_switch

pytestmark = pytest.mark.browser

SLOW = """const read = Blob.prototype.text;
Blob.prototype.text = async function text() {
    await new Promise((go) => { window.go = go; });
    return read.call(this);
};"""
TABLE = """(box) => {
    const transfer = new DataTransfer();
    if (box.words) transfer.setData('text/plain', box.words);
    const bytes = Uint8Array.from(atob(box.picture), (one) => one.charCodeAt(0));
    transfer.items.add(new File([bytes], box.name, { type: 'image/png' }));
    const event = new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true });
    document.getElementById('composer-text').dispatchEvent(event);
    return event.defaultPrevented;
}"""
BELOW = "((box) => box.scrollHeight - box.clientHeight - box.scrollTop)(document.getElementById('scroll'))"
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


async def test_what_is_sent_while_its_file_is_read_waits_for_it(context: BrowserContext, stack: Stack) -> None:
    await context.add_init_script(SLOW)
    chat = await open_chat(context)
    notes = FilePayload(name="notes.md", mimeType="text/markdown", buffer=b"buy milk")
    await chat.page.locator("#picker").set_input_files([notes])
    hint = chat.page.locator("#hint")
    await expect(hint).to_have_text("Reading the file…")
    number = await stack.model.count_requests()
    await chat.send("what is in it?")
    await expect(hint).to_have_text("Sending when the file has been read…")
    await expect(chat.message_box).to_have_value("what is in it?")
    await expect(chat.questions).to_have_count(0)
    await chat.page.evaluate("go()")
    await expect(chat.questions.last).to_contain_text("notes.md")
    await expect(hint).to_have_text("")
    await expect(chat.message_box).to_have_value("")
    seen = await stack.model.wait_for_question("what is in it?", number)
    assert "buy milk" in str(seen.body)


@pytest.mark.parametrize(
    ("words", "name", "takes"),
    [("1\t2\n3\t4", "image.png", False), ("", "image.png", True), ("holiday.png", "holiday.png", True)],
    ids=["a table", "a picture", "a file"],
)
async def test_cells_are_pasted_as_words_and_pictures_as_files(
    context: BrowserContext, words: str, name: str, takes: bool
) -> None:
    chat = await open_chat(context)
    taken = await chat.page.evaluate(TABLE, {"words": words, "name": name, "picture": DOT})
    assert taken is takes, "what is not taken is left to the browser, which puts the words in"
    await expect(chat.page.locator("#files .file")).to_have_count(1 if takes else 0)


async def test_another_line_does_not_take_undo_away(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await chat.send("keep me")
    await chat.expect_reply("echo: keep me")
    await expect(chat.page.locator("#conversation-list a")).to_have_text("A fine title")
    kept = chat.conversation
    await chat.page.get_by_role("button", name="New", exact=False).first.click()
    await chat.send("another")
    await chat.expect_reply("echo: another")
    await chat.page.goto(f"/c/{kept}")
    await chat.expect_reply("echo: keep me")
    await chat.page.get_by_role("button", name="Delete").click()
    undo = chat.page.get_by_role("button", name="Undo")
    await expect(undo).to_be_visible()
    await chat.page.locator("#conversation-list a").first.click()
    await chat.expect_reply("echo: another")
    await chat.questions.last.hover()
    await chat.questions.last.get_by_role("button", name="Copy", exact=True).click()
    await expect(chat.page.locator("#toast-text")).to_have_text("Copied · Conversation deleted")
    await undo.click()
    await chat.expect_reply("echo: keep me")


async def test_the_search_has_the_focus_in_a_narrow_window_too(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await chat.page.emulate_media(reduced_motion="no-preference")
    await chat.page.set_viewport_size({"width": 600, "height": 700})
    await chat.page.keyboard.press("Control+k")
    await expect(chat.page.get_by_role("searchbox")).to_be_focused()
    await chat.page.keyboard.type("words")
    await expect(chat.page.get_by_role("searchbox")).to_have_value("words")


async def test_after_a_look_at_another_version_the_end_is_followed_again(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await chat.send("\n\n".join(f"line {number}" for number in range(60)))
    for version in (2, 1, 3):
        await expect(chat.last_reply.locator(".body")).to_contain_text("line 59")
        await chat.expect_status("answered")
        if version == 1:
            await chat.last_reply.get_by_role("button", name="Previous version").click()
        else:
            await chat.last_reply.get_by_role("button", name="Regenerate").click()
        await expect(version_switch(chat.last_reply, f"Version {version} of {max(version, 2)}")).to_be_visible()
    await expect(chat.last_reply.locator(".body")).to_contain_text("line 59")
    await chat.expect_status("answered")
    await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_hidden()
    below = await chat.page.evaluate(BELOW)
    assert below < 1, "the end is in sight"
