"""Limits of what `Chat` holds of a conversation, and the choice of messages that scroll out to the Transcript."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from chat_service.contracts import Message

SUMMARY_THRESHOLD = 30
"""Messages word for word in a prompt from which on a summary is needed."""
SUMMARY_KEEPS = 10
"""The newest messages, which no summary covers: without them a short "yes" would lose its meaning."""
MIN_SHOWN = 16
"""The newest messages, which `Chat` holds although a summary covers them, so that their other versions can be shown.

With pages of 20 the window has 16 to 36 messages, ten turns from page to page, and the first page scrolls out before
turn 20. Therefore ten turns from turn 10 on read and write as much as ten turns from turn 10,000 on.
"""
MAX_SHOWN = 60
"""Shown messages held at most while a summary is late; further ones scroll out without a summary."""
MAX_HELD = 120
"""Messages held at most, including versions that are not shown."""
PAGE_SIZE = 20
"""Messages of a Transcript page. Messages scroll out in whole pages."""
MAX_CHARACTERS = 128 * 1024
"""Characters held at most. The last turn is held whatever its size, which the contracts limit."""


def count_scrolled_out(held: Sequence[Message], summarized_upto: int) -> int:
    """Return how many of the oldest messages scroll out: those that a summary covers, and those over the limits.

    They leave in whole pages, or one by one where they are large.
    """
    # Versions that are not shown do not displace shown messages.
    shown = [m.seq for m in held if not m.replaced]
    border = min(summarized_upto, shown[-MIN_SHOWN] - 1) if len(shown) > MIN_SHOWN else 0
    if len(shown) > MAX_SHOWN:
        border = max(border, shown[-MAX_SHOWN - 1] + PAGE_SIZE - 1)
    if len(held) > MAX_HELD:
        border = max(border, held[-MAX_HELD - 1].seq + PAGE_SIZE - 1)
    count = sum(m.seq <= border // PAGE_SIZE * PAGE_SIZE for m in held)
    sizes = [message_characters(m) for m in held]
    total = sum(sizes[count:])
    while total > MAX_CHARACTERS and count < len(held) and held[count].turn != held[-1].turn:
        total -= sizes[count]
        count += 1
    return count


def message_characters(message: Message) -> int:
    """Return the number of characters of a message's text and inline attachments."""
    return len(message.text) + sum(attachment.size for attachment in message.attachments)


def latest_time(known: datetime | None, messages: Sequence[Message]) -> datetime | None:
    """Return the latest of a known time and the messages' times."""
    times = [m.at for m in messages]
    return max([*times, known] if known else times, default=None)
