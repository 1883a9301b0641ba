"""Payloads that the handlers refuse, and the error messages. The payloads are sent as raw JSON."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from chat_service.contracts.messages import MAX_ATTACHMENTS, MAX_INLINE
from tests.processes import Stack


async def send_refused(stack: Stack, path: str, payload: dict[str, Any], status: int = 400) -> str:
    """Send a payload that is refused and return the error message."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{stack.engine.ingress_url}/{path}", json=payload) as response,
    ):
        body = await response.json()
        assert body["source"] == "invocation" and response.status == status, body
        return str(body["message"])


INVISIBLE_TEXTS = ["", " \n", "\u200b", "\u2060\u200d\ufeff", "\ufe0f\U000e0101", "\u3164 \u00ad"]


@pytest.mark.parametrize("text", INVISIBLE_TEXTS)
async def test_invisible_message_is_refused(stack: Stack, key: str, text: str) -> None:
    message = "the message is empty: say something or attach a file"
    assert await send_refused(stack, f"Chat/{key}/message", {"message": text}) == message
    assert await send_refused(stack, f"Queue/{key}/add", {"message": text, "id": "m1"}) == message


REFUSED_PAYLOADS: list[tuple[str, dict[str, Any], str]] = [
    ("Chat/{key}/message", {"message": ["secret"]}, "message: Input should be a valid string"),
    ("Chat/{key}/message", {"message": "hi", "at": "secret"}, "at: Input should be a valid datetime"),
    ("Chat/{key}/get_history", {"limit": 0}, "limit: Input should be greater than or equal to 1"),
    ("Chat/{key}/configure", {"set": {"temperature": 9}}, "set.temperature: Input should be less than or equal to 2"),
    ("Queue/{key}/rename", {"title": " "}, "title: String should have at least 1 character"),
    ("Directory/{key}/list", {"limit": 0}, "limit: Input should be greater than or equal to 1"),
    ("Channel/{key}/configure", {"unset": ["secret"]}, "unset.0: Input should be 'persona', 'prompt'"),
    ("Invitation/{key}/create", {"sealed": "x", "seconds": 0}, "seconds: Input should be greater than or equal to 1"),
    ("Background/forget_person", {}, "person: Field required"),
]


@pytest.mark.parametrize(("path", "payload", "message"), REFUSED_PAYLOADS)
async def test_validation_error_is_one_line(
    stack: Stack, key: str, path: str, payload: dict[str, Any], message: str
) -> None:
    error = await send_refused(stack, path.format(key=key), payload)
    assert error.startswith(message) and len(error.splitlines()) == 1
    assert "secret" not in error, "the error does not repeat the payload"


async def test_invalid_json_is_refused_in_one_line(stack: Stack, key: str) -> None:
    url, headers = f"{stack.engine.ingress_url}/Chat/{key}/message", {"Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=b'{"message": "hi', headers=headers) as response,
    ):
        body = await response.json()
    assert response.status == 400
    assert body["message"].startswith("Invalid JSON: EOF while parsing a string"), body


@pytest.mark.parametrize("service", ["Chat", "Queue"])
async def test_edit_with_too_large_or_too_many_attachments_is_refused(stack: Stack, key: str, service: str) -> None:
    large = {"name": "p.png", "media_type": "image/png", "data": "A" * (MAX_INLINE + 1)}
    edit = {"id": "m1", "message": "with a picture"}
    assert "send a url instead" in await send_refused(stack, f"{service}/{key}/edit", {**edit, "attachments": [large]})
    many = [{"name": "a.txt", "text": "a"}] * (MAX_ATTACHMENTS + 1)
    assert "at most 10" in await send_refused(stack, f"{service}/{key}/edit", {**edit, "attachments": many})


async def test_get_turn_without_a_turn_or_id_is_refused(stack: Stack, key: str) -> None:
    async with aiohttp.ClientSession() as session:
        await session.post(f"{stack.engine.ingress_url}/Chat/{key}/message", json={"message": "hi"})
    assert await send_refused(stack, f"Chat/{key}/get_turn", {}, 400) == (
        "which turn? name its number (turn), or a message in it (id)"
    )
