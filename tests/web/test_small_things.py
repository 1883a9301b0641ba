"""Small things that a person expects of any page: of files, of the clipboard, of what passes at the edge."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, FilePayload, expect

from tests.processes import Stack
from tests.web.browser import window
from tests.web.test_versions import switch

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


async def test_what_is_sent_while_its_file_is_read_waits_for_it(person: BrowserContext, stack: Stack) -> None:
    await person.add_init_script(SLOW)
    one = await window(person)
    notes = FilePayload(name="notes.md", mimeType="text/markdown", buffer=b"buy milk")
    await one.page.locator("#picker").set_input_files([notes])
    hint = one.page.locator("#hint")
    await expect(hint).to_have_text("Reading the file…")
    number = await stack.model.count()
    await one.say("what is in it?")
    await expect(hint).to_have_text("Sending when the file has been read…")
    await expect(one.box).to_have_value("what is in it?")
    await expect(one.questions).to_have_count(0)
    await one.page.evaluate("go()")
    await expect(one.questions.last).to_contain_text("notes.md")
    await expect(hint).to_have_text("")
    await expect(one.box).to_have_value("")
    seen = await stack.model.wait_for_question("what is in it?", number)
    assert "buy milk" in str(seen.body)


@pytest.mark.parametrize(
    ("words", "name", "takes"),
    [("1\t2\n3\t4", "image.png", False), ("", "image.png", True), ("holiday.png", "holiday.png", True)],
    ids=["a table", "a picture", "a file"],
)
async def test_cells_are_pasted_as_words_and_pictures_as_files(
    person: BrowserContext, words: str, name: str, takes: bool
) -> None:
    one = await window(person)
    taken = await one.page.evaluate(TABLE, {"words": words, "name": name, "picture": DOT})
    assert taken is takes, "what is not taken is left to the browser, which puts the words in"
    await expect(one.page.locator("#files .file")).to_have_count(1 if takes else 0)


async def test_another_line_does_not_take_undo_away(person: BrowserContext) -> None:
    one = await window(person)
    await one.say("keep me")
    await one.says("echo: keep me")
    await expect(one.page.locator("#conversation-list a")).to_have_text("A fine title")
    kept = one.conversation
    await one.page.get_by_role("button", name="New", exact=False).first.click()
    await one.say("another")
    await one.says("echo: another")
    await one.page.goto(f"/c/{kept}")
    await one.says("echo: keep me")
    await one.page.get_by_role("button", name="Delete").click()
    undo = one.page.get_by_role("button", name="Undo")
    await expect(undo).to_be_visible()
    await one.page.locator("#conversation-list a").first.click()
    await one.says("echo: another")
    await one.questions.last.hover()
    await one.questions.last.get_by_role("button", name="Copy", exact=True).click()
    await expect(one.page.locator("#toast-text")).to_have_text("Copied · Conversation deleted")
    await undo.click()
    await one.says("echo: keep me")


async def test_the_search_has_the_focus_in_a_narrow_window_too(person: BrowserContext) -> None:
    one = await window(person)
    await one.page.emulate_media(reduced_motion="no-preference")
    await one.page.set_viewport_size({"width": 600, "height": 700})
    await one.page.keyboard.press("Control+k")
    await expect(one.page.get_by_role("searchbox")).to_be_focused()
    await one.page.keyboard.type("words")
    await expect(one.page.get_by_role("searchbox")).to_have_value("words")


async def test_after_a_look_at_another_version_the_end_is_followed_again(person: BrowserContext, stack: Stack) -> None:
    one = await window(person)
    await one.say("\n\n".join(f"line {number}" for number in range(60)))
    for version in (2, 1, 3):
        await expect(one.last.locator(".body")).to_contain_text("line 59")
        await one.stands("answered")
        if version == 1:
            await one.last.get_by_role("button", name="Previous version").click()
        else:
            await one.last.get_by_role("button", name="Regenerate").click()
        await expect(switch(one.last, f"Version {version} of {max(version, 2)}")).to_be_visible()
    await expect(one.last.locator(".body")).to_contain_text("line 59")
    await one.stands("answered")
    await expect(one.page.get_by_role("button", name="Jump to latest")).to_be_hidden()
    below = await one.page.evaluate(BELOW)
    assert below < 1, "the end is in sight"
