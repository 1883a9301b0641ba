"""Checks at the start: whether a model is configured and whether it answers."""

from __future__ import annotations

from collections.abc import Callable

from chat_service.errors import UserError
from chat_service.models.protocol import ModelError
from chat_service.models.registry import Models, open_models
from chat_service.settings import Settings


def check_model_configured(settings: Settings) -> None:
    """Check that the settings name a model. Called where no embedded model runs.

    Raises:
        UserError: when they name neither an endpoint nor an API key.
    """
    if settings.custom_backend or settings.openai_api_key or settings.openai_base_url:
        return
    what = "OPENAI_MODEL alone is not enough" if settings.openai_model else "no model is configured"
    raise UserError(
        f"{what}: set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own; "
        "`threadwell up` with LOCAL_MODEL=on runs a small embedded model"
    )


async def probe_configured_models(settings: Settings) -> str:
    """Reach the configured models and describe them in one line.

    Raises:
        UserError: when no model is configured, or one of them cannot be used as configured.
    """
    check_model_configured(settings)
    async with open_models(settings) as models:
        return await probe_models(models)


async def probe_models(models: Models) -> str:
    """Reach the models without spending tokens and describe them in one line.

    Raises:
        UserError: when one of them cannot be used as configured.
    """
    try:
        line = await models.primary.check()
        return f"{line}; fallback {await models.fallback.check()}" if models.fallback else line
    except ModelError as error:
        raise UserError(str(error)) from error
    except Exception as error:  # the client fails in many ways at a server that is no Chat Completions server
        line = f"the server does not answer like a Chat Completions server ({type(error).__name__}: {error})"
        raise UserError(f"{line}: is /v1 missing from OPENAI_BASE_URL?") from error


async def report_unavailable_models(models: Models, report: Callable[[str], object]) -> None:
    """Report in one line why a model is unavailable. The start goes on: turns retry until the model answers."""
    try:
        await probe_models(models)
    except UserError as error:
        report(f"the model is not available yet: {error}")
