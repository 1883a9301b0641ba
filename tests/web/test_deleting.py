"""A conversation whose deletion can still be undone is kept by whoever wants it."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, expect

from tests.web.browser import window

pytestmark = pytest.mark.browser

KEPT = "The conversation is kept"


async def test_what_is_opened_again_is_kept(person: BrowserContext) -> None:
    one = await window(person)
    await one.say("hello")
    await expect(one.page.locator("#list a")).to_have_text("A fine title")
    await one.page.get_by_role("button", name="Delete").click()
    await expect(one.page.locator("#list a")).to_have_count(0)
    await one.page.go_back()
    await one.says("echo: hello")
    await expect(one.page.locator("#toast-text")).to_have_text(KEPT)
    await expect(one.page.locator("#list a")).to_have_count(1)
    await one.say("go on")
    await one.says("echo: go on")
    await one.page.reload()  # whoever leaves a page means the deletions that can still be undone there
    await expect(one.questions).to_have_count(2)
    await one.page.get_by_role("button", name="Delete").click()
    await one.page.get_by_role("button", name="Undo").click()
    await expect(one.questions).to_have_count(2)
    await expect(one.page.locator("#toast")).to_be_hidden()


async def test_what_is_written_in_elsewhere_is_kept(person: BrowserContext) -> None:
    one = await window(person)
    await one.say("hello")
    await expect(one.page.locator("#list a")).to_have_text("A fine title")
    two = await window(person, f"/c/{one.conversation}")
    await two.says("echo: hello")
    await one.page.get_by_role("button", name="Delete").click()
    await two.say("go on")
    await expect(one.page.locator("#toast-text")).to_have_text(KEPT)
    await expect(one.page.locator("#list a")).to_have_count(1)
    await expect(one.box).to_be_focused()
    await one.page.close()
    await two.says("echo: go on")
    await two.page.reload()
    await expect(two.questions).to_have_count(2)
