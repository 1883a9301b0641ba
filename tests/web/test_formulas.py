"""Formulas in replies: rendered as MathML, and sanitized."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, expect

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.browser import open_chat

pytestmark = pytest.mark.browser

FORMULAS = r"""
The roots are $x = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}$, or \(x_1\) and \(x_2\).

$$
\int_0^1 x^2 \, dx = \frac{1}{3}
$$

\[
\begin{pmatrix} a & b \\ c & d \end{pmatrix}
\]

`$HOME` is no formula, and it costs $5 today and $10 tomorrow.

Nonsense stays: $\nosuchcommand{x}$
"""

INLINE_DISPLAY_FORMULAS = r"""
It follows $$x^2 < 3$$ at once, and \[ \frac{a}{b} \] too.

$$y = 1$$ begins a line, which goes on.

\[z\] does, as well.

\[
w
\]

They cost $$5 and $$10; `$$HOME$$` is code.
"""

MALICIOUS_FORMULAS = [
    r"$\href{javascript:window.hit=1}{click}$",
    r"$\htmlStyle{position: fixed}{x}$",
    r"$\includegraphics{https://tracker.invalid/p.png}$",
    r"$\def\a{\a\a}\a$",
    r"$\pmb{x} + \fcolorbox{red}{blue}{y} + \colorbox{red}{z}$",
    r"$<img src=x onerror=window.hit=1>$",
    r"$\text{<script>window.hit=1</script>}$",
    r"$\rule{99999em}{99999em}$ and $x\kern99999em y$",
]


async def test_formulas_are_rendered(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    assert await chat.page.evaluate("typeof katex") == "undefined", "KaTeX is loaded with the first formula"
    await stack.model.script(ScriptedResponse(text=FORMULAS, chunk=9))
    await chat.send("formulas, please")
    await chat.expect_status("answered")
    body = chat.last_reply.locator(".body")
    await expect(body.locator("math")).to_have_count(5)
    await expect(body.locator("math mfrac msqrt")).to_have_count(1)
    await expect(body.locator("p.formula math[display=block]")).to_have_count(2)
    await expect(body.locator("math mtable mtr")).to_have_count(2)
    await expect(body.locator("math").nth(1), "the formula shows no source text").to_have_text("x1")
    await expect(body).to_contain_text("$HOME is no formula, and it costs $5 today and $10 tomorrow.")
    await expect(body).to_contain_text(r"Nonsense stays: \nosuchcommand{x}")
    await chat.page.reload()
    await expect(body.locator("math")).to_have_count(5)

    await stack.model.script(ScriptedResponse(text=INLINE_DISPLAY_FORMULAS, chunk=7))
    await chat.send("formulas in lines, please")
    await expect(chat.replies).to_have_count(2)
    await chat.expect_status("answered")
    await expect(body.locator("math[display=block]")).to_have_count(5)
    await expect(body.locator("p > .formula.display math mfrac")).to_have_count(1)
    await expect(body.locator("p", has_text="begins a line, which goes on.").locator("math")).to_have_count(1)
    await expect(body.locator("p", has_text="does, as well.").locator("math")).to_have_text("z")
    await expect(body).to_contain_text("They cost $$5 and $$10; $$HOME$$ is code.")


async def test_formulas_cannot_run_scripts_send_requests_or_take_space(context: BrowserContext, stack: Stack) -> None:
    """A style or script that the browser blocks is reported on the console, which also fails the test."""
    chat = await open_chat(context)
    requested: list[str] = []
    chat.page.on("request", lambda request: requested.append(request.url))
    await stack.model.script(ScriptedResponse(text="\n\n".join(MALICIOUS_FORMULAS) + "\n\nthe end $x$"))
    await chat.send("formulas, please")
    await chat.expect_status("answered")
    body = chat.last_reply.locator(".body")
    await expect(body.locator("math").last).to_have_text("x")
    assert await chat.page.evaluate("window.hit") is None
    attributes = "[...document.querySelectorAll('.body *')].flatMap(e => [...e.attributes].map(a => a.name))"
    forbidden = ("on", "style", "href", "src")
    assert not [name for name in await chat.page.evaluate(attributes) if name.startswith(forbidden)]
    assert not [url for url in requested if "tracker" in url]
    await expect(body.locator("p").first).to_have_text(r"\href{javascript:window.hit=1}{click}")
    box = await chat.last_reply.bounding_box()
    assert box is not None and box["width"] < 2_000 and box["height"] < 2_000
    assert await chat.page.evaluate("document.querySelector('#thread').scrollWidth") < 2_000
