"""`threadwell history KEY`: a whole conversation in the terminal, or as JSON for machines."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime

from rich.console import Console
from rich.text import Text

from bots.cli.reachability import UNREACHABLE, read_newest
from chat_service.contracts import History, HistoryRequest, Message
from chat_service.errors import UserError
from chat_service.ingress import IngressClient, IngressError
from chat_service.settings import Settings

PAGE = 200
_COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


async def pages(settings: Settings, key: str) -> AsyncGenerator[History]:
    """The conversation, a page at a time, the oldest first; the last one also has what is running and what waits.

    Raises:
        UserError: when Restate, or the chat service behind it, does not answer.
    """
    try:
        async with IngressClient.connected(settings.ingress_url) as ingress:
            newest = await read_newest(ingress, key, PAGE)
            last = newest.messages[0].seq if newest.messages else 1
            # Numbers only grow: pages of so many numbers hold every message, whatever was taken out between.
            for start in range(1, last, PAGE) if newest.next_before else ():
                yield await _part(ingress, key, start, min(start + PAGE, last))
            newest.next_before = None
            yield newest
    except TimeoutError:
        raise UserError(UNREACHABLE) from None
    except IngressError as error:
        raise UserError(f"{error}; is `threadwell up` running?") from error


async def _part(ingress: IngressClient, key: str, start: int, end: int) -> History:
    """The messages from number `start` up to before `end`: in several pages, where they are large."""
    part = History()
    before: int | None = end
    while before is not None and before > start:
        request = HistoryRequest(before=before, limit=PAGE)
        page = await ingress.call("Chat", key, "get_history", request, History)
        older = [message for message in page.messages if message.seq >= start]
        part = page.model_copy(update={"messages": older + part.messages})
        before = page.next_before
    return part


async def run(settings: Settings, key: str, as_json: bool) -> None:
    """Print the conversation `key`: as text at once, page by page, or as one JSON document."""
    # Closed before an error of the printing (`| head`) goes on its way: asyncio complains of a reader left open.
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
    titled = empty = True
    async for page in found:
        if page.title and titled:
            console.rule(_harmless(page.title))
            titled = False
        for message in page.messages:
            _show(console, message)
        for message in page.running.question if page.running else []:
            _show(console, message, "being answered")
        for inbound in page.waiting:
            console.print(Text(_harmless(f"(waiting) {inbound.message}"), style="dim"))
        empty = empty and not (page.messages or page.running or page.waiting)
    if empty:
        console.print(Text(_harmless(f"There is nothing in {key}."), style="dim"))


def _show(console: Console, message: Message, note: str = "") -> None:
    who = "bot" if message.role == "assistant" else (message.author and message.author.name) or "person"
    marks = [_local(message.at).strftime("%Y-%m-%d %H:%M")]
    if message.status not in ("answered", "noted"):
        marks.append(message.status)
    if message.cut:
        marks.append(f"cut off ({message.cut})")
    if message.undelivered:
        marks.append(f"undelivered: {message.undelivered}")
    if message.replaced:
        marks.append("replaced")
    if note:
        marks.append(note)
    console.print(Text(_harmless(f"{who}  "), style="bold"), Text(_harmless(" · ".join(marks)), style="dim"), sep="")
    if message.text:
        console.print(Text(_harmless(message.text)))
    if message.error:
        console.print(Text(_harmless(message.error), style="red"))
    console.print()


def _local(at: datetime) -> datetime:
    """In this machine's time zone; at the edges of time there may be no such hour there."""
    try:
        return at.astimezone()
    except (OverflowError, ValueError):
        return at


def _harmless(text: str) -> str:
    """Without what moves a terminal's cursor, colours it, names its window or turns its text around: whoever chats is
    a stranger to the operator's terminal."""
    return _COMMANDS.sub("\N{REPLACEMENT CHARACTER}", text)
