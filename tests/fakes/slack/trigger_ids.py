"""Trigger ids, with which an app opens a modal."""

from __future__ import annotations

import secrets
import uuid

from tests.fakes.slack.clock import Clock
from tests.fakes.slack.errors import ApiError
from tests.fakes.slack.models import Rules


class TriggerIds:
    """A trigger id opens one view, within three seconds of the person's action."""

    def __init__(self, clock: Clock, rules: Rules) -> None:
        self._clock, self._rules = clock, rules
        self._issued: dict[str, tuple[str, float]] = {}
        self._used: set[str] = set()

    def issue(self, user: str) -> str:
        """Return a new trigger id for an action of this person."""
        trigger = f"{uuid.uuid4().int % 10**12}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._issued[trigger] = (user, self._clock.now())
        return trigger

    def use(self, trigger: str) -> str:
        """Return the person it was issued for.

        Raises:
            ApiError: `invalid_trigger_id`, `exchanged_trigger_id`, `expired_trigger_id`.
        """
        if trigger not in self._issued:
            raise ApiError("invalid_trigger_id")
        if trigger in self._used:
            raise ApiError("exchanged_trigger_id")
        user, issued_at = self._issued[trigger]
        if self._clock.now() - issued_at > self._rules.trigger_seconds:
            raise ApiError("expired_trigger_id")
        self._used.add(trigger)
        return user
