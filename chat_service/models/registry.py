"""Creation of the primary model and the fallback, from the backend that `MODEL_BACKEND` names."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

from chat_service.errors import UserError
from chat_service.models.protocol import ChatModel, Endpoint
from chat_service.settings import Settings

Factory = Callable[[Settings, Endpoint], ChatModel]


@dataclass(frozen=True, slots=True)
class Models:
    """The primary model and the fallback, which answers when the primary model stays unavailable."""

    primary: ChatModel
    fallback: ChatModel | None = None


def load_backend(name: str) -> Factory:
    """Import and return the factory `package.module:name`.

    Raises:
        UserError: when it does not exist or cannot be imported.
    """
    module_name, separator, attribute = name.partition(":")
    if not (module_name and separator and attribute):
        raise UserError(f"MODEL_BACKEND={name!r} must look like package.module:factory")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # third-party code may raise anything
        raise UserError(f"MODEL_BACKEND={name!r} cannot be imported: {_one_line(error)}") from error
    factory = getattr(module, attribute, None)
    if not callable(factory):
        raise UserError(f"MODEL_BACKEND={name!r}: {module_name} has no callable {attribute!r}")
    return cast(Factory, factory)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _create_model(factory: Factory, settings: Settings, endpoint: Endpoint) -> ChatModel:
    try:
        model = factory(settings, endpoint)
    except UserError:
        raise
    except Exception as error:  # third-party code may raise anything
        reason = f"{type(error).__name__}: {_one_line(error)}"
        raise UserError(
            f"MODEL_BACKEND={settings.model_backend!r} failed to create a model ({reason}): fix it"
        ) from error
    if missing := [name for name in ("stream", "check", "close") if not callable(getattr(model, name, None))]:
        raise UserError(
            f"MODEL_BACKEND={settings.model_backend!r} created a {type(model).__name__} without "
            f"{', '.join(missing)}: see ChatModel in chat_service/models/protocol.py"
        )
    return model


@asynccontextmanager
async def open_models(settings: Settings, primary: Endpoint | None = None) -> AsyncIterator[Models]:
    """Create the models of this deployment and close them at the end. `primary` replaces the settings' endpoint.

    Raises:
        UserError: when the backend cannot be loaded or creates no model.
    """
    factory = load_backend(settings.model_backend)
    first = primary or Endpoint(settings.openai_base_url, settings.openai_api_key, settings.openai_model)
    models = Models(_create_model(factory, settings, first))
    if settings.fallback_model or settings.fallback_base_url:
        second = Endpoint(
            settings.fallback_base_url or settings.openai_base_url,
            settings.fallback_api_key or settings.openai_api_key,
            settings.fallback_model,
            "FALLBACK",
        )
        models = Models(models.primary, _create_model(factory, settings, second))
    try:
        yield models
    finally:
        await models.primary.close()
        if models.fallback:
            await models.fallback.close()
