"""Latency from the model's first token to the frame in which a real Chromium paints it.

The page shows the conversation and sends the message. The model's time stamp is converted to the browser's clock with
the offset between the machine's two clocks.
"""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING, Any

from bench.figures import Findings, Goal, UnavailableError
from bench.load import message, unique_name
from bench.measure import LoadMeter
from bench.processes import BenchRun
from bench.rows.window import MAX_MILLISECONDS, MEASURE, running_up
from bench.sizes import Sizes
from chat_service.errors import UserError

if TYPE_CHECKING:
    from playwright.async_api import Page

NAME = "browser"
TITLE = "the model's first token to the frame in which a real Chromium paints it"
ROW = "threadwell in one process (up), Chromium"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_OPTIONS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_RECORD_STAMPS = """() => {
  window.benchSeen = [];
  const known = new Set();
  const findStamps = () => {
    for (const [stamp] of document.body.textContent.matchAll(/\\d{10,}/g)) {
      if (known.has(stamp)) continue;
      known.add(stamp);
      requestAnimationFrame(() => window.benchSeen.push([stamp, performance.timeOrigin + performance.now()]));
    }
  };
  new MutationObserver(findStamps).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""
_CALL_API = """async ([method, path, body]) => {
  const headers = {'Content-Type': 'application/json'};
  const response = await fetch(`/api/conversations/${path}`, {method, headers, body: JSON.stringify(body)});
  return response.status;
}"""
_IS_IDLE = """async (conversation) => {
  const history = await (await fetch(`/api/conversations/${conversation}`)).json();
  return !history.running && !(history.waiting || []).length;
}"""


async def measure(bench_run: BenchRun, sizes: Sizes, findings: Findings) -> None:
    """Measure one conversation in one page."""
    try:
        playwright: Any = _import_playwright()
        program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
        if program is None:
            raise UnavailableError("there is no Chromium: apt-get install chromium")
    except UnavailableError as missing:
        findings.missing[NAME] = str(missing)
        return
    bench_run.report_progress(f"{NAME}: {program}")
    options = [*CHROMIUM_OPTIONS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    async with running_up(bench_run, findings) as url, playwright() as started:
        browser = await started.chromium.launch(executable_path=program, args=options)
        try:
            meter = LoadMeter()
            delays = await _measure_delays(await browser.new_page(), url, sizes.window_turns)
            load = meter.read()
        finally:
            await browser.close()
    for delay in delays:
        findings.add(ROW, MEASURE, 1, delay, "ms", load)
    if figure := findings.find(ROW, MEASURE, 1):
        findings.goals.append(Goal(f"{MEASURE} in ms, in Chromium", figure.median, MAX_MILLISECONDS, True))


async def _measure_delays(page: Page, url: str, turns: int) -> list[float]:
    """Return the delay of each reply in milliseconds."""
    conversation = unique_name("browser")
    await page.goto(f"{url}/c/{conversation}")
    # With a title set, the model is not asked for one, whose time stamp would look like a reply's.
    await _call_api(page, "PATCH", conversation, {"title": "bench"})
    await page.evaluate(_RECORD_STAMPS)
    for number in range(turns):
        body = {"message": message(number), "id": unique_name("m")}
        await _call_api(page, "POST", f"{conversation}/messages", body)
        await page.wait_for_function("(count) => window.benchSeen.length > count", arg=number)
        await page.wait_for_function(_IS_IDLE, arg=conversation, polling=100)
    seen: list[tuple[str, float]] = await page.evaluate("() => window.benchSeen")
    # Both clocks are the machine's own. Their offset is read after the load.
    offset = time.time_ns() - time.monotonic_ns()
    return [painted_at - (int(stamp) + offset) / 1e6 for stamp, painted_at in seen]


async def _call_api(page: Page, method: str, path: str, body: dict[str, str]) -> None:
    status = await page.evaluate(_CALL_API, [method, path, body])
    if status >= 300:
        raise UserError(f"the page answered {status} to {method} {path}")


def _import_playwright() -> Any:
    try:
        from playwright.async_api import async_playwright
    except ImportError as error:
        raise UnavailableError("playwright is not installed: pip install --group bench, or make bench") from error
    return async_playwright
