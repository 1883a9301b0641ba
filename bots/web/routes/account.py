"""The API of the page for the person: what the page needs at its start, and the person's own settings."""

from __future__ import annotations

import contextlib
from typing import Literal

from aiohttp import web

from bots.web.auth import Authenticator
from bots.web.middleware import PERSON
from bots.web.routes.request import body_as
from chat_service import handlers, keys
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

TEMPLATE_CONVERSATION = "settings"
"""A conversation that never exists. The settings in effect for it are those of every new conversation."""


class AccountRoutes:
    """Read and change what belongs to the person in all conversations."""

    def __init__(self, settings: Settings, ingress: IngressClient, authenticator: Authenticator) -> None:
        self._settings = settings
        self._ingress = ingress
        self._authenticator = authenticator

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/api/me", self.get_me),
            web.get("/api/settings", self.get_settings),
            web.patch("/api/settings", self.change_settings),
        ]

    async def get_me(self, request: web.Request) -> web.Response:
        """Return the person's id, the model that answers them, and the limits of a message."""
        settings = self._settings
        model = model_label(settings) if settings.embeds_model else settings.openai_model or ""
        if not settings.embeds_model:
            with contextlib.suppress(IngressError, TimeoutError):  # the page also opens without the chat service
                effective = _values(await self._effective_settings(request[PERSON], timeout=2))
                model = str(effective["model"] or model)
        return web.json_response(
            {
                "person": request[PERSON],
                "model": model,
                "demo": settings.embeds_default_model,
                "images": settings.model_images,
                "devices": not settings.web_auth_header,
                "previous_identity": self._authenticator.has_previous_person(request),
                "limits": {"text": MAX_TEXT, "attachments": MAX_ATTACHMENTS, "inline": MAX_INLINE},
            }
        )

    async def get_settings(self, request: web.Request) -> web.Response:
        """Return the person's own settings, the settings in effect, and the personas to choose from."""
        return await self._settings_response(request[PERSON])

    async def change_settings(self, request: web.Request) -> web.Response:
        """Set or unset own settings. They apply to every conversation from its next turn on.

        Raises:
            HTTPBadRequest: the persona does not exist, or the model's name contains control characters.
        """
        change = await body_as(request, _SettingsChange)
        if not (change.set.model or "").isprintable():
            raise web.HTTPBadRequest(text="a model's name has no control characters or line breaks: type it again")
        persona = change.set.persona
        if persona is not None and persona not in (await self._effective_settings(request[PERSON])).personas:
            raise web.HTTPBadRequest(text=f"there is no persona {persona!r}: choose one of the list")
        overrides = Overrides(persona=persona, model=change.set.model, burst=change.set.burst)
        configure = ConfigureRequest(set=overrides, unset=change.unset)
        await self._ingress.call(handlers.CHANNEL_CONFIGURE, _scope(request[PERSON]), configure)
        return await self._settings_response(request[PERSON])

    async def _settings_response(self, person: str) -> web.Response:
        own = await self._ingress.call(handlers.CHANNEL_GET_OVERRIDES, _scope(person), None)
        view = await self._effective_settings(person)
        effective = _values(view)
        effective["model"] = effective["model"] or self._settings.openai_model
        return web.json_response(
            {
                "own": own.model_dump(include={"persona", "model", "burst"}),
                "effective": effective,
                "personas": view.personas,
                "models": not self._settings.embeds_model,
            }
        )

    async def _effective_settings(self, person: str, timeout: float = 10) -> SettingsView:
        key = keys.web(person, TEMPLATE_CONVERSATION)
        return await self._ingress.call(handlers.CHAT_GET_SETTINGS, key, None, timeout=timeout)


class _OwnSettings(Contract):
    persona: str | None = None
    model: str | None = None
    burst: Literal["each", "together"] | None = None


class _SettingsChange(Contract):
    set: _OwnSettings = _OwnSettings()
    unset: list[SettingName] = []


def _values(view: SettingsView) -> dict[str, str | float | None]:
    return {setting.name: setting.value for setting in view.settings if setting.name != "prompt"}


def _scope(person: str) -> str:
    return f"web:{person}"
