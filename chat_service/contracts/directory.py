"""Calls of `Directory`, which lists conversations."""

from __future__ import annotations

from pydantic import Field

from chat_service.contracts.base import Contract, Time


class DirectoryEntry(Contract):
    """A conversation in a directory."""

    conversation: str
    title: str = ""
    at: Time


class DirectoryRequest(Contract):
    """A page of a directory; `cursor` continues where the last page ended."""

    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class DirectoryPage(Contract):
    """Conversations, the most recently active first."""

    entries: list[DirectoryEntry] = Field(default_factory=list)
    cursor: str | None = None


class DirectoryRemoval(Contract):
    """Names a conversation that is to be removed from a directory."""

    conversation: str
