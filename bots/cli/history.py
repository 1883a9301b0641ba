"""`threadwell history KEY`: print a whole conversation as text or as JSON."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime

from rich.console import Console
from rich.text import Text

from bots.cli.reachability import UNREACHABLE, read_newest
from chat_service import handlers
from chat_service.contracts import History, HistoryRequest, Message
from chat_service.errors import UserError
from chat_service.ingress import IngressClient, IngressError
from chat_service.settings import Settings

PAGE = 200
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


async def pages(settings: Settings, key: str) -> AsyncGenerator[History]:
    """Yield the conversation in pages, the oldest first. The last page has the running turn and the queue.

    Raises:
        UserError: when Restate or the chat service does not answer.
    """
    try:
        async with IngressClient.connected(settings.ingress_url) as ingress:
            newest = await read_newest(ingress, key, PAGE)
            last = newest.messages[0].seq if newest.messages else 1
            # Sequence numbers only grow, so ranges of PAGE numbers cover all messages, although some are deleted.
            for start in range(1, last, PAGE) if newest.next_before else ():
                yield await _read_range(ingress, key, start, min(start + PAGE, last))
            newest.next_before = None
            yield newest
    except TimeoutError:
        raise UserError(UNREACHABLE) from None
    except IngressError as error:
        raise UserError(f"{error}; is `threadwell up` running?") from error


async def _read_range(ingress: IngressClient, key: str, start: int, end: int) -> History:
    """Read the messages from `start` up to, but not including, `end`. Large messages need several requests."""
    part = History()
    before: int | None = end
    while before is not None and before > start:
        request = HistoryRequest(before=before, limit=PAGE)
        page = await ingress.call(handlers.CHAT_GET_HISTORY, key, request)
        older = [message for message in page.messages if message.seq >= start]
        part = page.model_copy(update={"messages": older + part.messages})
        before = page.next_before
    return part


async def run(settings: Settings, key: str, as_json: bool) -> None:
    """Print the conversation `key`: page by page as text, or as one JSON document."""
    # Closed explicitly: after an error while printing (`| head`) asyncio would complain about an open generator.
    async with contextlib.aclosing(pages(settings, key)) as found:
        await (_as_json(found) if as_json else _as_text(found, key))


async def _as_json(found: AsyncIterator[History]) -> None:
    messages: list[Message] = []
    async for page in found:
        messages += page.messages
    page.messages = messages
    print(page.model_dump_json(indent=2), flush=True)  # noqa: T201


async def _as_text(found: AsyncIterator[History], key: str) -> None:
    console = Console()
    needs_title = is_empty = True
    async for page in found:
        if page.title and needs_title:
            console.rule(_printable(page.title))
            needs_title = False
        for message in page.messages:
            _print_message(console, message)
        for message in page.running.question if page.running else []:
            _print_message(console, message, "being answered")
        for inbound in page.waiting:
            console.print(Text(_printable(f"(waiting) {inbound.message}"), style="dim"))
        is_empty = is_empty and not (page.messages or page.running or page.waiting)
    if is_empty:
        console.print(Text(_printable(f"{key} has no messages."), style="dim"))


def _print_message(console: Console, message: Message, note: str = "") -> None:
    author = "bot" if message.role == "assistant" else (message.author and message.author.name) or "person"
    details = [_local_time(message.at).strftime("%Y-%m-%d %H:%M")]
    if message.status not in ("answered", "noted"):
        details.append(message.status)
    if message.cut:
        details.append(f"cut off ({message.cut})")
    if message.undelivered:
        details.append(f"undelivered: {message.undelivered}")
    if message.replaced:
        details.append("replaced")
    if note:
        details.append(note)
    console.print(
        Text(_printable(f"{author}  "), style="bold"), Text(_printable(" · ".join(details)), style="dim"), sep=""
    )
    if message.text:
        console.print(Text(_printable(message.text)))
    if message.error:
        console.print(Text(_printable(message.error), style="red"))
    console.print()


def _local_time(at: datetime) -> datetime:
    """Return the time in this machine's time zone, or unchanged if it is out of range there."""
    try:
        return at.astimezone()
    except (OverflowError, ValueError):
        return at


def _printable(text: str) -> str:
    """Return the text without control characters: a message must not be able to control the operator's terminal."""
    return _CONTROL_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", text)
