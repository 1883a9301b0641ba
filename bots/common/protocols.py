"""What a platform gives the shared layer, and in which words they talk."""

from __future__ import annotations

import json
from typing import Any, Literal, Protocol

from pydantic import Field, field_validator

from chat_service.contracts import Asked, Attachment, Author, Contract, Inbound, Status, Time, is_blank
from chat_service.storage.serde import Stored
from chat_service.unicode_text import well_formed


class Gone(Exception):
    """It can never be done: the channel is archived, the bot removed, the token revoked. One line, for the operator."""


class Unclear(Exception):
    """Nobody knows whether it was done: the answer was lost on the way."""


class Later(Exception):
    """Nothing was done, and a later try may succeed."""


class Throttled(Later):
    """The platform wants a pause of so many seconds; nothing was done."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class Arrival(Contract):
    """Something that happened on the platform, as it came.

    `late` names the catch-up run that found it, by the position at which it began; empty for live events.
    """

    raw: dict[str, Any]
    late: str = ""

    @field_validator("raw")
    @classmethod
    def _can_be_said(cls, raw: dict[str, Any]) -> dict[str, Any]:
        said = json.dumps(raw, ensure_ascii=False)
        clean = well_formed(said)
        return raw if clean == said else json.loads(clean)


class Heard(Contract):
    """A message in the shared layer's words.

    Attributes:
        position: its place in the platform's order; compares as text.
        text: what the person says, with names for codes and without the bot's own name at the beginning.
        direct: whether it was said to the bot alone.
        opens: whether it is the first of its conversation.
        ours: whether it was said in a thread that the bot opened, where every message is meant for it.
        roles: the groups its author belongs to, by the platform's ids.
        parent: the scope of the channel that a thread belongs to, where a thread is a place of its own.
        unreadable: names of files that the model cannot get to see.
        own: the beginning of its author's own words, in one line, which names a thread.
        answers: what it is a reply to, if a person said that: remembered as itself.
        revised: its author has changed it since: what it says now may not be what was heard.
        other_files: whether an edit has changed the files, too; `attachments` are then all of them.
    """

    kind: Literal["said", "edited", "deleted"] = "said"
    id: str
    position: str
    text: str = ""
    author: Author | None = None
    at: Time
    attachments: list[Attachment] = Field(default_factory=list)
    mentions_bot: bool = False
    mentions_others: bool = False
    direct: bool = False
    opens: bool = False
    ours: bool = False
    roles: list[str] = Field(default_factory=list)
    parent: str = ""
    unreadable: list[str] = Field(default_factory=list)
    other_files: bool = False
    own: str = ""
    answers: Heard | None = None
    revised: bool = False

    @field_validator("text")
    @classmethod
    def _can_be_said(cls, text: str) -> str:
        return well_formed(text)

    @property
    def says_something(self) -> bool:
        """Whether there is anything to answer: words, or a file with something in it."""
        return not is_blank(self.text) or any(one.data or not is_blank(one.text or "") for one in self.attachments)

    @property
    def holds_something(self) -> bool:
        """Whether it is worth remembering: a file that nobody can read is still named."""
        return not is_blank(self.text) or bool(self.attachments)

    def inbound(self, *, expects_reply: bool = True) -> Inbound:
        """As the conversation takes it."""
        return Inbound(
            message=self.text,
            id=self.id,
            author=self.author,
            at=self.at,
            attachments=self.attachments,
            expects_reply=expects_reply,
        )


class Overheard(Contract):
    """What was said in a thread, oldest first; not `whole` when it could not be read. Before the
    position `cut` there is more than is read."""

    messages: list[Heard] = Field(default_factory=list)
    cut: str = ""
    whole: bool = True


class Ears(Protocol):
    """How the shared layer listens and talks back beside the replies. Everything but `mark` runs in durable steps.

    Any method may raise `Gone`; what else it raises is tried again.
    """

    async def hear(self, conversation: str, raw: dict[str, Any]) -> Heard | None:
        """The event in the shared layer's words; None when it is nobody's business."""
        ...

    async def earlier(self, conversation: str, heard: Heard, after: str) -> Overheard:
        """What others said in the thread after position `after` and before this message, files included: all of it,
        or what it says is cut, or it raises."""
        ...

    async def tell(self, conversation: str, heard: Heard, text: str) -> None:
        """A word to the person alone, where the platform can."""
        ...

    async def say(self, conversation: str, name: str, text: str) -> None:
        """A word to everybody in the thread; looked for by `name` before it is said a second time."""
        ...

    async def mark(self, conversation: str, heard: Heard) -> None:
        """The lossy sign that a message has arrived. Never raises."""
        ...

    async def unmark(self, conversation: str, ids: list[str], *, ours: bool = False) -> None:
        """These messages will not be answered: their signs may go; `ours`: only those that this process has put there.
        Never raises."""
        ...

    async def show_history(self, conversation: str, heard: Heard) -> None:
        """Show the person what was said, if they may read it."""
        ...

    async def may_administer(self, conversation: str, person: str) -> bool:
        """Whether the person may decide for others here, asked at this moment."""
        ...


class Spot(Contract):
    """Which turn of which conversation is delivered, and whom it answers."""

    conversation: str
    turn: int
    asked: list[Asked] = Field(default_factory=list)


class Opened(Stored):
    """The message that a reply grows in. `streaming` while the platform's own stream is open on it; not `sure` when an
    earlier try to post it, whose answer was lost, may still be committed."""

    id: str
    streaming: bool = False
    sure: bool = True


class Ending(Contract):
    """How the turn of a reply ended, for the buttons beneath it."""

    status: Status
    turn: int
    seq: int = 0
    last: bool = True


class Outlet(Protocol):
    """How a reply gets out. `find` makes posting safe: a message is looked for before it is posted a second time.

    Methods raise `Gone`, `Unclear`, or anything else for "try again".
    """

    pace: float
    """Seconds between two previews in one message."""

    def split(self, text: str) -> list[str]:
        """A finished text as the platform shows it, in parts it takes."""
        ...

    async def find(self, spot: Spot, part: int) -> Opened | None:
        """The message of this turn with this number, if it is there."""
        ...

    async def open(self, spot: Spot) -> Opened:
        """Post the message that the reply will grow in."""
        ...

    async def reopen(self, spot: Spot, opened: Opened) -> None:
        """The turn is answered anew: the old message shows so."""
        ...

    async def show(self, spot: Spot, opened: Opened, shown: str | None, text: str) -> str | None:
        """Show a preview where `shown` stands (None: nobody knows); gives what is shown now."""
        ...

    async def complete(self, spot: Spot, opened: Opened, shown: str | None, part: str, ending: Ending) -> None:
        """Let the message say `part` and nothing else. `shown` None: nobody knows what it says now. May run twice."""
        ...

    async def post(self, spot: Spot, number: int, part: str, ending: Ending) -> Opened:
        """Post a part that does not fit into the first message."""
        ...

    async def remove(self, spot: Spot, id: str) -> None:
        """Take a message away; one that is gone already is fine."""
        ...

    async def sweep(self, spot: Spot, kept: list[str]) -> None:
        """Take away what a try committed late posted beside the messages that are `kept`."""
        ...

    async def settled(self, spot: Spot, ending: Ending) -> None:
        """The lossy signs of a running turn may go. Never raises."""
        ...
