"""Calls of `Invitation`, which hands a sealed text from one browser to another."""

from __future__ import annotations

from pydantic import Field

from chat_service.contracts.base import Contract


class Invitation(Contract):
    """A sealed text, and how many seconds it is kept."""

    sealed: str = Field(min_length=1, max_length=1000)
    seconds: int = Field(default=600, ge=1, le=3600)
