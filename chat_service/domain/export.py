"""Export a conversation as a document: Markdown for people, JSON for machines. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from chat_service.contracts import Attachment, History, Message


def as_json(conversation: str, title: str, messages: Sequence[Message]) -> str:
    """Return everything that is stored, as a `History`."""
    history = History(title=title, messages=list(messages))
    body = history.model_dump_json(indent=2, exclude_defaults=True, exclude={"running", "waiting", "version"})
    return body if body != "{}" else '{"messages": []}'


def as_markdown(conversation: str, title: str, messages: Sequence[Message]) -> str:
    """Return the messages (author, time, text) that are shown and not deleted. The key replaces a missing title."""
    parts = [f"# {_one_line(title) or conversation}"]
    parts += [_format_message(m) for m in messages if not m.replaced and m.status != "forgotten"]
    return "\n\n".join(parts) + "\n"


def without_attachment_content(messages: Sequence[Message]) -> list[Message]:
    """Return the messages without the inline content of attachments, of which Markdown shows only the names."""
    update = {"text": None, "data": None}
    return [
        m.model_copy(update={"attachments": [a.model_copy(update=update) for a in m.attachments]}) for m in messages
    ]


def _format_message(message: Message) -> str:
    name = _one_line(message.author.name) if message.author else ""
    author = "Assistant" if message.role == "assistant" else name or "Person"
    labels = [message.at.strftime("%Y-%m-%d %H:%M UTC")]
    if message.status not in ("answered", "noted"):
        labels.append(message.status)
    if message.cut:
        labels.append("cut off")
    body = [f"### {author} · {' · '.join(labels)}", *([message.text] if message.text else [])]
    body += [f"> {_one_line(message.error)}"] if message.error else []
    body += [_format_attachment(a) for a in message.attachments]
    return "\n\n".join(body)


def _format_attachment(attachment: Attachment) -> str:
    name = _one_line(attachment.name)
    return f"*Attached: [{name}]({attachment.url})*" if attachment.url else f"*Attached: {name}*"


def _one_line(text: str) -> str:
    return " ".join(text.split())
