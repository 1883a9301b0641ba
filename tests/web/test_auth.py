"""Identities and access: conversations are private, and the page is not served to other machines unprotected."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bots.web.auth import person_id
from tests.fork_server import python_process
from tests.processes import Stack, eventually
from tests.web.api_client import ApiClient, open_client
from tests.web.web_server import WebServer, running_web_app, running_web_server, web_environment

TOKEN = "a-token-for-friends"


async def test_each_browser_gets_its_own_identity(web_server: WebServer, client: ApiClient) -> None:
    async with open_client(web_server.url) as other:
        assert client.cookie() != other.cookie()
        assert await client.get_person_id() != await other.get_person_id()
        assert len(client.cookie()) == 43, "256 bits"
        assert await client.get_person_id() == person_id(client.cookie())


async def test_scripts_and_other_sites_cannot_use_the_cookie(web_server: WebServer) -> None:
    async with open_client(web_server.url, load_page=False) as client:
        cookie = (await client.request("GET", "/")).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


async def test_a_returning_browser_is_known_for_another_year(web_server: WebServer) -> None:
    """A browser keeps a cookie for 400 days at most, so its cookies are renewed, but not at every visit."""
    async with open_client(web_server.url) as client:
        secret = client.cookie()
        assert "Set-Cookie" not in (await client.request("GET", "/")).headers
    sent = {"Cookie": f"threadwell={secret}; threadwell_before={'b' * 43}"}  # the marker of one month has expired
    async with open_client(web_server.url, load_page=False) as later:
        renewed = (await later.request("GET", "/", **sent)).headers.getall("Set-Cookie")
    assert [cookie.split(";")[0] for cookie in renewed] == [
        f"threadwell={secret}",
        f"threadwell_before={'b' * 43}",
        "threadwell_renewed=1",
    ]
    assert ["Max-Age=31536000" in cookie for cookie in renewed] == [True, True, False]


async def test_the_secret_is_in_no_key_log_or_response(web_server: WebServer, stack: Stack, client: ApiClient) -> None:
    secret = client.cookie()
    await client.send("hidden", "hello")
    history = await eventually(lambda: client.history("hidden"), lambda page: len(page["messages"]) == 2)
    me, listed = await client.request("GET", "/api/me"), await client.request("GET", "/api/conversations")
    keys = await stack.query("SELECT DISTINCT service_key FROM state WHERE service_name IN ('Chat', 'Directory')")
    assert me.body["person"] in str(keys)
    for text in (str(history), str(me.body), str(listed.body), str(keys), web_server.log.read_text()):
        assert secret not in text
    invocations = await stack.query("SELECT target, invoked_by, idempotency_key FROM sys_invocation")
    assert secret not in str(invocations)


async def test_conversations_of_others_cannot_be_read_or_changed(web_server: WebServer, client: ApiClient) -> None:
    await client.send("private", "the cat is called Ada")
    await eventually(lambda: client.history("private"), lambda page: len(page["messages"]) == 2)
    owner = await client.get_person_id()
    async with open_client(web_server.url) as stranger:
        for path in (
            "private",
            f"web:{owner}:private",
            f"..%2f{owner}%2fprivate",
            f"{owner}:private",
            f"{owner}%3Aprivate",
        ):
            response = await stranger.request("GET", f"/api/conversations/{path}")
            assert response.status == 404 or response.body["messages"] == []
        assert (await stranger.request("GET", "/api/conversations")).body["entries"] == []
        for method, path, body in (
            ("POST", "/messages", {"id": "m", "message": "mine now"}),
            ("POST", "/stop", {"all": True}),
            ("PATCH", "", {"title": "Mine"}),
            ("DELETE", "", None),
        ):
            await stranger.request(method, f"/api/conversations/private{path}", body)
        async with stranger.events() as stream:
            await stream.read_until("resync")
            await client.send("private", "a secret")
            await stranger.send("own", "hello")
            events = await stream.read_until("done", conversation="own")
        assert "secret" not in str(events)
    page = await eventually(lambda: client.history("private"), lambda page: len(page["messages"]) == 4)
    assert [message["text"] for message in page["messages"]][::2] == ["the cat is called Ada", "a secret"]
    assert page["title"] != "Mine"


async def test_the_public_id_gives_no_access(web_server: WebServer, client: ApiClient) -> None:
    person = await client.get_person_id()
    async with open_client(web_server.url, load_page=False) as stranger:
        for cookie in (person, "x" * 43 + "!", "a" * 42, ""):
            response = await stranger.request("GET", "/api/me", Cookie=f"threadwell={cookie}")
            assert response.status == 401
            assert "open the page first" in response.error


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({"WEB_HOST": "0.0.0.0"}, "WEB_ACCESS_TOKEN"),
        ({"WEB_HOST": "0.0.0.0", "WEB_AUTH_HEADER": "X-User"}, "WEB_TRUSTED_PROXIES"),
    ],
)
async def test_other_machines_are_not_served_without_authentication(
    stack: Stack, tmp_path: Path, settings: dict[str, str], missing: str
) -> None:
    log = tmp_path / "error"
    with log.open("wb") as error:
        env = web_environment(stack, **settings)
        async with python_process("bots", "bot", "web", env=env, cwd=tmp_path, stderr=error.fileno()) as process:
            assert process.stdout is not None
            assert await process.stdout.read() == b""
            assert await process.wait() > 0
    (line,) = log.read_text().splitlines()
    assert missing in line


async def test_the_access_token_is_required_and_stored_nowhere(stack: Stack) -> None:
    async with (
        running_web_server(stack, WEB_HOST="0.0.0.0", WEB_ACCESS_TOKEN=TOKEN) as web_server,
        open_client(web_server.url) as client,
    ):
        assert (await client.request("GET", "/api/me")).status == 401
        assert "Access token" in (await client.request("GET", "/")).body
        refused = await client.request("POST", "/api/signin", {"token": "guess"})
        assert (refused.status, refused.error) == (401, "that is not the access token")
        assert (await client.request("POST", "/api/signin", {"token": "\ud800"})).status == 401, "no UTF-8 text"
        assert (await client.request("POST", "/api/signin", {"token": TOKEN})).status == 200
        assert "composer" in (await client.request("GET", "/")).body
        assert (await client.request("GET", "/api/me")).status == 200
        assert TOKEN not in client.cookie("threadwell_access")
        assert TOKEN not in web_server.log.read_text()
        async with open_client(web_server.url, load_page=False) as other:
            identity = f"threadwell={client.cookie()}"
            assert (await other.request("GET", "/api/me", Cookie=identity)).status == 401, "an identity is no token"


async def test_attempts_to_guess_the_token_are_limited(stack: Stack) -> None:
    async with running_web_app(stack, web_access_token=TOKEN) as url, open_client(url) as client:
        statuses = [(await client.request("POST", "/api/signin", {"token": str(n)})).status for n in range(11)]
        assert statuses == [401] * 10 + [429]
        assert (await client.request("POST", "/api/signin", {"token": TOKEN})).status == 429


async def test_the_header_of_a_trusted_proxy_identifies_people(stack: Stack) -> None:
    settings = {"web_auth_header": "X-Forwarded-User", "web_trusted_proxies": "127.0.0.1/32"}
    async with running_web_app(stack, **settings) as url, open_client(url, load_page=False) as client:
        ada, again, bob = [
            await client.request("GET", "/api/me", **{"X-Forwarded-User": name}) for name in ("ada", "ada", "bob")
        ]
        assert ada.body["person"] == again.body["person"] != bob.body["person"]
        assert "ada" not in ada.body["person"]
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
        header = b"X-Forwarded-User: M\xfcller"  # Latin-1, which no client library sends
        writer.write(b"GET /api/me HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" + header + b"\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
        unnamed = await client.request("GET", "/api/me")
        assert (unnamed.status, unnamed.error) == (403, "the proxy sent no X-Forwarded-User")
        assert "Set-Cookie" not in (await client.request("GET", "/", **{"X-Forwarded-User": "ada"})).headers


async def test_the_header_is_refused_from_other_machines(stack: Stack) -> None:
    settings = {"web_auth_header": "X-Forwarded-User", "web_trusted_proxies": "10.0.0.0/8"}
    async with running_web_app(stack, **settings) as url, open_client(url, load_page=False) as client:
        response = await client.request("GET", "/api/me", **{"X-Forwarded-User": "ada"})
        assert (response.status, response.error) == (403, "this page is reached through its proxy")
