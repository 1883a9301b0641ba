"""The same in a real browser: from the model's first token to the frame in which Chromium is about to paint it.

The page is open on the conversation; the message is sent from within it. Its clock and the model's stamp are brought
together by the offset between the machine's two clocks.
"""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING, Any

from bench.figures import Findings, Goal, Meter
from bench.load import fresh, message
from bench.missing import Missing
from bench.processes import World
from bench.rows.window import MEASURE, MOST_MILLISECONDS, running_up
from bench.sizes import Sizes
from chat_service.errors import UserError

if TYPE_CHECKING:
    from playwright.async_api import Page

NAME = "browser"
TITLE = "the model's first token to the frame in which a real Chromium paints it"
ROW = "threadwell in one process (up), Chromium"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_WATCH = """() => {
  window.benchSeen = [];
  const known = new Set();
  const look = () => {
    for (const [stamp] of document.body.textContent.matchAll(/\\d{10,}/g)) {
      if (known.has(stamp)) continue;
      known.add(stamp);
      requestAnimationFrame(() => window.benchSeen.push([stamp, performance.timeOrigin + performance.now()]));
    }
  };
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""
_CALL = """async ([method, path, body]) => {
  const headers = {'Content-Type': 'application/json'};
  const response = await fetch(`/api/conversations/${path}`, {method, headers, body: JSON.stringify(body)});
  return response.status;
}"""
_IDLE = """async (conversation) => {
  const history = await (await fetch(`/api/conversations/${conversation}`)).json();
  return !history.running && !(history.waiting || []).length;
}"""


async def measure(world: World, sizes: Sizes, findings: Findings) -> None:
    """One conversation, one window."""
    try:
        playwright: Any = _playwright()
        program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
        if program is None:
            raise Missing("there is no Chromium: apt-get install chromium")
    except Missing as missing:
        findings.missing[NAME] = str(missing)
        return
    world.say(f"{NAME}: {program}")
    options = [*OPTIONS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    async with running_up(world, findings) as url, playwright() as started:
        browser = await started.chromium.launch(executable_path=program, args=options)
        try:
            meter = Meter()
            delays = await _talk(await browser.new_page(), url, sizes.window_turns)
            load = meter.read()
        finally:
            await browser.close()
    for delay in delays:
        findings.add(ROW, MEASURE, 1, delay, "ms", load)
    if figure := findings.find(ROW, MEASURE, 1):
        findings.goals.append(Goal(f"{MEASURE} in ms, in Chromium", figure.median, MOST_MILLISECONDS, True))


async def _talk(page: Page, url: str, turns: int) -> list[float]:
    conversation = fresh("browser")
    await page.goto(f"{url}/c/{conversation}")
    # With a title of its own, none is asked of the model: its stamp would be taken for a reply's.
    await _call(page, "PATCH", conversation, {"title": "bench"})
    await page.evaluate(_WATCH)
    for number in range(turns):
        body = {"message": message(number), "id": fresh("m")}
        await _call(page, "POST", f"{conversation}/messages", body)
        await page.wait_for_function("(count) => window.benchSeen.length > count", arg=number)
        await page.wait_for_function(_IDLE, arg=conversation, polling=100)
    seen: list[tuple[str, float]] = await page.evaluate("() => window.benchSeen")
    # Both clocks are the machine's own; what lies between them is read where neither is under load.
    between = time.time_ns() - time.monotonic_ns()
    return [at - (int(stamp) + between) / 1e6 for stamp, at in seen]


async def _call(page: Page, method: str, path: str, body: dict[str, str]) -> None:
    status = await page.evaluate(_CALL, [method, path, body])
    if status >= 300:
        raise UserError(f"the page answered {status} to {method} {path}")


def _playwright() -> Any:
    try:
        from playwright.async_api import async_playwright
    except ImportError as error:
        raise Missing("playwright is not installed: pip install --group bench, or make bench") from error
    return async_playwright
