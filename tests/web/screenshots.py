"""`python -m tests.web.screenshots DIR`: pictures of the page, made on a real stack, to judge its look by.

Each scene in wide and phone, light and dark: empty, long, streaming, failed, search, settings;
on a phone the list, too.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, expect

from chat_service.engine.binary import find_engine
from chat_service.settings import Settings
from tests.fakes.model.protocol import ScriptedResponse
from tests.fakes.model.running import running_model
from tests.processes import Stack
from tests.web.browser import ChatPage, open_chat, open_context, running_browser
from tests.web.web_server import running_engine_alone, running_threadwell_up

SIZES = {"wide": (1280, 800), "phone": (390, 844)}
SCHEMES = ("light", "dark")
README = {"streaming-wide-light": "page-light", "long-wide-dark": "page-dark", "streaming-phone-light": "page-phone"}
"""The pictures that the README shows, and their names in `docs`."""
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


async def make(folder: Path) -> None:
    """All pictures, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    binary = await find_engine(Settings(_env_file=None))
    with tempfile.TemporaryDirectory() as data:
        async with (
            running_model() as model,
            running_engine_alone(binary, Path(data), model) as stack,
            running_threadwell_up(stack, MODEL_MAX_ATTEMPTS="1") as web_server,
            running_browser() as browser,
        ):
            for scheme in SCHEMES:
                for size in SIZES:
                    await _scenes(browser, web_server.url, stack, folder, size, scheme)
    for picture, name in README.items():
        shutil.copyfile(folder / f"{picture}.png", DOCS / f"{name}.png")


async def _scenes(browser: Browser, url: str, stack: Stack, folder: Path, size: str, scheme: str) -> None:
    width, height = SIZES[size]
    phone = size == "phone"
    options = {"viewport": {"width": width, "height": height}, "color_scheme": scheme, "has_touch": phone}
    async with open_context(browser, url, device_scale_factor=1.5 if phone else 1, **options) as context:

        async def shot(name: str, seen: ChatPage) -> None:
            await seen.page.evaluate("document.fonts.ready")
            await seen.page.mouse.move(0, 0)
            await seen.page.screenshot(path=folder / f"{name}-{size}-{scheme}.png", animations="disabled")

        await shot("empty", await open_chat(context))
        for title, asked, said in SHORT:
            short = await open_chat(context)
            await _talk(stack, short, [(asked, said)])
            await _rename(short, title)
        long = await open_chat(context)
        await _talk(stack, long, TALK)
        await _rename(long, "Reviving a sourdough starter")
        await expect(long.page.locator("#conversation-list a")).to_have_count(3)
        await shot("long", long)
        await _streaming(stack, long, shot)
        await _failed(stack, context, shot)
        await _versions(stack, context, shot)
        await _panels(long, shot, phone)


async def _talk(stack: Stack, chat: ChatPage, talk: list[tuple[str, str]]) -> None:
    for number, (asked, said) in enumerate(talk, 1):
        await stack.model.script(ScriptedResponse(text=said, delay=0.02))
        await chat.message_box.fill(asked)
        await chat.page.get_by_role("button", name="Send").click()
        await expect(chat.replies).to_have_count(number)
        await chat.expect_status("answered")


async def _rename(chat: ChatPage, title: str) -> None:
    await chat.page.get_by_role("button", name="Rename").click()
    await chat.page.get_by_role("textbox", name="Conversation title").fill(title)
    await chat.page.get_by_role("button", name="Save").click()
    await expect(chat.page.locator("h1")).to_have_text(title)
    await expect(chat.page.locator("#conversation-list a").first).to_have_text(title)


async def _streaming(stack: Stack, chat: ChatPage, shot) -> None:  # type: ignore[no-untyped-def]
    await stack.model.script(ScriptedResponse(kind="gate"))
    number = await stack.model.count_requests()
    await chat.message_box.fill("Great. Plan this weekend for me, hour by hour.")
    await chat.page.get_by_role("button", name="Send").click()
    asked = await stack.model.wait_for_question("Plan this weekend", number)
    await stack.model.release(asked.number, STREAMING)
    await expect(chat.last_reply).to_contain_text("rest in a basket")
    await chat.message_box.fill("Can I bake it on Sunday instead?")
    await chat.page.get_by_role("button", name="Send").click()
    await expect(chat.questions.last).to_contain_text("Queued, next")
    await shot("streaming", chat)
    await stack.model.finish(asked.number)
    await chat.expect_status("answered")


async def _failed(stack: Stack, context: BrowserContext, shot) -> None:  # type: ignore[no-untyped-def]
    chat = await open_chat(context)
    said = "A strong white bread flour, about 12 % protein."
    await _talk(stack, chat, [("Which flour is best for a first loaf?", said)])
    await _rename(chat, "Flour for a first loaf")
    refusal = {"error": {"message": "Incorrect API key provided.", "code": "invalid_api_key"}}
    await stack.model.script(ScriptedResponse(kind="fail", status=401, body=refusal))
    await chat.message_box.fill("And for rye bread?")
    await chat.page.get_by_role("button", name="Send").click()
    await expect(chat.replies).to_have_count(2)
    await chat.expect_status("failed")
    await shot("failed", chat)


async def _panels(chat: ChatPage, shot, phone: bool) -> None:  # type: ignore[no-untyped-def]
    if phone:
        await chat.page.get_by_role("button", name="Show conversations").click()
        await chat.page.wait_for_timeout(300)  # a picture of the end of a movement, not a test
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


async def _versions(stack: Stack, context: BrowserContext, shot) -> None:  # type: ignore[no-untyped-def]
    chat = await open_chat(context)
    await _talk(stack, chat, [("Name three herbs for a north window", "Mint, chives and parsley.")])
    await _rename(chat, "Herbs for the window")
    await chat.questions.last.hover()
    await chat.questions.last.get_by_role("button", name="Edit").click()
    await chat.page.get_by_role("textbox", name="Edit message").fill("Name three herbs for a dark kitchen")
    await shot("change", chat)
    await stack.model.script(ScriptedResponse(kind="stall", text="Mint stands the shade best, then"))
    await chat.page.get_by_role("group", name="Edit message").get_by_role("button", name="Send").click()
    await expect(chat.last_reply).to_contain_text("then")
    await chat.page.get_by_role("button", name="Stop").click()
    await chat.expect_status("stopped")
    await expect(chat.questions.last.get_by_role("group", name="Version 2 of 2")).to_be_visible()
    await shot("versions", chat)


if __name__ == "__main__":
    asyncio.run(make(Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots")))
