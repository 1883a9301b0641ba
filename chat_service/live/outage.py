"""A server that is away, told as an operator wants to hear it: when it goes, now and then while it stays away, and when
it is back, however often and by however many it is tried again."""

from __future__ import annotations

import logging
import time

REMIND_SECONDS = 60.0


class Outage:
    """Whether one server is away; shared by all who talk to it."""

    def __init__(self, log: logging.Logger, what: str) -> None:
        self._log = log
        self._what = what
        self._told: float | None = None

    def goes_on(self, error: Exception) -> None:
        """A try has failed."""
        now = time.monotonic()
        if self._told is None:
            self._log.warning("%s is away, trying again until it is back (%s)", self._what, error)
        elif now - self._told < REMIND_SECONDS:
            return
        else:
            self._log.warning("%s is still away (%s)", self._what, error)
        self._told = now

    def over(self) -> None:
        """A try has succeeded."""
        if self._told is not None:
            self._log.warning("%s is back", self._what)
            self._told = None
