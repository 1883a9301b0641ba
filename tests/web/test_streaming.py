"""Replies while they stream: formatting, selection and caret, layout, and retries of a busy model."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import BrowserContext, expect

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.browser import ChatPage, open_chat
from tests.web.page_actions import start_gated_reply

pytestmark = pytest.mark.browser

KEEP_NODES = """() => {
    window.kept = [...document.querySelector('.reply:last-child .body').querySelectorAll('p, pre, code, .bar')];
}"""
SELECT_SECOND_WORD = """() => {
    const text = document.querySelector('.reply:last-child .body p').firstChild;
    getSelection().setBaseAndExtent(text, 4, text, 9);
}"""
RETRY_NOTE = re.compile(r"^([A-Z].*\.) Trying again in (\d+) s…$")


async def test_unfinished_code_tables_and_task_lists_are_formatted(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    body = chat.last_reply.locator(".body")
    request = await start_gated_reply(stack, chat, "code", "Look:\n\n```python\ndef f():\n    return")
    await expect(body.locator(".code pre")).to_have_text("def f():\n    return")
    await expect(body.locator(".code .bar span")).to_have_text("python")
    await expect(body.locator(".hljs-keyword").first).to_have_text("def")
    await stack.model.release(request, " 1\n```\n\n| one | two |\n|---|---|\n| 1 ")
    await expect(body.locator("table th")).to_have_text(["one", "two"])
    await expect(body.locator("table td").first).to_have_text("1")
    await expect(body).not_to_contain_text("|")
    await stack.model.release(request, "| 2 |\n")
    await expect(body.locator("table td")).to_have_text(["1", "2"])
    await stack.model.release(request, "\n- [ ] milk **and** eggs\n- [x] bread\n- [y] no mark\n\n[ ] no list")
    await expect(body.locator("li.task")).to_have_text(["☐ milk and eggs", "☑ bread"])
    await expect(body.locator("li:not(.task)")).to_have_text(["[y] no mark"])
    await expect(body.locator("p").last).to_have_text("[ ] no list")
    await stack.model.finish(request)
    await chat.expect_status("answered")


async def test_each_paragraph_has_the_direction_of_its_text(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    hebrew = "\u05e9\u05dc\u05d5\u05dd"
    text = f"{hebrew}, this too\n\n- {hebrew}\n- {hebrew}\n\nAnd left.\n\n- {hebrew}\n\n  ```\n  code\n  ```"
    await stack.model.script(ScriptedResponse(text=text))
    await chat.send(f"{hebrew}, please")
    await chat.expect_status("answered")
    await expect(chat.last_reply.locator(".code pre")).to_have_text("code")

    async def directions(selector: str) -> list[str]:
        script = "selector => [...document.querySelectorAll(selector)].map(node => getComputedStyle(node).direction)"
        values: list[str] = await chat.page.evaluate(script, selector)
        return values

    assert await directions(".body > p, .body > ul, .body pre") == ["rtl", "rtl", "ltr", "rtl", "ltr"]
    assert await directions(".user .text") == ["rtl"]


async def test_rendered_nodes_and_the_selection_are_kept(context: BrowserContext, stack: Stack) -> None:
    """A replaced node flickers and loses the selection, so every node stays the same until the end."""
    chat = await open_chat(context)
    body = chat.last_reply.locator(".body")
    request = await start_gated_reply(
        stack, chat, "a story", "The first paragraph.\n\n```python\nx = 1\n```\n\nThe second"
    )
    await expect(body.locator(".hljs-number")).to_have_count(1)
    await chat.page.evaluate(KEEP_NODES)
    await chat.message_box.focus()
    await chat.page.evaluate(SELECT_SECOND_WORD)
    for n in range(10):
        await stack.model.release(request, f" word {n}" if n != 5 else "\n\nThe third")
    await expect(body).to_contain_text("word 9")
    await stack.model.finish(request)
    await chat.expect_status("answered")
    assert await chat.page.evaluate("getSelection().toString()") == "first"
    assert await chat.page.evaluate("kept.every((node) => node.isConnected)")


async def test_the_caret_stays_in_the_message_box(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    request = await start_gated_reply(stack, chat, "a story", "Once")
    await chat.message_box.fill("beginning end")
    await chat.message_box.evaluate("box => box.setSelectionRange(10, 10)")
    for n, letter in enumerate("middle "):
        await chat.page.keyboard.press(letter if letter != " " else "Space")
        await stack.model.release(request, f" piece {n}")
    await expect(chat.last_reply.locator(".body")).to_contain_text("piece 6")
    await stack.model.finish(request)
    await chat.expect_status("answered")
    await expect(chat.message_box).to_have_value("beginning middle end")
    await expect(chat.message_box).to_be_focused()
    assert await chat.message_box.evaluate("box => box.selectionStart") == 17


async def test_wide_content_scrolls_inside_the_reply(context: BrowserContext, stack: Stack) -> None:
    row = "|" + "|".join(f"a rather wide cell {n}" for n in range(30)) + "|"
    wide = f"{row}\n|{'---|' * 30}\n{row}\n\n```\n{'x' * 900}\n```\n\n$$\n{'a + ' * 200} b\n$$\n\n{'w' * 700}"
    await stack.model.script(ScriptedResponse(text=wide))
    chat = await open_chat(context)
    await chat.page.set_viewport_size({"width": 390, "height": 800})
    await chat.message_box.fill("wide")
    await chat.page.get_by_role("button", name="Send", exact=True).click()
    await chat.expect_status("answered")
    await expect(chat.last_reply.locator("math")).to_have_count(1)
    await chat.page.wait_for_function(
        """() => document.documentElement.scrollWidth <= 390 && document.getElementById('scroll').scrollWidth <= 390
            && ['.table-scroll', '.code pre', '.formula'].every((name) => {
                const node = document.querySelector(`.reply ${name}`);
                return node.scrollWidth > node.clientWidth && node.tabIndex === 0;
            })"""
    )


async def test_a_busy_model_is_retried_with_the_same_countdown_in_all_windows(
    context: BrowserContext, stack: Stack
) -> None:
    busy = ScriptedResponse(kind="fail", status=429, headers={"Retry-After": "25"})
    await stack.model.script(busy, busy.model_copy(update={"headers": {"Retry-After": "1"}}))
    first = await open_chat(context)
    await first.send("hello")
    reason, seconds = await read_retry_note(first)
    await first.page.reload()
    second = await open_chat(context, f"/c/{first.conversation}")
    for chat in (first, second):
        later_reason, later_seconds = await read_retry_note(chat)
        assert later_reason == reason
        assert later_seconds <= seconds, "the countdown continues and does not start again"
    await first.page.keyboard.press("Escape")
    await first.expect_status("stopped")
    await first.send("and now?")
    await first.expect_reply("echo: and now?")
    await first.expect_status("answered")
    await expect(first.last_reply.locator(".note")).not_to_contain_text("again")


async def read_retry_note(chat: ChatPage) -> tuple[str, int]:
    """Wait until the last reply shows when the model is tried again; return the reason and the seconds."""
    note = chat.last_reply.locator(".note")
    await expect(note).to_have_text(RETRY_NOTE)
    match = RETRY_NOTE.match(await note.inner_text())
    assert match is not None
    return match[1], int(match[2])
