"""Changes of one stored message: edit, feedback, or deletion together with the replies that may quote it."""

from __future__ import annotations

from chat_service.contracts import Message
from chat_service.contracts.transcript import Revision


def apply_revision(messages: list[Message], revision: Revision) -> Message | None:
    """Change the named message in `messages`, and delete the replies to a deleted question.

    Returns the message as it was before, or None when it is not in the list.
    """
    for index, message in enumerate(messages):
        if revision.matches(message):
            messages[index] = revise_message(message, revision)
            if revision.forget and message.role == "user":
                forget_replies(messages, message.turn)
            return message
    return None


def forget_replies(messages: list[Message], turn: int) -> bool:
    """Delete the replies of a turn without a remaining question: they may quote it. Returns whether there were any."""
    remaining = [m for m in messages if m.turn == turn and m.status != "forgotten"]
    if any(m.role == "user" for m in remaining):
        return False
    messages[:] = [revise_message(m, Revision(forget=True)) if m.turn == turn else m for m in messages]
    return bool(remaining)


def revise_message(message: Message, revision: Revision) -> Message:
    """Return the message after the change."""
    if revision.forget:
        return message.model_copy(update={"text": "", "attachments": [], "status": "forgotten"})
    if revision.person:
        feedback = {person: value for person, value in message.feedback.items() if person != revision.person}
        if revision.rating:
            feedback[revision.person] = revision.rating
        return message.model_copy(update={"feedback": feedback})
    if revision.text is None or message.status == "forgotten":
        return message
    attachments = message.attachments if revision.attachments is None else revision.attachments
    return message.model_copy(update={"text": revision.text, "attachments": attachments})
