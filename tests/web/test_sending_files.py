"""Files: picked, pasted, dropped, refused, and read before they are sent."""

from __future__ import annotations

import base64
import re

import pytest
from playwright.async_api import BrowserContext, FilePayload, expect

from tests.processes import Stack
from tests.web.browser import ChatPage, open_chat
from tests.web.page_actions import PNG, open_edit_box, start_gated_reply

pytestmark = pytest.mark.browser


DISPATCH_FILE = """([type, name, mimeType, data]) => {
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type: mimeType }));
    if (type === 'paste') {
        const event = new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true });
        document.getElementById('composer-text').dispatchEvent(event);
    } else {
        const event = new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true });
        document.getElementById('thread').dispatchEvent(event);
    }
}"""
"""Dispatch a paste or drag event with a file."""
PASTE_TEXT_AND_PICTURE = """({ text, picture, name }) => {
    const transfer = new DataTransfer();
    if (text) transfer.setData('text/plain', text);
    const bytes = Uint8Array.from(atob(picture), (character) => character.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type: 'image/png' }));
    const event = new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true });
    document.getElementById('composer-text').dispatchEvent(event);
    return event.defaultPrevented;
}"""
"""Paste both; true if the page handles the event, false if it leaves the text to the browser."""
HOLD_FILE_READS = """() => {
    const read = Blob.prototype.text;
    Blob.prototype.text = async function text() {
        await new Promise((resolve) => { window.releaseRead = resolve; });
        return read.call(this);
    };
}"""
NOTES = FilePayload(name="notes.md", mimeType="text/markdown", buffer=b"Ada is a cat.")


def text_file(name: str, size: int = 1) -> FilePayload:
    """Return a text file of this size in bytes."""
    return FilePayload(name=name, mimeType="text/plain", buffer=b"x" * size)


async def dispatch_file(chat: ChatPage, event: str, name: str, mime_type: str, data: bytes) -> None:
    """Dispatch a `paste`, `dragenter` or `drop` event with a file."""
    await chat.page.evaluate(DISPATCH_FILE, [event, name, mime_type, base64.b64encode(data).decode()])


async def test_files_are_sent_shown_and_kept_by_an_edit(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    picture = FilePayload(name="dot.png", mimeType="image/png", buffer=PNG)
    await chat.page.locator("#picker").set_input_files([NOTES, picture])
    await expect(chat.page.locator("#files .file")).to_have_count(2)
    number = await stack.model.count_requests()
    await chat.send("look at this")
    await expect(chat.page.locator("#files")).to_be_hidden()
    request = await stack.model.wait_for_question("look at this", number)
    assert "Ada is a cat." in str(request.body)
    await chat.expect_status("answered")
    await chat.page.reload()
    await chat.questions.locator("summary").click()
    await expect(chat.questions.locator("details pre")).to_have_text("Ada is a cat.")
    await expect(chat.questions.locator("img")).to_have_js_property("naturalWidth", 1)
    number = await stack.model.count_requests()
    box = await open_edit_box(chat, 0)
    await expect(chat.page.locator(".edit-box .file")).to_have_count(2)
    await box.fill("read")
    await box.press("Enter")
    assert "Ada is a cat." in str((await stack.model.wait_for_question("read", number)).body)
    await expect(chat.questions.locator(".text")).to_have_text(["read"])
    await chat.expect_status("answered")
    await expect(chat.questions.locator(".file")).to_have_count(2)


async def test_files_are_pasted_and_dropped_with_a_preview(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    rule = "Text files and pictures: at most 10 files, 256 KB in total."
    await expect(chat.page.get_by_role("button", name="Attach files")).to_have_attribute("title", re.compile(rule))
    await dispatch_file(chat, "paste", "shot.png", "image/png", PNG)
    await expect(chat.page.locator("#files img")).to_have_js_property("naturalWidth", 1)
    await dispatch_file(chat, "dragenter", "notes.md", "text/markdown", b"Ada is a cat.")
    await expect(chat.message_box).to_have_attribute("placeholder", rule)
    await dispatch_file(chat, "drop", "notes.md", "text/markdown", b"Ada is a cat.")
    await expect(chat.message_box).to_have_attribute("placeholder", "Write a message")
    await expect(chat.page.locator("#files .file")).to_have_count(2)
    number = await stack.model.count_requests()
    await chat.send("who is Ada?")
    assert "Ada is a cat." in str((await stack.model.wait_for_question("who is Ada?", number)).body)
    await expect(chat.questions.locator("img")).to_have_js_property("naturalWidth", 1)


async def test_unusable_files_are_refused_with_the_reason(context: BrowserContext) -> None:
    chat = await open_chat(context)
    hint, files, picker = (chat.page.locator(name) for name in ("#hint", "#files .file", "#picker"))
    song = FilePayload(name="song.mp3", mimeType="audio/mpeg", buffer=b"x")
    await picker.set_input_files([song, text_file("fine.txt"), text_file("big.txt", 300_000)])
    await expect(hint).to_contain_text("song.mp3: only text files and pictures can be sent.")
    await expect(hint).to_contain_text("big.txt is too large")
    await expect(files).to_have_text("fine.txt")
    await picker.set_input_files([text_file(f"{number}.txt") for number in range(10)])
    await expect(hint).to_contain_text("at most 10 files")
    await expect(files).to_have_count(10)
    await chat.page.get_by_role("button", name="Remove 0.txt").click()
    await expect(files).to_have_count(9)


async def test_message_waits_until_its_file_has_been_read(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await chat.page.evaluate(HOLD_FILE_READS)
    await chat.page.locator("#picker").set_input_files([NOTES])
    hint = chat.page.locator("#hint")
    await expect(hint).to_have_text("Reading the file…")
    number = await stack.model.count_requests()
    await chat.send("what is in it?")
    await expect(hint).to_have_text("Sending when the file has been read…")
    await expect(chat.message_box).to_have_value("what is in it?")
    await expect(chat.questions).to_have_count(0)
    await chat.page.evaluate("releaseRead()")
    await expect(chat.questions.last).to_contain_text("notes.md")
    await expect(hint).to_have_text("")
    await expect(chat.message_box).to_have_value("")
    request = await stack.model.wait_for_question("what is in it?", number)
    assert "Ada is a cat." in str(request.body)


async def test_table_cells_are_pasted_as_text_and_pictures_as_files(context: BrowserContext) -> None:
    """Spreadsheets put a picture of the copied cells on the clipboard beside their text."""
    chat = await open_chat(context)
    picture = base64.b64encode(PNG).decode()
    clipboards = [("1\t2\n3\t4", "image.png", 0), ("", "image.png", 1), ("holiday.png", "holiday.png", 2)]
    for text, name, files in clipboards:
        before = await chat.page.locator("#files .file").count()
        handled = await chat.page.evaluate(PASTE_TEXT_AND_PICTURE, {"text": text, "name": name, "picture": picture})
        assert handled is (files > before)
        await expect(chat.page.locator("#files .file")).to_have_count(files)


async def test_opened_attachment_stays_open_while_the_reply_streams(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await chat.page.locator("#picker").set_input_files([NOTES])
    request = await start_gated_reply(stack, chat, "what is she?", "A")
    await chat.expect_reply("A")
    await chat.questions.last.get_by_text("notes.md").click()
    file = chat.questions.last.get_by_text("Ada is a cat.")
    await expect(file).to_be_visible()
    await stack.model.release(request, " cat")
    await stack.model.finish(request)
    await chat.expect_status("answered")
    await expect(chat.links).to_have_text("A fine title")
    await expect(file).to_be_visible()
    await chat.send("and without a file?")
    await expect(chat.questions).to_have_count(2)
    await expect(chat.questions.last.locator(".files"), "an empty list is hidden").to_have_attribute("hidden", "")
