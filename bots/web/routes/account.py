"""What belongs to a person: their settings in all conversations, and the link by which a second device joins."""

from __future__ import annotations

import contextlib
from typing import Literal

from aiohttp import web

from bots.web.auth import Authenticator
from bots.web.invitations import MINUTES, Invitations
from bots.web.middleware import PERSON
from bots.web.routes.request import body_as
from chat_service import keys
from chat_service.contracts import (
    MAX_ATTACHMENTS,
    MAX_INLINE,
    MAX_TEXT,
    ConfigureRequest,
    Contract,
    Overrides,
    SettingName,
    SettingsView,
)
from chat_service.ingress import IngressClient, IngressError
from chat_service.local_model import model_label
from chat_service.settings import Settings

NOWHERE = "settings"
"""A conversation that nobody has: what is in force in it is in force in every new one."""


class AccountRoutes:
    """The handlers for a person's settings and devices."""

    def __init__(self, settings: Settings, ingress: IngressClient, gate: Authenticator) -> None:
        self._settings = settings
        self._ingress = ingress
        self._gate = gate
        self._invitations = Invitations(ingress)

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [
            web.get("/api/me", self.me),
            web.get("/api/settings", self.show),
            web.patch("/api/settings", self.change),
            web.post("/api/invitation", self.invite),
            web.post("/api/join/look", self.look),
            web.post("/api/join", self.join),
            web.post("/api/go-back", self.go_back),
        ]

    async def me(self, request: web.Request) -> web.Response:
        """Who I am, which model answers me, and what may be sent."""
        settings = self._settings
        model = model_label(settings) if settings.embeds_model else settings.openai_model or ""
        if not settings.embeds_model:
            with contextlib.suppress(IngressError, TimeoutError):  # the page opens all the same
                in_force = _values(await self._in_force(request[PERSON], timeout=2))
                model = str(in_force["model"] or model)
        return web.json_response(
            {
                "person": request[PERSON],
                "model": model,
                "demo": settings.embeds_default_model,
                "images": settings.model_images,
                "devices": not settings.web_auth_header,
                "before": self._gate.was_another(request),
                "limits": {"text": MAX_TEXT, "attachments": MAX_ATTACHMENTS, "inline": MAX_INLINE},
            }
        )

    async def show(self, request: web.Request) -> web.Response:
        """What the person chose, what is in force with it, and the personas to choose from."""
        return await self._shown(request[PERSON])

    async def change(self, request: web.Request) -> web.Response:
        """Choose, or give back to the deployment; every conversation goes by it from its next turn on.

        Raises:
            HTTPBadRequest: for a persona that does not exist, or a model's name with control characters.
        """
        asked = await body_as(request, _Choice)
        if not (asked.set.model or "").isprintable():
            raise web.HTTPBadRequest(text="a model's name has no control characters or line breaks: type it again")
        persona = asked.set.persona
        if persona is not None and persona not in (await self._in_force(request[PERSON])).personas:
            raise web.HTTPBadRequest(text=f"there is no persona {persona!r}: choose one of the list")
        chosen = Overrides(persona=persona, model=asked.set.model, burst=asked.set.burst)
        wanted = ConfigureRequest(set=chosen, unset=asked.unset)
        await self._ingress.call("Channel", _scope(request[PERSON]), "configure", wanted, Overrides)
        return await self._shown(request[PERSON])

    async def invite(self, request: web.Request) -> web.Response:
        """A token that makes one other browser this person, once and soon."""
        token = await self._invitations.make(self._gate.secret(request))
        return web.json_response({"token": token, "minutes": MINUTES})

    async def look(self, request: web.Request) -> web.Response:
        """Whether a link is good, and not this browser's own; it stays as good as it was."""
        await self._good_token(request)
        return web.json_response({})

    async def join(self, request: web.Request) -> web.Response:
        """Become the person who made the token; it works once."""
        secret = await self._invitations.take(await self._good_token(request))
        response = web.json_response({})
        self._gate.admit(request, response, secret)
        return response

    async def _good_token(self, request: web.Request) -> str:
        self._gate.check_joining(request)
        token = (await body_as(request, _Joining)).token
        secret = await self._invitations.look(token)
        self._gate.was_no_guess(request)
        if self._gate.is_already(request, secret):
            raise web.HTTPConflict(
                text="This browser shows those conversations already. "
                "The link is still good: open it on the other device."
            )
        return token

    async def go_back(self, request: web.Request) -> web.Response:
        """Become who this browser was before it joined; its conversations were kept."""
        response = web.json_response({})
        self._gate.go_back(request, response)
        return response

    async def _shown(self, person: str) -> web.Response:
        own = await self._ingress.call("Channel", _scope(person), "get_settings", None, Overrides)
        view = await self._in_force(person)
        in_force = _values(view)
        in_force["model"] = in_force["model"] or self._settings.openai_model
        return web.json_response(
            {
                "own": own.model_dump(include={"persona", "model", "burst"}),
                "in_force": in_force,
                "personas": view.personas,
                "models": not self._settings.embeds_model,
            }
        )

    async def _in_force(self, person: str, timeout: float = 10) -> SettingsView:
        key = keys.web(person, NOWHERE)
        return await self._ingress.call("Chat", key, "get_settings", None, SettingsView, timeout=timeout)


class _Chosen(Contract):
    persona: str | None = None
    model: str | None = None
    burst: Literal["each", "together"] | None = None


class _Choice(Contract):
    set: _Chosen = _Chosen()
    unset: list[SettingName] = []


class _Joining(Contract):
    token: str = ""


def _values(view: SettingsView) -> dict[str, str | float | None]:
    return {one.name: one.value for one in view.settings if one.name != "prompt"}


def _scope(person: str) -> str:
    return f"web:{person}"
