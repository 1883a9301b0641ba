"""Which messages of a conversation are to be deleted."""

from __future__ import annotations

from chat_service.contracts.base import Contract, Time


class DeletionScope(Contract):
    """Names the messages of one author, or every turn that ended before a time."""

    person: str | None = None
    before: Time | None = None
