"""How one message changes, wherever it lies: edited, judged, or forgotten with the replies that may quote it."""

from __future__ import annotations

from chat_service.contracts import Attachment, Contract, Message, Rating


class Revision(Contract):
    """A change of one message, named by its platform id or its sequence number."""

    id: str | None = None
    seq: int | None = None
    text: str | None = None
    attachments: list[Attachment] | None = None
    forget: bool = False
    person: str = ""
    verdict: Rating | None = None

    def names(self, message: Message) -> bool:
        """Whether it is this message that changes."""
        return message.seq == self.seq if self.seq is not None else message.id == self.id


class Revised(Contract):
    """The turn of the message that was changed; 0: none was."""

    turn: int = 0


def apply_revision(messages: list[Message], revision: Revision) -> Message | None:
    """Change the message that is named, in its list; gives it, None when it is not there. With a question go
    the replies to it."""
    for number, message in enumerate(messages):
        if revision.names(message):
            messages[number] = revise_message(message, revision)
            if revision.forget and message.role == "user":
                forget_replies(messages, message.turn)
            return message
    return None


def forget_replies(messages: list[Message], turn: int) -> bool:
    """Forget the replies of a turn of whose question nothing stands any more: they may quote it. Whether any went."""
    held = [one for one in messages if one.turn == turn and one.status != "forgotten"]
    if any(one.role == "user" for one in held):
        return False
    messages[:] = [revise_message(one, Revision(forget=True)) if one.turn == turn else one for one in messages]
    return bool(held)


def revise_message(message: Message, revision: Revision) -> Message:
    """The message after the change."""
    if revision.forget:
        return message.model_copy(update={"text": "", "attachments": [], "status": "forgotten"})
    if revision.person:
        others = {who: said for who, said in message.feedback.items() if who != revision.person}
        said = {revision.person: revision.verdict} if revision.verdict else {}
        return message.model_copy(update={"feedback": {**others, **said}})
    if revision.text is None or message.status == "forgotten":
        return message
    attachments = message.attachments if revision.attachments is None else revision.attachments
    return message.model_copy(update={"text": revision.text, "attachments": attachments})
