"""Files attached to a draft: hints about them, and where they are stored until the message is sent."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, FilePayload, expect

from chat_service.contracts import MAX_TEXT
from tests.processes import Stack
from tests.web.browser import open_chat
from tests.web.page_actions import PNG, hide_vision

pytestmark = pytest.mark.browser

NOTES = FilePayload(name="notes.md", mimeType="text/markdown", buffer=b"Ada is a cat.")
FILL_STORAGE = """() => {
    for (const size of [1 << 20, 1 << 14, 64, 4]) {
        try {
            for (let n = 0; ; n += 1) sessionStorage.setItem(`full:${size}:${n}`, 'x'.repeat(size));
        } catch {}
    }
}"""
"""Fill the session storage of this window."""


async def test_the_hint_names_every_problem(context: BrowserContext) -> None:
    await hide_vision(context)
    chat = await open_chat(context)
    song = FilePayload(name="song.mp3", mimeType="audio/mpeg", buffer=b"x")
    picture = FilePayload(name="dot.png", mimeType="image/png", buffer=PNG)
    await chat.page.locator("#picker").set_input_files([song, picture])
    hint = chat.page.locator("#hint")
    unsupported = "song.mp3: only text files and pictures can be sent."
    no_pictures = "This model cannot see pictures. It is only told that one is attached."
    await expect(hint).to_have_text(f"{unsupported} {no_pictures}")
    await chat.message_box.fill("x" * (MAX_TEXT + 1))
    await expect(hint).to_have_text(f"The message is one character too long. {unsupported} {no_pictures}")
    await chat.message_box.fill("x" * (MAX_TEXT + 2))
    await expect(hint).to_contain_text("The message is 2 characters too long.")
    await chat.message_box.fill("")
    await expect(hint).to_have_text(f"{unsupported} {no_pictures}")
    await chat.page.get_by_role("button", name="Remove dot.png").click()
    await expect(hint).to_have_text(unsupported)
    await chat.send("sent")
    await expect(hint).to_have_text("")


async def test_files_stay_with_their_draft(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    files = chat.page.locator("#files .file")
    await chat.send("hello")
    await chat.expect_reply("echo: hello")
    await chat.page.locator("#picker").set_input_files([NOTES])
    await expect(files).to_have_text("notes.md")
    await chat.page.get_by_role("button", name="New conversation").click()
    await expect(files).to_have_count(0)
    await chat.page.go_back()
    await expect(files).to_have_text("notes.md")
    await chat.page.reload()
    await expect(files).to_have_text("notes.md")
    number = await stack.model.count_requests()
    await chat.send("who is Ada?")
    assert "Ada is a cat." in str((await stack.model.wait_for_question("who is Ada?", number)).body)
    await expect(files).to_have_count(0)
    await chat.page.reload()
    await expect(chat.questions).to_have_count(2)
    await expect(files).to_have_count(0)


async def test_full_storage_is_reported(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await chat.page.evaluate(FILL_STORAGE)
    await chat.page.locator("#picker").set_input_files([NOTES])
    await expect(chat.page.locator("#hint")).to_contain_text("This browser has no space to store the files")
    await expect(chat.page.locator("#files .file")).to_have_text("notes.md")


async def test_the_buttons_of_files_are_kept(context: BrowserContext) -> None:
    """A replaced button loses the focus, and keyboard users would start at the top of the page again."""
    chat = await open_chat(context)
    picker, files = chat.page.locator("#picker"), chat.page.locator("#files .file")
    await picker.set_input_files([NOTES])
    button = await chat.page.get_by_role("button", name="Remove notes.md").element_handle()
    assert button is not None
    await chat.message_box.press_sequentially("a word")
    assert await button.evaluate("node => node.isConnected")
    await picker.set_input_files([FilePayload(name="more.md", mimeType="text/markdown", buffer=b"And a dog.")])
    await expect(files).to_have_text(["notes.md", "more.md"])
    assert await button.evaluate("node => node.isConnected")
    await button.click()
    await expect(files).to_have_text(["more.md"])
    await chat.page.get_by_role("button", name="Remove more.md").click()
    await expect(files).to_have_count(0)
