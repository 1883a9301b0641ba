"""What every request passes before it reaches anything."""

from __future__ import annotations

import pytest

from tests.web.api_client import ApiClient
from tests.web.web_server import WebServer

ONE = "/api/conversations/guarded"
MESSAGE = {"id": "m1", "message": "hello"}


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "evil.example:8000"]
)
async def test_a_name_that_was_pointed_here_is_refused(client: ApiClient, host: str) -> None:
    """DNS rebinding: the browser believes that it talks to the other site."""
    for path in ("/", "/api/me", "/static/main.js"):
        answer = await client.request("GET", path, Host=host)
        assert answer.status == 403
        assert "127.0.0.1 and localhost only" in answer.error


async def test_this_machines_own_names_are_taken(web_server: WebServer, client: ApiClient) -> None:
    for host in (f"localhost:{web_server.port}", "127.0.0.1", "[::1]:8000", "[::1]"):
        assert (await client.request("GET", "/", Host=host)).status == 200


@pytest.mark.parametrize(
    "forged",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://[::1"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_another_site_changes_nothing(client: ApiClient, forged: dict[str, str]) -> None:
    for method, path, body in (
        ("POST", f"{ONE}/messages", MESSAGE),
        ("PATCH", ONE, {"title": "Theirs"}),
        ("DELETE", ONE, None),
        ("POST", f"{ONE}/stop", {"all": True}),
        ("POST", "/api/signin", {"token": "x"}),
    ):
        answer = await client.request(method, path, body, **forged)
        assert (answer.status, answer.error) == (403, "this request comes from another site")
    assert (await client.history("guarded"))["messages"] == []


async def test_the_page_itself_may(web_server: WebServer, client: ApiClient) -> None:
    own = {"Origin": web_server.url, "Sec-Fetch-Site": "same-origin"}
    assert (await client.request("POST", f"{ONE}/messages", MESSAGE, **own)).status == 202


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_what_a_plain_form_can_send_is_refused(client: ApiClient, kind: str) -> None:
    answer = await client.request("POST", f"{ONE}/messages", MESSAGE, **{"Content-Type": kind})
    assert (answer.status, answer.error) == (415, "JSON is expected")


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ({"id": "x"}, "the message is empty: say something or attach a file"),
        ({"message": "no id"}, "a message needs an id"),
        ({"id": "x" * 201, "message": "hi"}, "id: String should have at most 200 characters"),
        ({"id": "x", "message": "a" * 262_145}, "message: String should have at most 262144 characters"),
        ({"id": "x", "message": "hi", "attachments": [{"name": "f", "text": "a" * 262_145}]}, "send a url instead"),
    ],
)
async def test_what_cannot_be_taken_is_told_in_a_line(client: ApiClient, body: dict[str, object], line: str) -> None:
    answer = await client.request("POST", f"{ONE}/messages", body)
    assert answer.status == 400
    assert line in answer.error
    assert "\n" not in answer.error


async def test_nonsense_is_told_in_a_line(client: ApiClient) -> None:
    async with client.session.post(
        f"{client.url}{ONE}/messages", data=b"{", headers={"Content-Type": "application/json"}
    ) as response:
        assert response.status == 400
        assert "Traceback" not in await response.text()
    for unknown in ("a\nb", "\u00e9", "x" * 100_000):
        answer = await client.request("POST", f"{ONE}/withdraw", {"id": unknown})
        assert (answer.status, answer.error) == (400, "no message has such an id")
    for path in ("/api/nothing", "/nothing", "/static/../app.py", "/static/%2e%2e/app.py", "/api/conversations/a b"):
        assert (await client.request("GET", path)).status == 404
    assert (await client.request("GET", f"{ONE}?limit=0")).status == 400
    huge = {"id": "x", "message": "a" * 3_000_000}
    assert (await client.request("POST", f"{ONE}/messages", huge)).status == 413


async def test_every_answer_carries_the_headers(client: ApiClient) -> None:
    for path in ("/", "/c/x", "/api/me", "/static/main.js", "/static/style.css", "/nothing"):
        headers = (await client.request("GET", path)).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
    assert (await client.request("GET", "/api/me")).headers["Cache-Control"] == "no-store"


async def test_files_are_sent_compressed_and_once(web_server: WebServer, client: ApiClient) -> None:
    first = await client.request("GET", "/static/main.js")
    assert first.headers["Content-Encoding"] == "gzip"
    again = await client.request("GET", "/static/main.js", **{"If-None-Match": first.headers["ETag"]})
    assert again.status == 304
