"""`threadwell history KEY`: a whole conversation in the terminal, or as JSON for machines."""

from __future__ import annotations

import asyncio

from rich.console import Console
from rich.text import Text

from chat_service.contracts import History, HistoryRequest, Message
from chat_service.errors import UserError
from chat_service.ingress import IngressClient, IngressError
from chat_service.settings import Settings

PAGE = 200


async def fetch(settings: Settings, key: str) -> History:
    """The whole conversation, page by page, oldest first.

    Raises:
        UserError: when Restate, or the chat service behind it, does not answer.
    """
    try:
        async with IngressClient.connected(settings.ingress_url) as ingress:
            whole = await ingress.call("Chat", key, "get_history", HistoryRequest(limit=PAGE), History)
            before = whole.next_before
            while before is not None:
                request = HistoryRequest(limit=PAGE, before=before)
                page = await ingress.call("Chat", key, "get_history", request, History)
                whole.messages = page.messages + whole.messages
                before = page.next_before
    except (IngressError, TimeoutError) as error:
        raise UserError(f"{error or 'Restate does not answer'}; is `threadwell up` running?") from error
    whole.next_before = None
    return whole


def run(key: str, as_json: bool) -> None:
    """Print the conversation `key`."""
    whole = asyncio.run(fetch(Settings(), key))
    if as_json:
        print(whole.model_dump_json(indent=2))  # noqa: T201
        return
    console = Console()
    if whole.title:
        console.rule(whole.title)
    if not (whole.messages or whole.running or whole.waiting):
        console.print(f"There is nothing in {key}.", style="dim")
    for message in whole.messages:
        _show(console, message)
    for message in whole.running.question if whole.running else []:
        _show(console, message, "being answered")
    for inbound in whole.waiting:
        console.print(Text(f"(waiting) {inbound.message}", style="dim"))


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
