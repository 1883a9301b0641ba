"""Who is asking: nobody sees what is another's, and the page never opens itself to strangers."""

from __future__ import annotations

import asyncio
import sys

import pytest

from bots.web.auth import person_id
from chat_service.child_process import running_child
from tests.processes import Stack, eventually
from tests.web.site import Site, Visitor, running_site, visiting, web_settings

TOKEN = "a-token-for-friends"


async def test_each_browser_is_somebody_of_its_own(site: Site, visitor: Visitor) -> None:
    async with visiting(site.url) as other:
        assert visitor.cookie() != other.cookie()
        assert await visitor.person() != await other.person()
        assert len(visitor.cookie()) == 43, "256 bits"
        assert await visitor.person() == person_id(visitor.cookie())


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(site: Site) -> None:
    async with visiting(site.url, enters=False) as one:
        cookie = (await one.ask("GET", "/")).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


async def test_who_comes_back_is_known_for_another_year(site: Site) -> None:
    """A browser keeps no cookie for longer than 400 days, so it gets its own anew, though not at every visit."""
    async with visiting(site.url) as one:
        mine = one.cookie()
        assert "Set-Cookie" not in (await one.ask("GET", "/")).headers
        known = {"Cookie": f"threadwell={mine}; threadwell_before={'b' * 43}"}
        async with visiting(site.url, enters=False) as later:  # the month's mark is gone
            renewed = (await later.ask("GET", "/", **known)).headers.getall("Set-Cookie")
        assert [one.split(";")[0] for one in renewed] == [
            f"threadwell={mine}",
            f"threadwell_before={'b' * 43}",
            "threadwell_renewed=1",
        ]
        assert ["Max-Age=31536000" in one for one in renewed] == [True, True, False]


async def test_the_secret_is_in_no_key_no_log_and_no_answer(site: Site, stack: Stack, visitor: Visitor) -> None:
    secret = visitor.cookie()
    await visitor.send("hidden", "hello")
    history = await eventually(lambda: visitor.history("hidden"), lambda seen: len(seen["messages"]) == 2)
    me, listed = await visitor.ask("GET", "/api/me"), await visitor.ask("GET", "/api/conversations")
    keys = await stack.admin("SELECT DISTINCT service_key FROM state WHERE service_name IN ('Chat', 'Directory')")
    assert me.body["person"] in str(keys)
    for place in (str(history), str(me.body), str(listed.body), str(keys), site.log.read_text()):
        assert secret not in place
    inputs = await stack.admin("SELECT target, invoked_by, idempotency_key FROM sys_invocation")
    assert secret not in str(inputs)


async def test_nobody_reads_or_changes_what_is_anothers(site: Site, visitor: Visitor) -> None:
    await visitor.send("private", "the cat is called Ada")
    await eventually(lambda: visitor.history("private"), lambda seen: len(seen["messages"]) == 2)
    owner = await visitor.person()
    async with visiting(site.url) as thief:
        guesses = (
            "private",
            f"web:{owner}:private",
            f"..%2f{owner}%2fprivate",
            f"{owner}:private",
            f"{owner}%3Aprivate",
        )
        for guess in guesses:
            answer = await thief.ask("GET", f"/api/conversations/{guess}")
            assert answer.status == 404 or answer.body["messages"] == []
        assert (await thief.ask("GET", "/api/conversations")).body["entries"] == []
        for method, path, body in (
            ("POST", "/messages", {"id": "m", "message": "mine now"}),
            ("POST", "/stop", {"all": True}),
            ("PATCH", "", {"title": "Mine"}),
            ("DELETE", "", None),
        ):
            await thief.ask(method, f"/api/conversations/private{path}", body)
        async with thief.events() as events:
            await events.until("resync")
            await visitor.send("private", "a secret")
            await thief.send("own", "a word of mine")
            seen = await events.until("done", conversation="own")
        assert "secret" not in str(seen)
    whole = await eventually(lambda: visitor.history("private"), lambda seen: len(seen["messages"]) == 4)
    assert [m["text"] for m in whole["messages"]][::2] == ["the cat is called Ada", "a secret"]
    assert whole["title"] != "Mine"


async def test_a_person_cannot_be_claimed(site: Site, visitor: Visitor) -> None:
    """The public id is no password: only the secret behind it is."""
    owner = await visitor.person()
    async with visiting(site.url, enters=False) as thief:
        for claim in (owner, "x" * 43 + "!", "a" * 42, ""):
            answer = await thief.ask("GET", "/api/me", Cookie=f"threadwell={claim}")
            assert answer.status == 401
            assert "open the page first" in answer.error


async def test_an_open_address_without_a_guard_is_refused(stack: Stack) -> None:
    assert "WEB_ACCESS_TOKEN" in await _refused(stack, WEB_HOST="0.0.0.0")
    assert "WEB_TRUSTED_PROXIES" in await _refused(stack, WEB_HOST="0.0.0.0", WEB_AUTH_HEADER="X-User")


async def _refused(stack: Stack, **env: str) -> str:
    command = [sys.executable, "-m", "bots", "bot", "web"]
    pipe = asyncio.subprocess.PIPE
    async with running_child(command, env=web_settings(stack, **env), stdout=pipe, stderr=pipe) as process:
        out, told = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode not in (0, None)
    lines = told.decode().strip().splitlines()
    assert len(lines) == 1, told.decode()
    assert out == b""
    return lines[0]


async def test_an_access_token_lets_in_who_knows_it(stack: Stack) -> None:
    async with running_site(stack, WEB_HOST="0.0.0.0", WEB_ACCESS_TOKEN=TOKEN) as site, visiting(site.url) as one:
        assert (await one.ask("GET", "/api/me")).status == 401
        assert "Access token" in (await one.ask("GET", "/")).body
        wrong = await one.ask("POST", "/api/signin", {"token": "guess"})
        assert (wrong.status, wrong.error) == (401, "that is not the access token")
        assert (await one.ask("POST", "/api/signin", {"token": TOKEN})).status == 200
        assert "composer" in (await one.ask("GET", "/")).body
        assert (await one.ask("GET", "/api/me")).status == 200
        assert TOKEN not in one.cookie("threadwell_access")
        assert TOKEN not in site.log.read_text()
        async with visiting(site.url, enters=False) as other:
            stolen = f"threadwell={one.cookie()}"
            assert (await other.ask("GET", "/api/me", Cookie=stolen)).status == 401, "an identity is no token"


async def test_guessing_the_token_is_slow(stack: Stack) -> None:
    async with running_site(stack, WEB_ACCESS_TOKEN=TOKEN) as site, visiting(site.url) as one:
        statuses = [(await one.ask("POST", "/api/signin", {"token": str(n)})).status for n in range(11)]
        assert statuses == [401] * 10 + [429]
        assert (await one.ask("POST", "/api/signin", {"token": TOKEN})).status == 429


async def test_half_a_character_is_no_token(stack: Stack) -> None:
    async with running_site(stack, WEB_ACCESS_TOKEN=TOKEN) as site, visiting(site.url) as one:
        assert (await one.ask("POST", "/api/signin", {"token": "\ud800"})).status == 401


@pytest.mark.parametrize("trusted", ["127.0.0.1/32", "10.0.0.0/8"])
async def test_a_proxys_word_counts_only_from_the_proxy(stack: Stack, trusted: str) -> None:
    env = {"WEB_AUTH_HEADER": "X-Forwarded-User", "WEB_TRUSTED_PROXIES": trusted}
    async with running_site(stack, **env) as site, visiting(site.url, enters=False) as one:
        ada = await one.ask("GET", "/api/me", **{"X-Forwarded-User": "ada"})
        if trusted.startswith("10."):
            assert (ada.status, ada.error) == (403, "this page is reached through its proxy")
            return
        again = await one.ask("GET", "/api/me", **{"X-Forwarded-User": "ada"})
        bob = await one.ask("GET", "/api/me", **{"X-Forwarded-User": "bob"})
        assert ada.body["person"] == again.body["person"] != bob.body["person"]
        assert "ada" not in ada.body["person"]
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        latin = b"X-Forwarded-User: M\xfcller"  # which no client library would send
        writer.write(b"GET /api/me HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" + latin + b"\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
        nobody = await one.ask("GET", "/api/me")
        assert (nobody.status, nobody.error) == (403, "the proxy sent no X-Forwarded-User")
        assert "Set-Cookie" not in (await one.ask("GET", "/", **{"X-Forwarded-User": "ada"})).headers
