"""Whether there is a model at all: told at the start, not to the first person who asks something."""

from __future__ import annotations

from chat_service.errors import UserError
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
