"""Replies: failed, stopped, continued, copied."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, expect

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack, eventually
from tests.web.browser import open_chat
from tests.web.page_actions import UNAVAILABLE

pytestmark = pytest.mark.browser


REMOVE_CLIPBOARD_API = """() => {
    Object.defineProperty(navigator, 'clipboard', { value: undefined });
    addEventListener('copy', () => { window.copied = document.activeElement.value ?? String(getSelection()); });
}"""
"""Browsers have no clipboard API on pages that are loaded by plain HTTP from another machine."""
DENY_COPYING = "() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }"


async def test_failed_reply_shows_the_reason_and_can_be_retried(context: BrowserContext, stack: Stack) -> None:
    refusal = {"error": {"message": "no", "code": "invalid_api_key"}}
    await stack.model.script(ScriptedResponse(kind="fail", status=401, body=refusal))
    chat = await open_chat(context)
    await chat.send("hello")
    await chat.expect_status("failed")
    await expect(chat.last_reply.locator(".error")).to_contain_text("check OPENAI_API_KEY")
    await chat.page.reload()
    await expect(chat.last_reply.locator(".error")).to_contain_text("check OPENAI_API_KEY")
    await chat.last_reply.get_by_role("button", name="Try again").click()
    await chat.expect_reply("echo: hello")
    await expect(chat.last_reply.locator(".error")).to_be_hidden()
    await expect(chat.replies).to_have_count(1)
    await expect(chat.questions).to_have_count(1)


async def test_stopped_reply_can_be_regenerated(context: BrowserContext, stack: Stack) -> None:
    await stack.model.script(ScriptedResponse(kind="stall", text="So far"))
    chat = await open_chat(context)
    await chat.send("hello")
    await chat.expect_reply("So far")
    await chat.page.get_by_role("button", name="Stop").click()
    await chat.expect_status("stopped")
    await chat.last_reply.get_by_role("button", name="Try again").click()
    await chat.expect_reply("echo: hello")
    await chat.expect_status("answered")
    await expect(chat.replies).to_have_count(1)

    await stack.model.script(ScriptedResponse(kind="stall"))
    await chat.send("more")
    await expect(chat.last_reply.locator(".note")).to_have_text("Waiting for the model…")
    await chat.page.keyboard.press("Escape")
    await chat.expect_status("stopped")
    await expect(chat.last_reply.locator(".note")).to_have_text("Stopped before it began")


async def test_failed_or_stopped_continuation_can_be_repeated(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await stack.model.script(ScriptedResponse(kind="stall", text="Once upon"))
    await chat.send("a story")
    await chat.expect_reply("Once upon")
    await chat.page.keyboard.press("Escape")
    await chat.expect_status("stopped")
    for name, path in (("Try again", "regenerate"), ("Continue", "continue")):
        button = chat.last_reply.get_by_role("button", name=name)
        await chat.page.route(f"**/{path}", lambda route: route.fulfill(status=503, json=UNAVAILABLE))
        await button.click()
        await expect(chat.toast).to_have_text(UNAVAILABLE["error"])
        await expect(button).to_be_enabled()
        await chat.page.unroute(f"**/{path}")
    number = await stack.model.count_requests()
    await stack.model.script(ScriptedResponse(kind="gate"))
    await chat.last_reply.get_by_role("button", name="Continue").click()
    await stack.model.wait_for_question("Go on exactly where", number)
    await chat.expect_status("running")
    await chat.page.keyboard.press("Escape")  # before its first word
    await chat.expect_status("stopped")
    await chat.expect_reply("Once upon")
    await stack.model.script(ScriptedResponse(text=" a time"))
    await chat.last_reply.get_by_role("button", name="Continue").click()
    await chat.expect_reply("Once upon a time")
    await chat.expect_status("answered")


async def test_code_and_messages_are_copied_as_markdown(context: BrowserContext, stack: Stack) -> None:
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    code = "def f():\n    return 'x'\n"
    text = f"Look **here**:\n\n```python\n{code}```\n\n```nolang\nplain\n```"
    await stack.model.script(ScriptedResponse(text=text))
    chat = await open_chat(context)
    await chat.send("Is `this` *right*?")
    await expect(chat.last_reply.locator(".hljs-keyword").first).to_have_text("def")
    await expect(chat.last_reply.locator(".code").last).to_contain_text("plain")
    block = chat.last_reply.locator(".code").first
    await expect(block.locator(".bar span")).to_have_text("python")
    await chat.expect_status("answered")
    await chat.questions.last.hover()
    copied = [(block, code), (chat.last_reply.locator(".footer"), text), (chat.questions.last, "Is `this` *right*?")]
    for place, expected in copied:
        await place.get_by_role("button", name="Copy").click()
        await eventually(
            lambda: chat.page.evaluate("navigator.clipboard.readText()"),
            lambda found, expected=expected: found == expected,  # type: ignore[misc]
        )


async def test_copying_works_without_the_clipboard_api(context: BrowserContext) -> None:
    chat = await open_chat(context)
    await chat.ask("hello")
    copy = chat.last_reply.get_by_role("button", name="Copy", exact=True)
    await chat.page.evaluate(DENY_COPYING)
    await copy.click()
    await expect(chat.toast).to_contain_text("does not allow copying")
    await chat.page.evaluate(REMOVE_CLIPBOARD_API)
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
