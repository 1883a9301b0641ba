"""Replies, questions, titles and file names cannot run scripts or send requests."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, BrowserContext, FilePayload, Page, Route, expect

from tests.fakes.model.protocol import ScriptedResponse
from tests.processes import Stack
from tests.web.browser import open_chat
from tests.web.page_actions import rename_conversation
from tests.web.web_server import WebServer

pytestmark = pytest.mark.browser

MALICIOUS_MARKDOWN = [
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


async def expect_nothing_ran(page: Page) -> None:
    """Fail if a script ran, or if a reply contains an element, attribute or link that could run one."""
    assert await page.evaluate("window.hit") is None
    bodies = page.locator(".message .body")
    for tag in ("script", "img", "svg", "iframe", "style", "form", "object", "embed", "input", "math"):
        assert await bodies.locator(tag).count() == 0, tag
    attributes = "[...document.querySelectorAll('.body *')].flatMap(e => [...e.attributes].map(a => a.name))"
    assert not [name for name in await page.evaluate(attributes) if name.startswith(("on", "style", "srcdoc"))]
    schemes = "[...document.querySelectorAll('.body a')].map(a => a.protocol)"
    assert set(await page.evaluate(schemes)) <= {"http:", "https:", "mailto:", ":"}


async def test_a_reply_cannot_run_scripts_or_send_requests(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    requested: list[str] = []
    chat.page.on("request", lambda request: requested.append(request.url))
    await stack.model.script(ScriptedResponse(text="\n\n".join(MALICIOUS_MARKDOWN) + "\n\nthe end", chunk=7))
    await chat.send("hello")
    await expect(chat.last_reply.locator(".body")).to_contain_text("the end")
    await chat.expect_status("answered")
    await expect_nothing_ran(chat.page)
    for link in await chat.page.get_by_text("click", exact=True).all():
        await link.click()
    await expect_nothing_ran(chat.page)
    await chat.page.reload()
    await expect(chat.last_reply.locator(".body")).to_contain_text("the end")
    await expect_nothing_ran(chat.page)
    assert not [url for url in requested if "127.0.0.1" not in url]


ALLOWED_TAGS = (
    "one<br>two<BR/>three, H<sub>2</sub>O, x<sup>*n*</sup>, <kbd>Ctrl</kbd>, <b>bold</b>, `<sub>x</sub>`, "
    "the <sup> tag\n\n"
    "<kbd class=hljs onclick='window.hit = 1'>evil</kbd>\n\n| a | b |\n|---|---|\n| 1<br>2 | 3 |"
)


async def test_a_few_harmless_tags_are_rendered_and_all_others_shown_as_text(
    context: BrowserContext, stack: Stack
) -> None:
    chat = await open_chat(context)
    await stack.model.script(ScriptedResponse(text=ALLOWED_TAGS, chunk=5))
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
    await expect_nothing_ran(chat.page)


async def test_a_link_opens_in_a_new_tab_or_is_plain_text(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    unusable = (
        "[here](docs/a.md), [there](#part), [file](file:///etc/passwd), ![shot](pic.png) and [**that**](//host/x)"
    )
    usable = "[usable](https://example.org/a) or https://example.org/b"
    await stack.model.script(ScriptedResponse(text=f"{unusable}, {usable}"))
    await chat.send("where?")
    await chat.expect_status("answered")
    links = chat.last_reply.locator(".body a")
    await expect(links).to_have_text(["usable", "https://example.org/b"])
    for link in await links.all():
        await expect(link).to_have_attribute("target", "_blank")
        await expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    await expect(chat.last_reply.locator(".body strong")).to_have_text("that")
    await expect(chat.last_reply.locator(".body")).to_contain_text("here, there, ")


UNSAFE_RENDERER = """
const markdownit = window.markdownit;
window.markdownit = (...options) => Object.assign(markdownit(...options), { render: (text) => text });
"""


async def test_an_unsafe_renderer_is_sanitized(chromium: Browser, web_server: WebServer, stack: Stack) -> None:
    """The renderer is replaced by one that returns its input."""
    await stack.model.clear_script()
    context = await chromium.new_context(base_url=web_server.url)  # its console may report what the browser blocks

    async def replace_renderer(route: Route) -> None:
        response = await route.fetch()
        await route.fulfill(response=response, body=await response.text() + UNSAFE_RENDERER)

    await context.route("**/markdown-it*", replace_renderer)
    chat = await open_chat(context)
    await stack.model.script(
        ScriptedResponse(text="\n".join([*MALICIOUS_MARKDOWN, "<kbd class=x>key</kbd><p>the end</p>"]))
    )
    await chat.send("hello")
    await expect(chat.last_reply.locator(".body")).to_contain_text("the end")
    await expect(chat.last_reply.locator(".body")).not_to_contain_text("<p>")  # the renderer returned it unchanged
    assert await chat.last_reply.locator(".body kbd").evaluate("key => key.attributes.length") == 0
    await chat.expect_status("answered")
    await expect_nothing_ran(chat.page)
    await context.close()


async def test_a_question_a_title_and_a_file_name_cannot_run_scripts(context: BrowserContext, stack: Stack) -> None:
    chat = await open_chat(context)
    html = "<img src=x onerror='window.hit = 1'>"
    file = FilePayload(name=f"{html}.txt", mimeType="text/plain", buffer=html.encode())
    await chat.page.locator("#picker").set_input_files(file)
    await chat.send(html)
    await expect(chat.last_reply.locator(".body")).to_contain_text(html)
    await chat.expect_status("answered")
    await rename_conversation(chat, html)
    await expect(chat.links).to_have_text(html)
    assert await chat.page.locator("main img, #conversation-list img").count() == 0
    await expect_nothing_ran(chat.page)


async def test_the_content_security_policy_blocks_inline_scripts(chromium: Browser, web_server: WebServer) -> None:
    """The browser blocks a script that the renderer and the sanitizer let through."""
    page = await chromium.new_page()
    await page.goto(web_server.url)
    directive = await page.evaluate(
        """() => new Promise((resolve) => {
            document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective));
            const element = document.createElement('p');
            element.setAttribute('onclick', 'window.hit = 1');
            document.body.append(element);
            element.click();
        })"""
    )
    assert directive.startswith("script-src")
    assert await page.evaluate("window.hit") is None
    await page.close()
