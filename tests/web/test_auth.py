"""Who is asking: nobody sees what is another's, and the page never opens itself to strangers."""

from __future__ import annotations

import asyncio
import sys

import pytest

from bots.web.auth import person_id
from chat_service.child_process import running_child
from tests.processes import Stack, eventually
from tests.web.api_client import ApiClient, open_client
from tests.web.web_server import WebServer, running_web_server, web_environment

TOKEN = "a-token-for-friends"


async def test_each_browser_is_somebody_of_its_own(web_server: WebServer, client: ApiClient) -> None:
    async with open_client(web_server.url) as other:
        assert client.cookie() != other.cookie()
        assert await client.get_person_id() != await other.get_person_id()
        assert len(client.cookie()) == 43, "256 bits"
        assert await client.get_person_id() == person_id(client.cookie())


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(web_server: WebServer) -> None:
    async with open_client(web_server.url, load_page=False) as client:
        cookie = (await client.request("GET", "/")).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


async def test_who_comes_back_is_known_for_another_year(web_server: WebServer) -> None:
    """A browser keeps no cookie for longer than 400 days, so it gets its own anew, though not at every visit."""
    async with open_client(web_server.url) as client:
        mine = client.cookie()
        assert "Set-Cookie" not in (await client.request("GET", "/")).headers
        known = {"Cookie": f"threadwell={mine}; threadwell_before={'b' * 43}"}
        async with open_client(web_server.url, load_page=False) as later:  # the month's mark is gone
            renewed = (await later.request("GET", "/", **known)).headers.getall("Set-Cookie")
        assert [client.split(";")[0] for client in renewed] == [
            f"threadwell={mine}",
            f"threadwell_before={'b' * 43}",
            "threadwell_renewed=1",
        ]
        assert ["Max-Age=31536000" in client for client in renewed] == [True, True, False]


async def test_the_secret_is_in_no_key_no_log_and_no_answer(
    web_server: WebServer, stack: Stack, client: ApiClient
) -> None:
    secret = client.cookie()
    await client.send("hidden", "hello")
    history = await eventually(lambda: client.history("hidden"), lambda seen: len(seen["messages"]) == 2)
    me, listed = await client.request("GET", "/api/me"), await client.request("GET", "/api/conversations")
    keys = await stack.query("SELECT DISTINCT service_key FROM state WHERE service_name IN ('Chat', 'Directory')")
    assert me.body["person"] in str(keys)
    for place in (str(history), str(me.body), str(listed.body), str(keys), web_server.log.read_text()):
        assert secret not in place
    inputs = await stack.query("SELECT target, invoked_by, idempotency_key FROM sys_invocation")
    assert secret not in str(inputs)


async def test_nobody_reads_or_changes_what_is_anothers(web_server: WebServer, client: ApiClient) -> None:
    await client.send("private", "the cat is called Ada")
    await eventually(lambda: client.history("private"), lambda seen: len(seen["messages"]) == 2)
    owner = await client.get_person_id()
    async with open_client(web_server.url) as thief:
        guesses = (
            "private",
            f"web:{owner}:private",
            f"..%2f{owner}%2fprivate",
            f"{owner}:private",
            f"{owner}%3Aprivate",
        )
        for guess in guesses:
            answer = await thief.request("GET", f"/api/conversations/{guess}")
            assert answer.status == 404 or answer.body["messages"] == []
        assert (await thief.request("GET", "/api/conversations")).body["entries"] == []
        for method, path, body in (
            ("POST", "/messages", {"id": "m", "message": "mine now"}),
            ("POST", "/stop", {"all": True}),
            ("PATCH", "", {"title": "Mine"}),
            ("DELETE", "", None),
        ):
            await thief.request(method, f"/api/conversations/private{path}", body)
        async with thief.events() as events:
            await events.read_until("resync")
            await client.send("private", "a secret")
            await thief.send("own", "a word of mine")
            seen = await events.read_until("done", conversation="own")
        assert "secret" not in str(seen)
    whole = await eventually(lambda: client.history("private"), lambda seen: len(seen["messages"]) == 4)
    assert [m["text"] for m in whole["messages"]][::2] == ["the cat is called Ada", "a secret"]
    assert whole["title"] != "Mine"


async def test_a_person_cannot_be_claimed(web_server: WebServer, client: ApiClient) -> None:
    """The public id is no password: only the secret behind it is."""
    owner = await client.get_person_id()
    async with open_client(web_server.url, load_page=False) as thief:
        for claim in (owner, "x" * 43 + "!", "a" * 42, ""):
            answer = await thief.request("GET", "/api/me", Cookie=f"threadwell={claim}")
            assert answer.status == 401
            assert "open the page first" in answer.error


async def test_an_open_address_without_a_guard_is_refused(stack: Stack) -> None:
    assert "WEB_ACCESS_TOKEN" in await _refused(stack, WEB_HOST="0.0.0.0")
    assert "WEB_TRUSTED_PROXIES" in await _refused(stack, WEB_HOST="0.0.0.0", WEB_AUTH_HEADER="X-User")


async def _refused(stack: Stack, **env: str) -> str:
    command = [sys.executable, "-m", "bots", "bot", "web"]
    pipe = asyncio.subprocess.PIPE
    async with running_child(command, env=web_environment(stack, **env), stdout=pipe, stderr=pipe) as process:
        out, told = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode not in (0, None)
    lines = told.decode().strip().splitlines()
    assert len(lines) == 1, told.decode()
    assert out == b""
    return lines[0]


async def test_an_access_token_lets_in_who_knows_it(stack: Stack) -> None:
    async with (
        running_web_server(stack, WEB_HOST="0.0.0.0", WEB_ACCESS_TOKEN=TOKEN) as web_server,
        open_client(web_server.url) as client,
    ):
        assert (await client.request("GET", "/api/me")).status == 401
        assert "Access token" in (await client.request("GET", "/")).body
        wrong = await client.request("POST", "/api/signin", {"token": "guess"})
        assert (wrong.status, wrong.error) == (401, "that is not the access token")
        assert (await client.request("POST", "/api/signin", {"token": TOKEN})).status == 200
        assert "composer" in (await client.request("GET", "/")).body
        assert (await client.request("GET", "/api/me")).status == 200
        assert TOKEN not in client.cookie("threadwell_access")
        assert TOKEN not in web_server.log.read_text()
        async with open_client(web_server.url, load_page=False) as other:
            stolen = f"threadwell={client.cookie()}"
            assert (await other.request("GET", "/api/me", Cookie=stolen)).status == 401, "an identity is no token"


async def test_guessing_the_token_is_slow(stack: Stack) -> None:
    async with running_web_server(stack, WEB_ACCESS_TOKEN=TOKEN) as web_server, open_client(web_server.url) as client:
        statuses = [(await client.request("POST", "/api/signin", {"token": str(n)})).status for n in range(11)]
        assert statuses == [401] * 10 + [429]
        assert (await client.request("POST", "/api/signin", {"token": TOKEN})).status == 429


async def test_half_a_character_is_no_token(stack: Stack) -> None:
    async with running_web_server(stack, WEB_ACCESS_TOKEN=TOKEN) as web_server, open_client(web_server.url) as client:
        assert (await client.request("POST", "/api/signin", {"token": "\ud800"})).status == 401


@pytest.mark.parametrize("trusted", ["127.0.0.1/32", "10.0.0.0/8"])
async def test_a_proxys_word_counts_only_from_the_proxy(stack: Stack, trusted: str) -> None:
    env = {"WEB_AUTH_HEADER": "X-Forwarded-User", "WEB_TRUSTED_PROXIES": trusted}
    async with running_web_server(stack, **env) as web_server, open_client(web_server.url, load_page=False) as client:
        ada = await client.request("GET", "/api/me", **{"X-Forwarded-User": "ada"})
        if trusted.startswith("10."):
            assert (ada.status, ada.error) == (403, "this page is reached through its proxy")
            return
        again = await client.request("GET", "/api/me", **{"X-Forwarded-User": "ada"})
        bob = await client.request("GET", "/api/me", **{"X-Forwarded-User": "bob"})
        assert ada.body["person"] == again.body["person"] != bob.body["person"]
        assert "ada" not in ada.body["person"]
        reader, writer = await asyncio.open_connection("127.0.0.1", web_server.port)
        latin = b"X-Forwarded-User: M\xfcller"  # which no client library would send
        writer.write(b"GET /api/me HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" + latin + b"\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
        nobody = await client.request("GET", "/api/me")
        assert (nobody.status, nobody.error) == (403, "the proxy sent no X-Forwarded-User")
        assert "Set-Cookie" not in (await client.request("GET", "/", **{"X-Forwarded-User": "ada"})).headers
