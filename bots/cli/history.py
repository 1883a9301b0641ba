"""`threadwell history KEY`: a whole conversation in the terminal, or as JSON for machines."""

from __future__ import annotations

from collections.abc import AsyncIterator

from rich.console import Console
from rich.text import Text

from chat_service.contracts import History, HistoryRequest, Message
from chat_service.errors import UserError
from chat_service.ingress import IngressClient, IngressError
from chat_service.settings import Settings

PAGE = 200


async def pages(settings: Settings, key: str) -> AsyncIterator[History]:
    """The conversation, a page at a time, the oldest first; the last one also has what is running and what waits.

    Raises:
        UserError: when Restate, or the chat service behind it, does not answer.
    """
    try:
        async with IngressClient.connected(settings.ingress_url) as ingress:
            newest = await ingress.call("Chat", key, "get_history", HistoryRequest(limit=PAGE), History)
            last = newest.messages[0].seq if newest.messages else 1
            # Numbers only grow: pages of so many numbers hold every message, whatever was taken out between.
            for start in range(1, last, PAGE) if newest.next_before else ():
                request = HistoryRequest(before=min(start + PAGE, last), limit=PAGE)
                page = await ingress.call("Chat", key, "get_history", request, History)
                page.messages = [message for message in page.messages if message.seq >= start]
                yield page
            newest.next_before = None
            yield newest
    except (IngressError, TimeoutError) as error:
        raise UserError(f"{error or 'Restate does not answer'}; is `threadwell up` running?") from error


async def run(settings: Settings, key: str, as_json: bool) -> None:
    """Print the conversation `key`: as text at once, page by page, or as one JSON document."""
    if as_json:
        messages: list[Message] = []
        async for page in pages(settings, key):
            messages += page.messages
        page.messages = messages
        print(page.model_dump_json(indent=2))  # noqa: T201
        return
    console = Console()
    titled = empty = True
    async for page in pages(settings, key):
        if page.title and titled:
            console.rule(page.title)
            titled = False
        for message in page.messages:
            _show(console, message)
        for message in page.running.question if page.running else []:
            _show(console, message, "being answered")
        for inbound in page.waiting:
            console.print(Text(f"(waiting) {inbound.message}", style="dim"))
        empty = empty and not (page.messages or page.running or page.waiting)
    if empty:
        console.print(f"There is nothing in {key}.", style="dim")


def _show(console: Console, message: Message, note: str = "") -> None:
    who = "bot" if message.role == "assistant" else (message.author and message.author.name) or "person"
    marks = [message.at.astimezone().strftime("%Y-%m-%d %H:%M")]
    if message.status not in ("answered", "noted"):
        marks.append(message.status)
    if message.undelivered:
        marks.append(f"undelivered: {message.undelivered}")
    if message.replaced:
        marks.append("replaced")
    if note:
        marks.append(note)
    console.print(Text(f"{who}  ", style="bold"), Text(" · ".join(marks), style="dim"), sep="")
    if message.text:
        console.print(Text(message.text))
    if message.error:
        console.print(Text(message.error, style="red"))
    console.print()
