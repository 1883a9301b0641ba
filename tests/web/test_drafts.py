"""What is being written, in several windows of one browser: one draft, the same in all, and nothing typed is lost."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, FilePayload, expect

from tests.web.browser import Window, window

pytestmark = pytest.mark.browser


async def begun(person: BrowserContext) -> tuple[Window, Window]:
    """Two windows of one conversation."""
    one = await window(person)
    await one.say("hello")
    await one.says("echo: hello")
    return one, await window(person, f"/c/{one.conversation}")


async def test_a_draft_goes_on_in_another_window(person: BrowserContext) -> None:
    one, two = await begun(person)
    await one.box.fill("half a thought")
    await expect(two.box).to_have_value("half a thought")
    await two.box.press("End")
    await two.box.press_sequentially(", and the other half")
    await expect(one.box).to_have_value("half a thought, and the other half")
    await one.page.reload()
    await expect(one.box).to_have_value("half a thought, and the other half")
    await one.page.locator("#picker").set_input_files([FilePayload(name="a.md", mimeType="text/markdown", buffer=b"a")])
    await expect(two.page.locator("#files .file")).to_have_count(1)
    await two.box.press("Enter")
    await expect(two.last.locator(".body")).to_contain_text("echo: half a thought, and the other half")
    await expect(one.box).to_have_value("")
    await expect(one.page.locator("#files .file")).to_have_count(0)
    await one.page.reload()
    await expect(one.box).to_have_value("")


async def test_the_caret_stays_where_somebody_writes(person: BrowserContext) -> None:
    one, two = await begun(person)
    await one.box.fill("begin end")
    await expect(two.box).to_have_value("begin end")
    await one.box.evaluate("box => box.setSelectionRange(6, 6)")
    await two.box.press("End")
    await two.box.press_sequentially("!")
    await expect(one.box).to_have_value("begin end!")
    await one.box.press_sequentially("to the ")
    await expect(one.box).to_have_value("begin to the end!")
    await expect(two.box).to_have_value("begin to the end!")


async def test_what_two_write_at_the_same_moment_is_all_kept(person: BrowserContext) -> None:
    one, two = await begun(person)
    # Each has typed before it could hear of the other.
    await two.box.evaluate(
        """box => {
            window.late = (event) => event.stopImmediatePropagation();
            window.addEventListener('storage', window.late, true);
        }"""
    )
    await one.box.fill("from one")
    await two.box.evaluate("box => { box.value = 'from two'; }")
    await two.page.evaluate(
        """() => {
            window.removeEventListener('storage', window.late, true);
            const key = Object.keys(localStorage).find((name) => name.includes(':draft:'));
            window.dispatchEvent(new StorageEvent('storage', { key, oldValue: null, newValue: localStorage[key] }));
        }"""
    )
    await expect(two.box).to_have_value("from two")
    await expect(one.box).to_have_value("from one")
    await two.box.press("End")
    await two.box.press_sequentially(" too")
    await expect(one.box).to_have_value("from one")
    await two.page.reload()
    for each in (one, two):
        await expect(each.box).to_have_value("from one\n\nfrom two too")
