"""Check the accessibility of the page with axe-core."""

from __future__ import annotations

import json
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Page

from tests.web.screenshots import SIZES

COLOUR_RULES = ["color-contrast", "link-in-text-block"]
"""The rules of axe-core whose result depends on colours. The colour scheme changes nothing else."""
FINISH_ANIMATIONS = """() => Promise.all(
    document.getAnimations()
        .filter((animation) => animation.effect.getComputedTiming().iterations < 9)
        .map((animation) => animation.finished.catch(() => {})))"""
"""Wait for animations that end; colours are measured wrongly in the middle of a transition."""


async def check_accessibility(page: Page, state: str, *, part: str = "html") -> None:
    """Fail on an axe-core violation of the page, on a phone or in a wide window, light or dark; it is wide afterwards.

    `part` is a selector, such as that of an open dialog: the rest of the page is checked in another state.
    """
    await check_phone(page, state, part=part)
    await check_wide(page, state, part=part)


async def check_phone(page: Page, state: str, *, part: str = "html") -> None:
    """Fail on an axe-core violation of the page in the size of a phone; the colours are the same in each size."""
    await resize(page, "phone")
    await _run_axe(page, f"{state}, phone", part, {})


async def check_wide(page: Page, state: str, *, part: str = "html") -> None:
    """Fail on an axe-core violation of the page in a wide window, light or dark."""
    await resize(page, "wide")
    await page.emulate_media(color_scheme="dark")
    await _run_axe(page, f"{state}, dark", part, {"runOnly": COLOUR_RULES})
    await page.emulate_media(color_scheme="light")
    await _run_axe(page, f"{state}, light", part, {})


async def resize(page: Page, size: str) -> None:
    """Give the window the size of a `phone`, or make it `wide`."""
    width, height = SIZES[size]
    await page.set_viewport_size({"width": width, "height": height})


async def _run_axe(page: Page, state: str, part: str, options: dict[str, Any]) -> None:
    await page.bring_to_front()  # Trap: the animations of a page behind another one may never finish.
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE_SCRIPT)
    await page.evaluate(FINISH_ANIMATIONS)
    arguments = f"{json.dumps(part)}, {json.dumps({'resultTypes': ['violations'], 'preload': False, **options})}"
    result = await page.evaluate(f"axe.run({arguments})")
    violations = [
        (violation["id"], node["target"], node["failureSummary"])
        for violation in result["violations"]
        for node in violation["nodes"]
    ]
    assert not violations, (state, violations)
