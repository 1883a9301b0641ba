"""What a person sees of a conversation's history: the same pages on every platform."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bots.common.split import open_fence
from chat_service.contracts import History, HistoryRequest, Message
from chat_service.ingress import IngressClient

PAGE = 10
EXPORT_PAGE = 200
EXCERPT = 600
MOST_NOW = 2
"""Questions that are being answered, and that wait, of which a page shows the words."""


@dataclass(frozen=True, slots=True)
class PageView:
    """A page in words: lines of Markdown, and where the older ones begin (None: there are none)."""

    title: str
    lines: list[str]
    older: int | None


async def page(
    ingress: IngressClient,
    key: str,
    before: int | None = None,
    *,
    limit: int = PAGE,
    excerpt: int = EXCERPT,
    room: int | None = None,
) -> PageView:
    """A page of a conversation, oldest first: `limit` messages, each cut to `excerpt` characters. What does not fit
    into `room` characters, with a blank line between two, is left to the older page.

    Raises:
        IngressError: when the conversation cannot be read.
    """
    request = HistoryRequest(before=before, limit=limit)
    history = await ingress.call("Chat", key, "get_history", request, History, timeout=10)
    now: list[str] = []
    if history.running:
        now += [line_of(m, excerpt) for m in history.running.question[-MOST_NOW:]] + ["_(being answered)_"]
    now += [f"_(waiting)_ {shortened(one.message, excerpt)}" for one in history.waiting[:MOST_NOW]]
    if (more := len(history.waiting) - MOST_NOW) > 0:
        now.append(f"_(and {more} more wait)_")
    shown, older = [line_of(m, excerpt) for m in history.messages], history.next_before
    while room is not None and len(shown) > 1 and len("\n\n".join([*shown, *now])) > room:
        older = history.messages[len(history.messages) - len(shown) + 1].seq
        del shown[0]
    return PageView(history.title, [*shown, *now] or ["There is nothing here yet."], older)


async def export(ingress: IngressClient, key: str) -> str:
    """The whole conversation as a Markdown text.

    Raises:
        IngressError: when the conversation cannot be read.
    """
    request = HistoryRequest(limit=EXPORT_PAGE)
    whole = await ingress.call("Chat", key, "get_history", request, History, timeout=30)
    messages, before = whole.messages, whole.next_before
    while before is not None:
        request = HistoryRequest(limit=EXPORT_PAGE, before=before)
        older = await ingress.call("Chat", key, "get_history", request, History, timeout=30)
        messages, before = older.messages + messages, older.next_before
    head = f"# {whole.title or 'Conversation'}\n\n"
    return head + "\n\n".join(line_of(m) for m in messages) + "\n"


def line_of(message: Message, most: int | None = None) -> str:
    """A message in words: who, when, what, and what became of it. What a person said is a quote, so that nothing in it
    looks like the head of another message."""
    who = "Bot" if message.role == "assistant" else _named(message)
    marks = [message.at.strftime("%Y-%m-%d %H:%M UTC")]
    if message.status not in ("answered", "noted"):
        marks.append("deleted" if message.status == "forgotten" else message.status)
    if message.undelivered:
        marks.append(f"undelivered: {message.undelivered}")
    if message.replaced:
        marks.append("replaced")
    marks += [{"up": "👍", "down": "👎"}[one] for one in message.feedback.values()]
    text = message.text if most is None else shortened(message.text, most)
    if message.role == "user":
        text = "\n".join(f"> {line}" for line in text.splitlines())
    files = "".join(f"\n(file {one.name})" for one in message.attachments)
    error = f"\n{message.error}" if message.error else ""
    return f"**{who}** · {' · '.join(marks)}\n{text}{files}{error}"


def _named(message: Message) -> str:
    """A person's name in one line, without marks of Markdown, and never the bot's."""
    given = message.author.name if message.author else ""
    name = re.sub(r"([\\*_~`|<>\[\]#])", r"\\\1", " ".join(given.split())) or "Person"
    return f"{name} (a person)" if re.sub(r"[^a-z]", "", given.casefold()) == "bot" else name


def shortened(text: str, most: int) -> str:
    """The beginning of a text; what is cut in the middle of a code block leaves none open."""
    if len(text) <= most:
        return text
    cut = text[: most - 1].rstrip() + "…"
    fence = open_fence(cut)
    return f"{cut}\n{fence.closing}" if fence else cut
