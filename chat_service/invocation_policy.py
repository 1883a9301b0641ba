"""How long Restate retries an invocation, and how long it keeps a finished one."""

from __future__ import annotations

from datetime import timedelta

from restate.retry_policy import InvocationRetryPolicy

RETRY_FOREVER = InvocationRetryPolicy(
    initial_interval=timedelta(milliseconds=100),
    exponentiation_factor=2.0,
    max_interval=timedelta(seconds=10),
    # None would mean the server's default: 70 attempts, then a pause that blocks the key until an operator resumes it.
    max_attempts=2**31 - 1,
    on_max_attempts="pause",
)
"""A process that is not running is no failure: retry without limit, with pauses of at most 10 s."""

RETAIN_BRIEFLY = timedelta(seconds=5)
"""Retention of results that no caller attaches to: reads, and the results of quick handlers. Restate removes expired
invocations only at its next cleanup (`RESTATE_WORKER__CLEANUP_INTERVAL`, an hour by default)."""

RETAIN_NOTHING = timedelta(0)
"""For journals that hold texts under other keys than the conversation's, where `Background/purge_journal` does not find
them."""

RETAIN_ONE_DAY = timedelta(hours=24)
"""Retention of results, and the time in which Restate itself recognizes a repeated idempotency key."""
