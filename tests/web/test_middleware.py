"""The checks that every request passes: host, origin, content type, body; and the headers of every response."""

from __future__ import annotations

import re

import pytest

from tests.web.api_client import ApiClient
from tests.web.web_server import WebServer

CHAT = "/api/conversations/guarded"
SCRIPT = f"/static/{'0' * 16}/main.js"
STYLE = f"/static/{'0' * 16}/style.css"
MESSAGE = {"id": "m1", "message": "hello"}


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "evil.example:8000"]
)
async def test_foreign_host_names_are_refused(client: ApiClient, host: str) -> None:
    """DNS rebinding: a foreign name resolves to this server, and the browser takes it for the foreign site."""
    for path in ("/", "/api/me", SCRIPT):
        response = await client.request("GET", path, Host=host)
        assert response.status == 403
        assert "127.0.0.1 and localhost only" in response.error


async def test_names_of_this_machine_are_accepted(web_server: WebServer, client: ApiClient) -> None:
    for host in (f"localhost:{web_server.port}", "127.0.0.1", "[::1]:8000", "[::1]"):
        assert (await client.request("GET", "/", Host=host)).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://[::1"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_requests_of_other_sites_change_nothing(client: ApiClient, headers: dict[str, str]) -> None:
    for method, path, body in (
        ("POST", f"{CHAT}/messages", MESSAGE),
        ("PATCH", CHAT, {"title": "Changed"}),
        ("DELETE", CHAT, None),
        ("POST", f"{CHAT}/stop", {"all": True}),
        ("POST", "/api/signin", {"token": "x"}),
    ):
        response = await client.request(method, path, body, **headers)
        assert (response.status, response.error) == (403, "this request comes from another site")
    assert (await client.history("guarded"))["messages"] == []


async def test_requests_of_the_page_are_accepted(web_server: WebServer, client: ApiClient) -> None:
    headers = {"Origin": web_server.url, "Sec-Fetch-Site": "same-origin"}
    assert (await client.request("POST", f"{CHAT}/messages", MESSAGE, **headers)).status == 202


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_content_types_of_html_forms_are_refused(client: ApiClient, content_type: str) -> None:
    response = await client.request("POST", f"{CHAT}/messages", MESSAGE, **{"Content-Type": content_type})
    assert (response.status, response.error) == (415, "JSON is expected")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"id": "x"}, "the message is empty: say something or attach a file"),
        ({"message": "no id"}, "a message needs an id"),
        ({"id": "x" * 201, "message": "hi"}, "id: String should have at most 200 characters"),
        ({"id": "x", "message": "a" * 262_145}, "message: String should have at most 262144 characters"),
        ({"id": "x", "message": "hi", "attachments": [{"name": "f", "text": "a" * 262_145}]}, "send a url instead"),
    ],
)
async def test_an_invalid_message_is_refused_with_one_line(
    client: ApiClient, body: dict[str, object], error: str
) -> None:
    response = await client.request("POST", f"{CHAT}/messages", body)
    assert response.status == 400
    assert error in response.error
    assert "\n" not in response.error


async def test_malformed_requests_are_refused(client: ApiClient) -> None:
    async with client.session.post(
        f"{client.url}{CHAT}/messages", data=b"{", headers={"Content-Type": "application/json"}
    ) as malformed:
        assert malformed.status == 400
        assert "Traceback" not in await malformed.text()
    for message_id in ("a\nb", "\u00e9", "x" * 100_000):
        response = await client.request("POST", f"{CHAT}/withdraw", {"id": message_id})
        assert (response.status, response.error) == (400, "no message has such an id")
    for path in ("/api/nothing", "/nothing", "/static/../app.py", "/static/%2e%2e/app.py", "/api/conversations/a b"):
        assert (await client.request("GET", path)).status == 404
    assert (await client.request("GET", f"{CHAT}?limit=0")).status == 400
    huge = {"id": "x", "message": "a" * 3_000_000}
    assert (await client.request("POST", f"{CHAT}/messages", huge)).status == 413


async def test_every_response_has_the_security_headers(client: ApiClient) -> None:
    for path in ("/", "/c/x", "/api/me", SCRIPT, STYLE, "/nothing"):
        headers = (await client.request("GET", path)).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
    assert (await client.request("GET", "/api/me")).headers["Cache-Control"] == "no-store"


async def test_static_files_are_compressed_and_kept_by_the_browser(client: ApiClient) -> None:
    html = (await client.request("GET", "/")).body
    path = re.findall(r'src="(/static/.+?/main\.js)"', html)[0]
    file = await client.request("GET", path)
    assert file.headers["Content-Encoding"] == "gzip"
    assert "immutable" in file.headers["Cache-Control"]
    of_other_release = await client.request("GET", SCRIPT)
    assert of_other_release.status == 200
    assert of_other_release.headers["Cache-Control"] == "no-cache", "it is not the content of that release"
