"""Calls of `Quota`, which limits what a person or a channel may use."""

from __future__ import annotations

from typing import Literal

from chat_service.contracts.base import Contract

QuotaOutcome = Literal["allowed", "too_many_messages", "too_many_tokens"]


class QuotaClaim(Contract):
    """A message that asks to be answered, by its platform id. A limit of 0 is no limit."""

    id: str
    per_minute: int = 0
    tokens_per_day: int = 0


class QuotaDecision(Contract):
    """The answer to a claim; `retry_after` is the number of seconds until another message may be allowed."""

    outcome: QuotaOutcome
    retry_after: float = 0

    @property
    def is_allowed(self) -> bool:
        return self.outcome == "allowed"


class TokenUsage(Contract):
    """The number of tokens that a turn used."""

    tokens: int
