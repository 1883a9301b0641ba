"""What Slack hands out for a short while: trigger ids for modals, and response URLs."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass

from tests.fakes.slack.clock import Clock
from tests.fakes.slack.errors import Refused
from tests.fakes.slack.models import Rules


class Triggers:
    """A trigger id opens one view, within three seconds of what the person did."""

    def __init__(self, clock: Clock, rules: Rules) -> None:
        self._clock, self._rules = clock, rules
        self._given: dict[str, tuple[str, float]] = {}
        self._used: set[str] = set()

    def give(self, user: str) -> str:
        """A new one, for what this person just did."""
        trigger = f"{uuid.uuid4().int % 10**12}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._given[trigger] = (user, self._clock.now())
        return trigger

    def use(self, trigger: str) -> str:
        """The person it was given for.

        Raises:
            Refused: `invalid_trigger_id`, `exchanged_trigger_id`, `expired_trigger_id`.
        """
        if trigger not in self._given:
            raise Refused("invalid_trigger_id")
        if trigger in self._used:
            raise Refused("exchanged_trigger_id")
        user, at = self._given[trigger]
        if self._clock.now() - at > self._rules.trigger_seconds:
            raise Refused("expired_trigger_id")
        self._used.add(trigger)
        return user


@dataclass
class Ticket:
    """Where a response URL answers to, and how often it was used. `ts` is the message it came from."""

    team: str
    channel: str
    user: str
    given: float
    ts: str | None = None
    uses: int = 0


class ResponseUrls:
    """Five uses within thirty minutes."""

    def __init__(self, clock: Clock, rules: Rules) -> None:
        self._clock, self._rules = clock, rules
        self._tickets: dict[str, Ticket] = {}

    def give(self, team: str, channel: str, user: str, ts: str | None = None) -> str:
        """The path of a new one."""
        secret = secrets.token_hex(12)
        self._tickets[secret] = Ticket(team, channel, user, self._clock.now(), ts)
        return f"actions/{team}/{uuid.uuid4().int % 10**12}/{secret}"

    def use(self, secret: str) -> Ticket:
        """What it stands for.

        Raises:
            Refused: 404 with `used_url` or `expired_url`.
        """
        ticket = self._tickets.get(secret)
        if ticket is None or self._clock.now() - ticket.given > self._rules.response_url_seconds:
            raise Refused("expired_url", status=404)
        if ticket.uses >= self._rules.response_url_uses:
            raise Refused("used_url", status=404)
        ticket.uses += 1
        return ticket
