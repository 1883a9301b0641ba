"""Whether there is a model at all, and whether it answers: told at the start, not to the first person who asks."""

from __future__ import annotations

from collections.abc import Callable

from chat_service.errors import UserError
from chat_service.models.protocol import ModelError
from chat_service.models.registry import Models, open_models
from chat_service.settings import Settings


def check_model(settings: Settings) -> None:
    """For processes that have no embedded model to answer.

    Raises:
        UserError: when the settings name neither an endpoint nor a key for one.
    """
    own_backend = settings.model_backend != Settings.model_fields["model_backend"].default
    if own_backend or settings.openai_api_key or settings.openai_base_url:
        return
    what = "OPENAI_MODEL alone is not enough" if settings.openai_model else "no model is configured"
    raise UserError(
        f"{what}: set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own; "
        "`threadwell up` with LOCAL_MODEL=on brings a small model along"
    )


async def reach_configured(settings: Settings) -> str:
    """Ask the models that the settings name whether they are there; what answers, in a line.

    Raises:
        UserError: when none is named, or one of them cannot be used as configured.
    """
    check_model(settings)
    async with open_models(settings) as models:
        return await reach(models)


async def reach(models: Models) -> str:
    """Ask models whether they are there, without spending tokens; what answers, in a line.

    Raises:
        UserError: when one of them cannot be used as configured.
    """
    try:
        line = await models.primary.check()
        return f"{line}; fallback {await models.fallback.check()}" if models.fallback else line
    except ModelError as error:
        raise UserError(str(error)) from error
    except Exception as error:  # whatever a server that speaks another language makes of the client
        line = f"it does not answer as a Chat Completions server does ({type(error).__name__}: {error})"
        raise UserError(f"{line}: does OPENAI_BASE_URL lack its /v1?") from error


async def tell_of_absence(models: Models, say: Callable[[str], object]) -> None:
    """Say in a line why no model answers, where none does. The start goes on: it may come later, and turns try again.

    `say` is called once at most.
    """
    try:
        await reach(models)
    except UserError as error:
        say(f"no model answers yet: {error}")
