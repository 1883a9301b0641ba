"""`python -m tests.web.screenshots DIR`: take screenshots of the page on a real stack, for review and for the README.

Each scene is taken wide and on a phone, light and dark: empty, long, streaming, failed, edit, versions, search and
settings; on a phone also the conversation list. Three of them replace docs/page-*.png.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, expect

from chat_service.engine.binary import find_engine
from chat_service.settings import Settings
from tests.fakes.model.protocol import ScriptedResponse
from tests.fakes.model.running import running_model
from tests.processes import Stack
from tests.web.browser import ChatPage, open_chat, open_context, running_browser
from tests.web.web_server import running_engine_alone, running_threadwell_up

Shot = Callable[[str, ChatPage], Awaitable[None]]
"""Takes a screenshot of a scene with this name."""
SIZES = {"wide": (1280, 800), "phone": (390, 844)}
SCHEMES = ("light", "dark")
README = {"streaming-wide-light": "page-light", "long-wide-dark": "page-dark", "streaming-phone-light": "page-phone"}
"""The screenshots in the README, and their names in `docs`."""
DOCS = Path(__file__).parents[2] / "docs"

TALK = [
    (
        "I have a sourdough starter that smells like nail polish remover. Is it dead?",
        "No, it is hungry. That sharp smell is **acetone**, which the yeast makes when it has run out of food.\n\n"
        "1. Throw away all but a tablespoon.\n"
        "2. Feed it with equal weights of flour and water, twice a day.\n"
        "3. After three days it should smell of yoghurt and double in size within six hours.\n\n"
        "A little whole-grain rye in the first feeds helps it along.",
    ),
    (
        "And if I only bake on weekends?",
        "Keep it in the fridge and feed it **once a week**. Take it out on Friday evening.",
    ),
    (
        "Compare the two ways in a table, and give me a small script that works out the feed for a given weight.",
        "| | On the counter | In the fridge |\n|---|---|---|\n| Feeding | twice a day | once a week |\n"
        "| Ready to bake | any time | after two feeds |\n| Taste | milder | more sour |\n\n"
        "The script keeps a quarter of the old starter:\n\n"
        "```python\ndef feed(grams: float) -> dict[str, float]:\n"
        '    """How much of each to mix for a starter of this weight."""\n'
        "    old = grams / 4\n    fresh = (grams - old) / 2\n"
        '    return {"starter": old, "flour": fresh, "water": fresh}\n```\n\n'
        "> A starter is forgiving: ten per cent more or less will not matter.",
    ),
]
SHORT = [
    (
        "Three days in Lisbon",
        "What should I pack for three days in Lisbon in March?",
        "Layers: a light jacket, a jumper, and shoes that like hills.",
    ),
    (
        "Lighthouse limerick",
        "Write a limerick about a lighthouse keeper",
        "A keeper who lived by the sea\nwould light up at quarter past three.",
    ),
]
STREAMING = (
    "Start on Friday evening:\n\n- **18:00** Take the starter out and feed it.\n- **22:00** Mix flour, water and salt, "
    "then fold it twice.\n- **Saturday, 8:00** Shape the loaf and let it rest in a basket"
)


async def take_screenshots(folder: Path) -> None:
    """Take all screenshots and write them to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    binary = await find_engine(Settings(_env_file=None))
    with tempfile.TemporaryDirectory() as data:
        async with (
            running_model() as model,
            running_engine_alone(binary, Path(data), model) as stack,
            running_threadwell_up(stack, MODEL_MAX_ATTEMPTS="1") as server,
            running_browser() as browser,
        ):
            for scheme in SCHEMES:
                for size in SIZES:
                    await _take_scenes(browser, server.url, stack, folder, size, scheme)
    for scene, name in README.items():
        shutil.copyfile(folder / f"{scene}.png", DOCS / f"{name}.png")


async def _take_scenes(browser: Browser, url: str, stack: Stack, folder: Path, size: str, scheme: str) -> None:
    width, height = SIZES[size]
    phone = size == "phone"
    options = {"viewport": {"width": width, "height": height}, "color_scheme": scheme, "has_touch": phone}
    async with open_context(browser, url, device_scale_factor=1.5 if phone else 1, **options) as context:

        async def shot(name: str, chat: ChatPage) -> None:
            await chat.page.evaluate("document.fonts.ready")
            await chat.page.mouse.move(0, 0)
            await chat.page.screenshot(path=folder / f"{name}-{size}-{scheme}.png", animations="disabled")

        await shot("empty", await open_chat(context))
        for title, question, reply in SHORT:
            short = await open_chat(context)
            await _run_turns(stack, short, [(question, reply)])
            await _rename(short, title)
        long = await open_chat(context)
        await _run_turns(stack, long, TALK)
        await _rename(long, "Reviving a sourdough starter")
        await expect(long.page.locator("#conversation-list a")).to_have_count(3)
        await shot("long", long)
        await _take_streaming(stack, long, shot)
        await _take_failed(stack, context, shot)
        await _take_versions(stack, context, shot)
        await _take_panels(long, shot, phone)


async def _run_turns(stack: Stack, chat: ChatPage, turns: list[tuple[str, str]]) -> None:
    for number, (question, reply) in enumerate(turns, 1):
        await stack.model.script(ScriptedResponse(text=reply, delay=0.02))
        await chat.message_box.fill(question)
        await chat.page.get_by_role("button", name="Send").click()
        await expect(chat.replies).to_have_count(number)
        await chat.expect_status("answered")


async def _rename(chat: ChatPage, title: str) -> None:
    await chat.page.get_by_role("button", name="Rename").click()
    await chat.page.get_by_role("textbox", name="Conversation title").fill(title)
    await chat.page.get_by_role("button", name="Save").click()
    await expect(chat.page.locator("h1")).to_have_text(title)
    await expect(chat.page.locator("#conversation-list a").first).to_have_text(title)


async def _take_streaming(stack: Stack, chat: ChatPage, shot: Shot) -> None:
    await stack.model.script(ScriptedResponse(kind="gate"))
    number = await stack.model.count_requests()
    await chat.message_box.fill("Great. Plan this weekend for me, hour by hour.")
    await chat.page.get_by_role("button", name="Send").click()
    request = await stack.model.wait_for_question("Plan this weekend", number)
    await stack.model.release(request, STREAMING)
    await expect(chat.last_reply).to_contain_text("rest in a basket")
    await chat.message_box.fill("Can I bake it on Sunday instead?")
    await chat.page.get_by_role("button", name="Send").click()
    await expect(chat.questions.last).to_contain_text("Queued, next")
    await shot("streaming", chat)
    await stack.model.finish(request)
    await chat.expect_status("answered")


async def _take_failed(stack: Stack, context: BrowserContext, shot: Shot) -> None:
    chat = await open_chat(context)
    reply = "A strong white bread flour, about 12 % protein."
    await _run_turns(stack, chat, [("Which flour is best for a first loaf?", reply)])
    await _rename(chat, "Flour for a first loaf")
    refusal = {"error": {"message": "Incorrect API key provided.", "code": "invalid_api_key"}}
    await stack.model.script(ScriptedResponse(kind="fail", status=401, body=refusal))
    await chat.message_box.fill("And for rye bread?")
    await chat.page.get_by_role("button", name="Send").click()
    await expect(chat.replies).to_have_count(2)
    await chat.expect_status("failed")
    await shot("failed", chat)


async def _take_panels(chat: ChatPage, shot: Shot, phone: bool) -> None:
    if phone:
        await chat.page.get_by_role("button", name="Show conversations").click()
        await chat.page.wait_for_timeout(300)  # let the sidebar finish its movement
        await shot("list", chat)
    await chat.page.get_by_role("searchbox").fill("starter")
    await expect(chat.page.locator("#search-status")).to_contain_text("Found in")
    await shot("search", chat)
    await chat.page.keyboard.press("Escape")
    await chat.page.get_by_role("button", name="Settings").click()
    await chat.page.get_by_role("button", name="Create link").click()
    await expect(chat.page.get_by_label("Open this link on the other device")).to_be_visible()
    example = "https://chat.example.org/join#b2ZmIHRvIGEgZ29vZCBzdGFydA"
    await chat.page.locator("#invitation-link").evaluate("(box, text) => { box.value = text; }", example)
    await shot("settings", chat)


async def _take_versions(stack: Stack, context: BrowserContext, shot: Shot) -> None:
    chat = await open_chat(context)
    await _run_turns(stack, chat, [("Name three herbs for a north window", "Mint, chives and parsley.")])
    await _rename(chat, "Herbs for the window")
    await chat.questions.last.hover()
    await chat.questions.last.get_by_role("button", name="Edit").click()
    await chat.page.get_by_role("textbox", name="Edit message").fill("Name three herbs for a dark kitchen")
    await shot("edit", chat)
    await stack.model.script(ScriptedResponse(kind="stall", text="Mint tolerates shade best, then"))
    await chat.page.get_by_role("group", name="Edit message").get_by_role("button", name="Send").click()
    await expect(chat.last_reply).to_contain_text("then")
    await chat.page.get_by_role("button", name="Stop").click()
    await chat.expect_status("stopped")
    await expect(chat.questions.last.get_by_role("group", name="Version 2 of 2")).to_be_visible()
    await shot("versions", chat)


if __name__ == "__main__":
    asyncio.run(take_screenshots(Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots")))
