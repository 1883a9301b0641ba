"""Identity of the people who use the page.

Each browser holds a random secret in a cookie, and the public id of the person is a hash of that secret. The secret
never enters a key, a log or an address. The id may, because the secret cannot be computed from it. Behind a proxy that
authenticates people (`WEB_AUTH_HEADER`), the id is computed from the proxy's header instead.
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
"""The browser's secret before it joined another person, so that it can go back to its own conversations."""
RENEWED_COOKIE = "threadwell_renewed"
"""While a browser has this cookie, the other cookies need no renewal."""
YEAR_SECONDS = 365 * 24 * 3600
MONTH_SECONDS = 30 * 24 * 3600
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_MAX_ATTEMPTS, _ATTEMPTS_WINDOW_SECONDS = 10, 60.0


def person_id(secret: str) -> str:
    """Return the public id of a person: 26 characters of a-z2-7, 130 bits of a hash of the secret."""
    # A proxy may send a name in Latin-1, whose bytes aiohttp keeps as surrogates.
    digest = hashlib.sha256(b"threadwell person\0" + secret.encode(errors="surrogateescape")).digest()
    return base64.b32encode(digest).decode().lower()[:26]


def check_binding(settings: Settings) -> None:
    """Check that other machines can open the page only with authentication.

    Raises:
        UserError: the settings open the page to other machines without authentication.
    """
    if settings.web_auth_header and not settings.web_trusted_proxies:
        raise UserError(
            "WEB_AUTH_HEADER is set but WEB_TRUSTED_PROXIES is not, so any client could send that header: "
            "set WEB_TRUSTED_PROXIES to the addresses of your proxy"
        )
    is_protected = settings.web_access_token or settings.web_auth_header
    if not (settings.web_is_loopback or is_protected or settings.web_published_on_loopback):
        raise UserError(
            f"WEB_HOST={settings.web_host} would open the page to other machines: set WEB_ACCESS_TOKEN, "
            "or WEB_AUTH_HEADER with WEB_TRUSTED_PROXIES behind a proxy that signs people in"
        )


class Authenticator:
    """Identifies the person behind a request and manages the identity cookies of browsers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._attempts: dict[str, list[float]] = {}

    def identify(self, request: web.Request) -> str | None:
        """Return the public id of the person who sends the request; None for a browser without a secret.

        Raises:
            HTTPForbidden: the request does not come from a trusted proxy, or the proxy sent no name.
            HTTPUnauthorized: the access token is required and missing.
        """
        if header := self._settings.web_auth_header:
            return self._identify_by_proxy(request, header)
        if self._settings.web_access_token and not self._has_access(request):
            raise web.HTTPUnauthorized(text="sign in first")
        secret = request.cookies.get(PERSON_COOKIE, "")
        return person_id(secret) if _SECRET.fullmatch(secret) else None

    def set_identity_cookies(self, request: web.Request, response: web.StreamResponse) -> None:
        """Give a new browser its secret, and renew the cookies of a known browser for a year, once a month.

        The renewal is needed because browsers limit a cookie's lifetime (Chromium: 400 days), however often it is used.
        """
        if self._settings.web_auth_header:
            return
        known = {name: request.cookies.get(name, "") for name in (PERSON_COOKIE, PREVIOUS_PERSON_COOKIE)}
        if not _SECRET.fullmatch(known[PERSON_COOKIE]):
            self._set_cookie(request, response, PERSON_COOKIE, secrets.token_urlsafe(32))
        elif RENEWED_COOKIE not in request.cookies:
            for name, secret in known.items():
                if _SECRET.fullmatch(secret):
                    self._set_cookie(request, response, name, secret)
            if self._settings.web_access_token:
                self._set_cookie(request, response, ACCESS_COOKIE, self._access_cookie_value())
        else:
            return
        self._set_cookie(request, response, RENEWED_COOKIE, "1", MONTH_SECONDS)

    def sign_in(self, request: web.Request, response: web.StreamResponse, given_token: str) -> None:
        """Give the access cookie to a browser that sent the access token.

        Raises:
            HTTPTooManyRequests: after ten attempts a minute from one address.
            HTTPUnauthorized: the token is wrong.
        """
        token = self._settings.web_access_token
        if token is None:
            return
        self._count_attempt(request.remote or "")
        if not hmac.compare_digest(given_token.encode(errors="replace"), token.get_secret_value().encode()):
            raise web.HTTPUnauthorized(text="that is not the access token")
        self._set_cookie(request, response, ACCESS_COOKIE, self._access_cookie_value())

    def shareable_secret(self, request: web.Request) -> str:
        """Return the person's secret, which makes a second device the same person.

        Raises:
            HTTPConflict: the page is behind a proxy that signs people in on every device.
        """
        if self._settings.web_auth_header:
            raise web.HTTPConflict(text="sign in on the other device with the same account: it shows the same page")
        return request.cookies[PERSON_COOKIE]

    def check_join_attempt(self, request: web.Request) -> None:
        """Count an attempt to join another person, so that links cannot be guessed.

        Raises:
            HTTPTooManyRequests: after ten attempts a minute from one address.
            HTTPConflict: the page is behind a proxy that signs people in.
        """
        if self._settings.web_auth_header:
            raise web.HTTPConflict(text="sign in on this device with the same account: it shows the same page")
        self._count_attempt(request.remote or "")

    def discount_attempt(self, request: web.Request) -> None:
        """Remove the last counted attempt: the link was valid, so it was not a guess."""
        self._attempts.get(request.remote or "", [0.0]).pop()

    def is_person(self, request: web.Request, secret: str) -> bool:
        """Return whether this browser already is the person with that secret and has access to the page."""
        is_same = hmac.compare_digest(request.cookies.get(PERSON_COOKIE, "").encode(), secret.encode())
        return is_same and (not self._settings.web_access_token or self._has_access(request))

    def join(self, request: web.Request, response: web.StreamResponse, secret: str) -> None:
        """Make this browser the person with that secret. An invitation includes access to the page."""
        own = request.cookies.get(PERSON_COOKIE, "")
        if _SECRET.fullmatch(own) and not _SECRET.fullmatch(request.cookies.get(PREVIOUS_PERSON_COOKIE, "")):
            # Only the first join stores it: a second link must not overwrite the browser's original identity.
            self._set_cookie(request, response, PREVIOUS_PERSON_COOKIE, own)
        self._set_cookie(request, response, PERSON_COOKIE, secret)
        if self._settings.web_access_token:
            self._set_cookie(request, response, ACCESS_COOKIE, self._access_cookie_value())

    def has_previous_person(self, request: web.Request) -> bool:
        """Return whether this browser was another person before it joined the present one."""
        previous = request.cookies.get(PREVIOUS_PERSON_COOKIE, "")
        has_joined = _SECRET.fullmatch(previous) is not None and previous != request.cookies.get(PERSON_COOKIE)
        return has_joined and not self._settings.web_auth_header

    def restore_previous_person(self, request: web.Request, response: web.StreamResponse) -> None:
        """Give this browser the identity back that it had before it joined another person.

        Raises:
            HTTPConflict: it has no previous identity.
        """
        if not self.has_previous_person(request):
            raise web.HTTPConflict(text="this browser has no previous identity to go back to")
        self._set_cookie(request, response, PERSON_COOKIE, request.cookies[PREVIOUS_PERSON_COOKIE])
        response.del_cookie(PREVIOUS_PERSON_COOKIE, path="/")

    def _identify_by_proxy(self, request: web.Request, header: str) -> str:
        peer = ip_address((request.remote or "0.0.0.0").split("%")[0])  # noqa: S104  a missing peer is no proxy
        if not any(peer in network for network in self._settings.web_trusted_proxies):
            raise web.HTTPForbidden(text="this page is reached through its proxy")
        values = request.headers.getall(header, [])
        if len(values) != 1 or not values[0].strip():
            raise web.HTTPForbidden(text=f"the proxy sent no {header}")
        return person_id(f"proxy\0{values[0].strip()}")

    def _has_access(self, request: web.Request) -> bool:
        return hmac.compare_digest(
            request.cookies.get(ACCESS_COOKIE, "").encode(), self._access_cookie_value().encode()
        )

    def _access_cookie_value(self) -> str:
        """Return an HMAC that depends on the access token only: a new token signs every browser out."""
        token = self._settings.web_access_token
        key = token.get_secret_value().encode() if token else b""
        return hmac.new(key, b"threadwell access", hashlib.sha256).hexdigest()

    def _set_cookie(
        self, request: web.Request, response: web.StreamResponse, name: str, value: str, max_age: int = YEAR_SECONDS
    ) -> None:
        # Lax, not Strict: a browser that follows a link from another site sends no Strict cookie, so the page would
        # see a new browser and overwrite its identity. Requests that change something are checked by their origin.
        response.set_cookie(
            name, value, max_age=max_age, httponly=True, samesite="Lax", secure=request.secure, path="/"
        )

    def _count_attempt(self, peer: str) -> None:
        now = time.monotonic()
        known = {address: times for address, times in self._attempts.items() if times}
        self._attempts = {
            address: times for address, times in known.items() if now - times[-1] < _ATTEMPTS_WINDOW_SECONDS
        }
        recent = [at for at in self._attempts.get(peer, []) if now - at < _ATTEMPTS_WINDOW_SECONDS]
        if len(recent) >= _MAX_ATTEMPTS:
            raise web.HTTPTooManyRequests(text="too many attempts, wait a minute")
        self._attempts[peer] = [*recent, now]
