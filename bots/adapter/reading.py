"""What a person sees of a conversation's history: the same pages on every platform."""

from __future__ import annotations

from dataclasses import dataclass

from bots.adapter.splitting import open_fence
from chat_service.contracts import History, HistoryRequest, Message
from chat_service.ingress import IngressClient

PAGE = 10
EXPORT_PAGE = 200
EXCERPT = 600


@dataclass(frozen=True, slots=True)
class PageView:
    """A page in words: lines of Markdown, and where the older ones begin (None: there are none)."""

    title: str
    lines: list[str]
    older: int | None


async def page(
    ingress: IngressClient, key: str, before: int | None = None, *, limit: int = PAGE, excerpt: int = EXCERPT
) -> PageView:
    """A page of a conversation, oldest first: `limit` messages, each cut to `excerpt` characters.

    Raises:
        IngressError: when the conversation cannot be read.
    """
    request = HistoryRequest(before=before, limit=limit)
    history = await ingress.call("Chat", key, "get_history", request, History, timeout=10)
    shown = [line_of(m, excerpt) for m in history.messages]
    if history.running:
        shown += [line_of(m, excerpt) for m in history.running.question] + ["_(being answered)_"]
    shown += [f"_(waiting)_ {one.message[:excerpt]}" for one in history.waiting]
    return PageView(history.title, shown or ["There is nothing here yet."], history.next_before)


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
    """A message in words: who, when, what, and what became of it."""
    who = "Bot" if message.role == "assistant" else (message.author and message.author.name) or "Person"
    marks = [message.at.strftime("%Y-%m-%d %H:%M UTC")]
    if message.status not in ("answered", "noted"):
        marks.append("deleted" if message.status == "forgotten" else message.status)
    if message.undelivered:
        marks.append(f"undelivered: {message.undelivered}")
    if message.replaced:
        marks.append("replaced")
    marks += [{"up": "👍", "down": "👎"}[one] for one in message.feedback.values()]
    text = message.text if most is None else shortened(message.text, most)
    files = "".join(f"\n(file {one.name})" for one in message.attachments)
    error = f"\n{message.error}" if message.error else ""
    return f"**{who}** · {' · '.join(marks)}\n{text}{files}{error}"


def shortened(text: str, most: int) -> str:
    """The beginning of a text; what is cut in the middle of a code block leaves none open."""
    if len(text) <= most:
        return text
    cut = text[: most - 1].rstrip() + "…"
    fence = open_fence(cut)
    return f"{cut}\n{fence.closing}" if fence else cut
