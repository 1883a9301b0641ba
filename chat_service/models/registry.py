"""Which models answer: the backend that `MODEL_BACKEND` names, once for the first model and once for the fallback."""

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
    """The model that answers, and the one that stands in when it stays away."""

    primary: ChatModel
    fallback: ChatModel | None = None


def load_backend(name: str) -> Factory:
    """The factory behind `package.module:name`.

    Raises:
        UserError: when there is no such thing, or it cannot be imported.
    """
    module_name, separator, attribute = name.partition(":")
    if not (module_name and separator and attribute):
        raise UserError(f"MODEL_BACKEND={name!r} must look like package.module:factory")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # the code of somebody else
        raise UserError(f"MODEL_BACKEND={name!r} cannot be imported: {_line(error)}") from error
    factory = getattr(module, attribute, None)
    if not callable(factory):
        raise UserError(f"MODEL_BACKEND={name!r}: {module_name} has no callable {attribute!r}")
    return cast(Factory, factory)


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _made(factory: Factory, settings: Settings, endpoint: Endpoint) -> ChatModel:
    try:
        model = factory(settings, endpoint)
    except UserError:
        raise
    except Exception as error:  # the code of somebody else
        why = f"{type(error).__name__}: {_line(error)}"
        raise UserError(f"MODEL_BACKEND={settings.model_backend!r} makes no model ({why}): mend it") from error
    if lacks := [name for name in ("stream", "check", "close") if not callable(getattr(model, name, None))]:
        raise UserError(
            f"MODEL_BACKEND={settings.model_backend!r} makes a {type(model).__name__}, which has no "
            f"{' and no '.join(lacks)}: chat_service/models/protocol.py says what a model is"
        )
    return model


@asynccontextmanager
async def open_models(settings: Settings, primary: Endpoint | None = None) -> AsyncIterator[Models]:
    """The models of this deployment, closed at the end. `primary` stands in for the settings' own endpoint.

    Raises:
        UserError: when the backend cannot be loaded, or makes no model.
    """
    factory = load_backend(settings.model_backend)
    first = primary or Endpoint(settings.openai_base_url, settings.openai_api_key, settings.openai_model)
    models = Models(_made(factory, settings, first))
    if settings.fallback_model or settings.fallback_base_url:
        second = Endpoint(
            settings.fallback_base_url or settings.openai_base_url,
            settings.fallback_api_key or settings.openai_api_key,
            settings.fallback_model,
            "FALLBACK",
        )
        models = Models(models.primary, _made(factory, settings, second))
    try:
        yield models
    finally:
        await models.primary.close()
        if models.fallback:
            await models.fallback.close()
