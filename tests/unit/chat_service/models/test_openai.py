"""The OpenAI backend without network access."""

from __future__ import annotations

import httpx2
import openai
import pytest
from pydantic import SecretStr

from chat_service.models.openai import OpenAIModel
from chat_service.models.openai_errors import to_model_error
from chat_service.models.protocol import Endpoint, Failure
from chat_service.settings import Settings


async def test_empty_base_url_in_the_environment_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker's `env_file` passes on the empty lines of a copied `.env.example`."""
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    model = OpenAIModel(Settings(_env_file=None), Endpoint(None, SecretStr("sk-1"), None, "OPENAI"))
    try:
        assert str(model._client.base_url) == "https://api.openai.com/v1/"
    finally:
        await model.close()


def test_connection_error_names_the_endpoint_and_is_retried() -> None:
    endpoint = Endpoint("http://127.0.0.1:9/v1", SecretStr("sk-1"), "scripted", "OPENAI")
    refused = openai.APIConnectionError(request=httpx2.Request("POST", "http://127.0.0.1:9/v1"))
    error = to_model_error(refused, endpoint, None)
    assert error.failure is Failure.RETRY
    assert error.message == "the model's endpoint cannot be reached (http://127.0.0.1:9/v1)"
