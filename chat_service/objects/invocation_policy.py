"""How long the engine keeps trying, and how long it keeps what is done."""

from __future__ import annotations

from datetime import timedelta

from restate.retry_policy import InvocationRetryPolicy

PATIENT = InvocationRetryPolicy(
    initial_interval=timedelta(milliseconds=100),
    exponentiation_factor=2.0,
    max_interval=timedelta(seconds=10),
    # None would mean the server's default: 70 attempts, then a pause that blocks the key until somebody resumes it.
    max_attempts=2**31 - 1,
    on_max_attempts="pause",
)
"""An absent process is no failure: without limit, with pauses of at most 10 s."""

BRIEF = timedelta(seconds=5)
"""Retention of what nobody attaches to: reads, and the answers of quick handlers. The engine takes away what is over
only at its next round (`RESTATE_WORKER__CLEANUP_INTERVAL`, an hour by default)."""

NONE = timedelta(0)
"""For journals that hold texts under other keys than the conversation's, where a forget would not find them."""

DAY = timedelta(hours=24)
"""Retention of results, and the window in which Restate itself recognises a repeat."""
