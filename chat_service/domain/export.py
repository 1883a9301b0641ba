"""A conversation as a document: Markdown for people, JSON for machines. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from chat_service.contracts import Attachment, History, Message


def as_json(conversation: str, title: str, messages: Sequence[Message]) -> str:
    """Everything that is kept, as a `History` with its key."""
    whole = History(title=title, messages=list(messages))
    body = whole.model_dump_json(indent=2, exclude_defaults=True, exclude={"running", "waiting", "version"})
    return body if body != "{}" else '{"messages": []}'


def as_markdown(conversation: str, title: str, messages: Sequence[Message]) -> str:
    """What was said, by whom and when; replaced replies are left out."""
    parts = [f"# {_line(title) or conversation}"]
    parts += [_message(m) for m in messages if not m.replaced and m.status != "forgotten"]
    return "\n\n".join(parts) + "\n"


def without_attachment_content(messages: Sequence[Message]) -> list[Message]:
    """The messages with no more of their inline attachments than Markdown shows: their names."""
    bare = {"text": None, "data": None}
    return [m.model_copy(update={"attachments": [a.model_copy(update=bare) for a in m.attachments]}) for m in messages]


def _message(message: Message) -> str:
    who = (
        "Assistant" if message.role == "assistant" else _line(message.author.name if message.author else "") or "Person"
    )
    marks = [message.at.strftime("%Y-%m-%d %H:%M UTC")]
    if message.status not in ("answered", "noted"):
        marks.append(message.status)
    if message.cut:
        marks.append("cut off")
    body = [f"### {who} · {' · '.join(marks)}", *([message.text] if message.text else [])]
    body += [f"> {_line(message.error)}"] if message.error else []
    body += [_attachment(a) for a in message.attachments]
    return "\n\n".join(body)


def _attachment(attachment: Attachment) -> str:
    name = _line(attachment.name)
    return f"*Attached: [{name}]({attachment.url})*" if attachment.url else f"*Attached: {name}*"


def _line(text: str) -> str:
    return " ".join(text.split())
