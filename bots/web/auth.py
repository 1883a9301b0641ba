"""Who is asking. Each browser carries an unguessable secret in a cookie; the public id is a hash of it.

The secret never enters a key, a log or an address; the id may, since nobody can get from it to the secret. Behind a
proxy that signs people in (`WEB_AUTH_HEADER`), the id comes from the proxy's header instead.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from ipaddress import ip_address

from aiohttp import web

from chat_service.errors import UserError
from chat_service.settings import Settings

PERSON_COOKIE = "threadwell"
ACCESS_COOKIE = "threadwell_access"
PREVIOUS_PERSON_COOKIE = "threadwell_before"
"""Who the browser was before it joined somebody, so that joining loses nothing."""
RENEWED_COOKIE = "threadwell_renewed"
"""Stands for as long as the others need not be set anew."""
YEAR_SECONDS = 365 * 24 * 3600
MONTH_SECONDS = 30 * 24 * 3600
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_ATTEMPTS, _WINDOW_SECONDS = 10, 60.0


def person_id(secret: str) -> str:
    """26 characters of a-z2-7: 130 bits of a hash of the secret."""
    # A proxy may send a name in Latin-1, whose bytes aiohttp keeps as surrogates.
    digest = hashlib.sha256(b"threadwell person\0" + secret.encode(errors="surrogateescape")).digest()
    return base64.b32encode(digest).decode().lower()[:26]


def check_binding(settings: Settings) -> None:
    """Refuse to show everybody's conversations to everybody.

    Raises:
        UserError: when the page would be open to other machines with nothing that asks who they are.
    """
    if settings.web_auth_header and not settings.web_trusted_proxies:
        raise UserError(
            "WEB_AUTH_HEADER is set but WEB_TRUSTED_PROXIES is not: anybody could send that header; "
            "name the addresses of your proxy"
        )
    guarded = settings.web_access_token or settings.web_auth_header
    if not (settings.web_is_loopback or guarded or settings.web_published_on_loopback):
        raise UserError(
            f"WEB_HOST={settings.web_host} would open the page to other machines: set WEB_ACCESS_TOKEN, "
            "or WEB_AUTH_HEADER with WEB_TRUSTED_PROXIES behind a proxy that signs people in"
        )


class Authenticator:
    """Finds the person behind a request, and lets nobody in who may not."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._attempts: dict[str, list[float]] = {}

    def person(self, request: web.Request) -> str | None:
        """The public id of whoever asks; None for a browser that has no secret yet.

        Raises:
            HTTPForbidden: a proxy's header from somewhere else, or none at all.
            HTTPUnauthorized: the access token is missing.
        """
        if header := self._settings.web_auth_header:
            return self._proxied(request, header)
        if self._settings.web_access_token and not self._may_enter(request):
            raise web.HTTPUnauthorized(text="sign in first")
        secret = request.cookies.get(PERSON_COOKIE, "")
        return person_id(secret) if _SECRET.fullmatch(secret) else None

    def introduce(self, request: web.Request, response: web.StreamResponse) -> None:
        """Give a browser its secret, or once a month what it has for another year: browsers keep no cookie for longer
        (Chromium 400 days), however often it is used."""
        if self._settings.web_auth_header:
            return
        known = {name: request.cookies.get(name, "") for name in (PERSON_COOKIE, PREVIOUS_PERSON_COOKIE)}
        if not _SECRET.fullmatch(known[PERSON_COOKIE]):
            self._set(request, response, PERSON_COOKIE, secrets.token_urlsafe(32))
        elif RENEWED_COOKIE not in request.cookies:
            for name, secret in known.items():
                if _SECRET.fullmatch(secret):
                    self._set(request, response, name, secret)
            if self._settings.web_access_token:
                self._set(request, response, ACCESS_COOKIE, self._pass())
        else:
            return
        self._set(request, response, RENEWED_COOKIE, "1", MONTH_SECONDS)

    def sign_in(self, request: web.Request, response: web.StreamResponse, token: str) -> None:
        """Let a browser in that knows the access token.

        Raises:
            HTTPTooManyRequests: after ten attempts a minute from one address.
            HTTPUnauthorized: for a wrong token.
        """
        token = self._settings.web_access_token
        if token is None:
            return
        self._count(request.remote or "")
        if not hmac.compare_digest(token.encode(errors="replace"), token.get_secret_value().encode()):
            raise web.HTTPUnauthorized(text="that is not the access token")
        self._set(request, response, ACCESS_COOKIE, self._pass())

    def secret(self, request: web.Request) -> str:
        """What a second device of this person needs.

        Raises:
            HTTPConflict: behind a proxy that signs people in; they do so on every device.
        """
        if self._settings.web_auth_header:
            raise web.HTTPConflict(text="sign in on the other device as you did here: it then shows the same")
        return request.cookies[PERSON_COOKIE]

    def check_joining(self, request: web.Request) -> None:
        """Let nobody guess at links.

        Raises:
            HTTPTooManyRequests: after ten attempts a minute from one address.
            HTTPConflict: behind a proxy that signs people in.
        """
        if self._settings.web_auth_header:
            raise web.HTTPConflict(text="sign in on this device as you did on the other: it then shows the same")
        self._count(request.remote or "")

    def was_no_guess(self, request: web.Request) -> None:
        """Whoever has a link that is good may look at it as often as they like."""
        self._attempts.get(request.remote or "", [0.0]).pop()

    def is_already(self, request: web.Request, secret: str) -> bool:
        """Whether this browser is the person of that secret, and may come in as such."""
        own = hmac.compare_digest(request.cookies.get(PERSON_COOKIE, "").encode(), secret.encode())
        return own and (not self._settings.web_access_token or self._may_enter(request))

    def admit(self, request: web.Request, response: web.StreamResponse, secret: str) -> None:
        """Make this browser the person of that secret. Whom one who is in has invited is in, too."""
        own = request.cookies.get(PERSON_COOKIE, "")
        if _SECRET.fullmatch(own) and not _SECRET.fullmatch(request.cookies.get(PREVIOUS_PERSON_COOKIE, "")):
            self._set(request, response, PREVIOUS_PERSON_COOKIE, own)  # a second link does not take the place of the first self
        self._set(request, response, PERSON_COOKIE, secret)
        if self._settings.web_access_token:
            self._set(request, response, ACCESS_COOKIE, self._pass())

    def was_another(self, request: web.Request) -> bool:
        """Whether this browser was somebody else before it joined."""
        before = request.cookies.get(PREVIOUS_PERSON_COOKIE, "")
        joined = _SECRET.fullmatch(before) is not None and before != request.cookies.get(PERSON_COOKIE)
        return joined and not self._settings.web_auth_header

    def go_back(self, request: web.Request, response: web.StreamResponse) -> None:
        """Make this browser who it was before it joined anybody.

        Raises:
            HTTPConflict: when it was nobody else.
        """
        if not self.was_another(request):
            raise web.HTTPConflict(text="this browser was nobody else before: there is nothing to go back to")
        self._set(request, response, PERSON_COOKIE, request.cookies[PREVIOUS_PERSON_COOKIE])
        response.del_cookie(PREVIOUS_PERSON_COOKIE, path="/")

    def _proxied(self, request: web.Request, header: str) -> str:
        peer = ip_address((request.remote or "0.0.0.0").split("%")[0])  # noqa: S104  no peer is no proxy
        if not any(peer in network for network in self._settings.web_trusted_proxies):
            raise web.HTTPForbidden(text="this page is reached through its proxy")
        values = request.headers.getall(header, [])
        if len(values) != 1 or not values[0].strip():
            raise web.HTTPForbidden(text=f"the proxy sent no {header}")
        return person_id(f"proxy\0{values[0].strip()}")

    def _may_enter(self, request: web.Request) -> bool:
        return hmac.compare_digest(request.cookies.get(ACCESS_COOKIE, "").encode(), self._pass().encode())

    def _pass(self) -> str:
        """What a browser shows once it is in: follows from the token, so that a new token shuts all out."""
        token = self._settings.web_access_token
        key = token.get_secret_value().encode() if token else b""
        return hmac.new(key, b"threadwell access", hashlib.sha256).hexdigest()

    def _set(self, request: web.Request, response: web.StreamResponse, name: str, value: str, age: int = YEAR_SECONDS) -> None:
        # Lax, not Strict: a link on another site opens the page without a Strict cookie, so the page would take its
        # owner for a stranger and write a new identity over the old one. Changes are guarded by their origin.
        response.set_cookie(name, value, max_age=age, httponly=True, samesite="Lax", secure=request.secure, path="/")

    def _count(self, peer: str) -> None:
        now = time.monotonic()
        known = {one: tries for one, tries in self._attempts.items() if tries}
        self._attempts = {one: tries for one, tries in known.items() if now - tries[-1] < _WINDOW_SECONDS}
        recent = [at for at in self._attempts.get(peer, []) if now - at < _WINDOW_SECONDS]
        if len(recent) >= _ATTEMPTS:
            raise web.HTTPTooManyRequests(text="too many attempts, wait a minute")
        self._attempts[peer] = [*recent, now]
