"""What a model says is never code."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, BrowserContext, FilePayload, Page, Route, expect

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.browser import open_chat
from tests.web.web_server import WebServer

pytestmark = pytest.mark.browser

EVIL = [
    "<script>window.hit = 1</script>",
    "<img src=x onerror='window.hit = 1'>",
    "<svg/onload='window.hit = 1'>",
    "<iframe srcdoc='<script>parent.hit = 1</script>'></iframe>",
    "<a href='javascript:window.hit = 1' id=raw>raw</a>",
    "[click](javascript:window.hit=1)",
    "[click](JaVaScRiPt:window.hit=1)",
    "[click](&#106;avascript:window.hit=1)",
    "[click](data:text/html,<script>opener.hit=1</script>)",
    "[click](vbscript:hit)",
    "![pixel](https://tracker.invalid/p.png)",
    '![x](x"onerror="window.hit=1)',
    "<javascript:window.hit=1>",
    "`<img src=x onerror=window.hit=1>`",
    "```html\n<script>window.hit = 1</script>\n```",
    '```"><img src=x onerror=window.hit=1>\nx\n```',
    "<style>body { display: none }</style>",
    "<form action=https://evil.invalid><button>Send</button></form>",
    "| <img src=x onerror=window.hit=1> |\n|---|\n| <b onmouseover=window.hit=1>b</b> |",
    "<math><mtext></mtext><style><img src=x onerror=window.hit=1></style></math>",
]


async def _nothing_happened(page: Page) -> None:
    assert await page.evaluate("window.hit") is None
    inside = page.locator(".message .body")
    for tag in ("script", "img", "svg", "iframe", "style", "form", "object", "embed", "input", "math"):
        assert await inside.locator(tag).count() == 0, tag
    handlers = "[...document.querySelectorAll('.body *')].flatMap(e => [...e.attributes].map(a => a.name))"
    assert not [name for name in await page.evaluate(handlers) if name.startswith(("on", "style", "srcdoc"))]
    schemes = "[...document.querySelectorAll('.body a')].map(a => a.protocol)"
    assert set(await page.evaluate(schemes)) <= {"http:", "https:", "mailto:", ":"}


async def test_nothing_in_a_reply_runs_or_fetches(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    asked: list[str] = []
    chat.page.on("request", lambda request: asked.append(request.url))
    await stack.model.script(ScriptedResponse(text="\n\n".join(EVIL) + "\n\nthe end", chunk=7))
    await chat.send("be evil")
    await expect(chat.last_reply.locator(".body")).to_contain_text("the end")
    await chat.expect_status("answered")
    await _nothing_happened(chat.page)
    for link in await chat.page.get_by_text("click", exact=True).all():
        await link.click()
    await _nothing_happened(chat.page)
    await chat.page.reload()
    await expect(chat.last_reply.locator(".body")).to_contain_text("the end")
    await _nothing_happened(chat.page)
    assert not [url for url in asked if "127.0.0.1" not in url]


TAGS = (
    "one<br>two<BR/>three, H<sub>2</sub>O, x<sup>*n*</sup>, <kbd>Ctrl</kbd>, <b>bold</b>, `<sub>x</sub>`, "
    "the <sup> tag\n\n"
    "<kbd class=hljs onclick='window.hit = 1'>evil</kbd>\n\n| a | b |\n|---|---|\n| 1<br>2 | 3 |"
)


async def test_a_few_harmless_tags_are_tags_and_all_others_letters(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    await stack.model.script(ScriptedResponse(text=TAGS, chunk=5))
    await chat.send("how?")
    await chat.expect_status("answered")
    body = chat.last_reply.locator(".body")
    await expect(body.locator("kbd")).to_have_text(["Ctrl"])
    await expect(body.locator("sub")).to_have_text(["2"])
    await expect(body.locator("sup")).to_have_text(["n"])
    await expect(body.locator("sup em")).to_have_text(["n"])
    await expect(body.locator("br")).to_have_count(3)
    await expect(body.locator("td").first).to_have_text("1 2")
    await expect(body.locator("p").first).to_contain_text("<b>bold</b>, <sub>x</sub>, the <sup> tag")
    await expect(body.locator("p").last).to_contain_text("<kbd class=hljs onclick=")
    await _nothing_happened(chat.page)


async def test_a_link_that_leads_nowhere_is_plain_text(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    dead = "[here](docs/a.md), [there](#part), [file](file:///etc/passwd), ![shot](pic.png) and [**that**](//host/x)"
    await stack.model.script(ScriptedResponse(text=f"{dead}, [alive](https://example.org)"))
    await chat.send("where?")
    await chat.expect_status("answered")
    await expect(chat.last_reply.locator(".body a")).to_have_text(["alive"])
    await expect(chat.last_reply.locator(".body strong")).to_have_text("that")
    await expect(chat.last_reply.locator(".body")).to_contain_text("here, there, ")


LEAKY = """
const careful = window.markdownit;
window.markdownit = (...options) => Object.assign(careful(...options), { render: (text) => text });
"""


async def test_the_sanitiser_trusts_no_renderer(chromium: Browser, web_server: WebServer, stack: Stack) -> None:
    """With a renderer that lets everything through."""
    await stack.model.clear_script()
    context = await chromium.new_context(base_url=web_server.url)  # its console may say what the browser refused

    async def leak(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, body=await answer.text() + LEAKY)

    await context.route("**/markdown-it*", leak)
    chat = await open_chat(context)
    await stack.model.script(ScriptedResponse(text="\n".join([*EVIL, "<kbd class=x>key</kbd><p>the end</p>"])))
    await chat.send("be evil")
    await expect(chat.last_reply.locator(".body")).to_contain_text("the end")
    await expect(chat.last_reply.locator(".body")).not_to_contain_text("<p>")  # it did let it through
    assert await chat.last_reply.locator(".body kbd").evaluate("key => key.attributes.length") == 0
    await chat.expect_status("answered")
    await _nothing_happened(chat.page)
    await context.close()


async def test_nothing_in_a_question_or_a_title_or_a_file_name_runs(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    evil = "<img src=x onerror='window.hit = 1'>"
    file = FilePayload(name=f"{evil}.txt", mimeType="text/plain", buffer=evil.encode())
    await chat.page.locator("#picker").set_input_files(file)
    await chat.send(evil)
    await expect(chat.last_reply.locator(".body")).to_contain_text(evil)
    await chat.expect_status("answered")
    await chat.page.get_by_role("button", name="Rename").click()
    await chat.page.get_by_role("textbox", name="Conversation title").fill(evil)
    await chat.page.keyboard.press("Enter")
    await expect(chat.page.locator("#conversation-list a")).to_have_text(evil)
    assert await chat.page.locator("main img, #conversation-list img").count() == 0
    await _nothing_happened(chat.page)


async def test_a_link_opens_beside_the_page_and_tells_nothing(context: BrowserContext, stack: Stack) -> None:
    await stack.model.script(ScriptedResponse(text="See [the site](https://example.org/a) or https://example.org/b"))
    chat = await open_chat(context)
    await chat.send("where?")
    await chat.expect_status("answered")
    links = chat.last_reply.locator("a")
    await expect(links).to_have_count(2)
    for link in await links.all():
        await expect(link).to_have_attribute("target", "_blank")
        await expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")


async def test_the_policy_stops_what_would_slip_through(chromium: Browser, web_server: WebServer) -> None:
    """Even a hole in renderer and sanitiser would not run a script: the browser refuses it."""
    page = await chromium.new_page()
    await page.goto(web_server.url)
    refused = await page.evaluate(
        """() => new Promise((resolve) => {
            document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective));
            const hole = document.createElement('p');
            hole.setAttribute('onclick', 'window.hit = 1');
            document.body.append(hole);
            hole.click();
        })"""
    )
    assert refused.startswith("script-src")
    assert await page.evaluate("window.hit") is None
    await page.close()
