"""How much of a conversation `Chat` itself holds, and what of it scrolls out into the Transcript's pages."""

from __future__ import annotations

from collections.abc import Sequence

from chat_service.contracts import Message

SUMMARY_THRESHOLD = 30
"""Messages word for word in a prompt from which on a summary is wanted."""
SUMMARY_KEEPS = 10
"""The newest messages, which no summary covers: a short "yes" would lose its meaning."""
MIN_SHOWN = 16
"""The newest messages, which stay here although a summary covers them, so that other versions of them can be shown.

With pages of 20 the window has 16 to 36 messages, ten turns from page to page, and the first page goes before turn 20:
so ten turns from turn 10 on read and write what ten turns do from turn 10,000 on."""
MAX_SHOWN = 60
"""Messages kept at most, when the summary that is to cover them is late; then they scroll out without one."""
MAX_HELD = 120
"""Messages kept at most together with versions that are not shown."""
PAGE_SIZE = 20
"""Messages of a Transcript page; they scroll out in whole pages."""
MAX_CHARACTERS = 128 * 1024
"""Characters kept in `recent` at most; the last turn stays whatever its size (contracts bound a message)."""


def count_scrolled_out(held: Sequence[Message], summarised: int) -> int:
    """How many of the oldest messages go: what a summary covers (up to `summarised`) and what no longer fits, in whole
    pages, or single messages where they are large."""
    # Versions that are not shown do not push out what is.
    shown = [m.seq for m in held if not m.replaced]
    border = min(summarised, shown[-MIN_SHOWN] - 1) if len(shown) > MIN_SHOWN else 0
    if len(shown) > MAX_SHOWN:
        border = max(border, shown[-MAX_SHOWN - 1] + PAGE_SIZE - 1)
    if len(held) > MAX_HELD:
        border = max(border, held[-MAX_HELD - 1].seq + PAGE_SIZE - 1)
    cut = sum(m.seq <= border // PAGE_SIZE * PAGE_SIZE for m in held)
    weights = [message_characters(m) for m in held]
    total = sum(weights[cut:])
    while total > MAX_CHARACTERS and cut < len(held) and held[cut].turn != held[-1].turn:
        total -= weights[cut]
        cut += 1
    return cut


def message_characters(message: Message) -> int:
    """Characters of text and inline attachments."""
    return len(message.text) + sum(one.size for one in message.attachments)
