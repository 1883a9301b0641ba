"""Reads conversations and renders them as Markdown: the pages and the export that people see on Slack and Discord."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from bots.common.split import open_fence
from chat_service import handlers
from chat_service.contracts import History, HistoryRequest, Inbound, Message
from chat_service.ingress import IngressClient

PAGE_MESSAGES = 10
EXPORT_PAGE_MESSAGES = 200
MESSAGE_CHARACTERS = 600
MAX_QUEUED_SHOWN = 2
"""Messages of the running turn, and waiting messages, whose text a page shows."""
MAX_COMPARED = 200
"""Messages of a conversation that are compared with the platform: the newest."""
CALL_SECONDS = 10
EXPORT_CALL_SECONDS = 30


@dataclass(frozen=True, slots=True)
class PageView:
    """A page as Markdown lines. `older` is the position before which the next page starts, None on the last page."""

    title: str
    lines: list[str]
    older: int | None


async def render_page(
    ingress: IngressClient,
    conversation: str,
    before: int | None = None,
    *,
    limit: int = PAGE_MESSAGES,
    characters: int = MESSAGE_CHARACTERS,
    max_length: int | None = None,
) -> PageView:
    """Return a page of `limit` messages, oldest first, each cut to `characters`.

    Messages that do not fit into `max_length` characters, with a blank line between two, are left to the older page.

    Raises:
        IngressError: the conversation cannot be read.
    """
    request = HistoryRequest(before=before, limit=limit)
    history = await ingress.call(handlers.CHAT_GET_HISTORY, conversation, request, timeout=CALL_SECONDS)
    pending: list[str] = []
    if history.running:
        pending += [render_message(message, characters) for message in history.running.question[-MAX_QUEUED_SHOWN:]]
        pending.append("_(being answered)_")
    pending += [
        f"_(waiting)_ {truncate_markdown(message.message, characters)}"
        for message in history.waiting[:MAX_QUEUED_SHOWN]
    ]
    if (more := len(history.waiting) - MAX_QUEUED_SHOWN) > 0:
        pending.append(f"_(and {more} more are waiting)_")
    lines, older = [render_message(message, characters) for message in history.messages], history.next_before
    while max_length is not None and len(lines) > 1 and len("\n\n".join([*lines, *pending])) > max_length:
        older = history.messages[len(history.messages) - len(lines) + 1].seq
        del lines[0]
    return PageView(history.title, [*lines, *pending] or ["There are no messages here yet."], older)


async def export(ingress: IngressClient, conversation: str) -> str:
    """Return the whole conversation as a Markdown text.

    Raises:
        IngressError: the conversation cannot be read.
    """
    title, messages = "", list[Message]()
    async for page in _read_pages(ingress, conversation, EXPORT_PAGE_MESSAGES, timeout=EXPORT_CALL_SECONDS):
        title, messages = title or page.title, page.messages + messages
    heading = f"# {title or 'Conversation'}\n\n"
    return heading + "\n\n".join(render_message(message) for message in messages) + "\n"


async def read_user_messages(ingress: IngressClient, conversation: str) -> dict[str, Message | Inbound]:
    """Return the newest messages of people by their platform id: answered, stored as context, running and waiting.

    They are compared with the platform after an outage, since it does not report missed edits and deletions.

    Raises:
        IngressError, TimeoutError: Restate cannot be reached.
    """
    messages: list[Message | Inbound] = []
    count = 0
    async for page in _read_pages(ingress, conversation, MAX_COMPARED, timeout=CALL_SECONDS):
        stored = [message for message in page.messages if message.role == "user" and message.status != "forgotten"]
        messages[:0] = stored
        messages += [*(page.running.question if page.running else []), *page.waiting]
        count += len(page.messages)
        if count >= MAX_COMPARED:
            break
    return {message.id: message for message in messages if message.id}


async def _read_pages(
    ingress: IngressClient, conversation: str, limit: int, *, timeout: float
) -> AsyncIterator[History]:
    """Yield the pages of a conversation, the newest first. Pages of large messages are shorter than `limit`."""
    before: int | None = None
    while True:
        request = HistoryRequest(before=before, limit=limit)
        page = await ingress.call(handlers.CHAT_GET_HISTORY, conversation, request, timeout=timeout)
        yield page
        before = page.next_before
        if before is None:
            return


def render_message(message: Message, characters: int | None = None) -> str:
    """Return a message as Markdown: author, time, status and text, cut to `characters`.

    A person's text is quoted, so that nothing in it looks like the heading of another message.
    """
    author = "Bot" if message.role == "assistant" else _author_name(message)
    details = [message.at.strftime("%Y-%m-%d %H:%M UTC")]
    if message.status not in ("answered", "noted"):
        details.append("deleted" if message.status == "forgotten" else message.status)
    if message.undelivered:
        details.append(f"undelivered: {message.undelivered}")
    if message.replaced:
        details.append("replaced")
    details += [{"up": "👍", "down": "👎"}[rating] for rating in message.feedback.values()]
    text = message.text if characters is None else truncate_markdown(message.text, characters)
    if message.role == "user":
        text = "\n".join(f"> {line}" for line in text.splitlines())
    files = "".join(f"\n(file {attachment.name})" for attachment in message.attachments)
    error = f"\n{message.error}" if message.error else ""
    return f"**{author}** · {' · '.join(details)}\n{text}{files}{error}"


def _author_name(message: Message) -> str:
    """Return a person's name on one line, with Markdown escaped, and never the name "Bot"."""
    given = message.author.name if message.author else ""
    name = re.sub(r"([\\*_~`|<>\[\]#])", r"\\\1", " ".join(given.split())) or "Person"
    return f"{name} (a person)" if re.sub(r"[^a-z]", "", given.casefold()) == "bot" else name


def truncate_markdown(text: str, max_length: int) -> str:
    """Return the beginning of a text. A code block that is cut is closed."""
    if len(text) <= max_length:
        return text
    cut = text[: max_length - 1].rstrip() + "…"
    fence = open_fence(cut)
    return f"{cut}\n{fence.closing}" if fence else cut
