"""`Inbox`: the messages of a conversation that wait for their turn, where everyone can see them.

Adapters hand a message in here. It is kept by its id, forwarded to `Chat/message` in the same order, and lies here
until its turn takes it: so a reload still shows what waits, a waiting message can be taken back, and quick lines
become one question. A title given in mid-reply waits here as well. A caller at the bare ingress sends to
`Chat/message` and `Chat/rename` directly and needs none of this.
"""

from __future__ import annotations

from datetime import timedelta

from restate import ObjectContext, ObjectSharedContext, TerminalError, VirtualObject

from chat_service import keys, runtime
from chat_service.contracts import Accepted, Contract, Entry, Inbound, RenameRequest, WithdrawRequest
from chat_service.contracts.validation_errors import validation_errors_as_text
from chat_service.objects import directory, invocation_policy
from chat_service.objects.chat_client import send_to_chat
from chat_service.storage.clock import now
from chat_service.storage.serde import StateRecord, set_record

MAX_WAITING = 100
MAX_WAITING_CHARACTERS = 4 * 1024 * 1024
"""Of all that waits together: one answer of the engine takes 32 MiB, and whoever asks what waits gets all of it."""
MAX_QUESTION_CHARACTERS = 512 * 1024
"""Of the lines that become one question: it lies in the preloaded state while it is answered."""

queue = VirtualObject(
    "Inbox",
    description="Messages that wait for their turn.",
    state_preload=False,
    invocation_retry_policy=invocation_policy.PATIENT,
    invocation_context_managers=[validation_errors_as_text],
    idempotency_retention=invocation_policy.DAY,
    journal_retention=invocation_policy.BRIEF,
)


class QueueState(StateRecord):
    """The ids of what waits, in order, and whether quick lines become one question (as Chat last said).

    `taken` was handed to Chat last. It lies here until the next is taken: between our answer and the moment when
    Chat has written it down, it would be nowhere to be seen. `swaps`: a ticket that overtook (quick lines are held
    back a moment, what follows may not be) took the head of the line; the head's own ticket stands for it then, or for
    whoever has overtaken that one.
    `withdrawn`: the last ids that were taken back. A platform may tell of one again before its ticket has told Chat.
    `characters` is how much was accepted since the line was empty last.
    """

    ids: list[str] = []
    taken: list[str] = []
    withdrawn: list[str] = []
    swaps: dict[str, str] = {}
    characters: int = 0
    together: bool | None = None


class QueuedMessage(StateRecord):
    """One waiting message."""

    inbound: Inbound


class TakeRequest(Contract):
    """The ticket whose turn it is, and whether lines of the same question come along."""

    id: str
    together: bool


class QueuedMessages(Contract):
    """Messages, in the order in which they were accepted, and the title that waits with them. `again`: they were
    handed out before."""

    messages: list[Inbound] = []
    title: str = ""
    again: bool = False


@queue.handler()
async def accept(ctx: ObjectContext, inbound: Inbound) -> Accepted:
    """Take a message in and forward it. Never waits for a running turn.

    Raises:
        TerminalError: 400 without an id, which is what it is found by; 429 when too many wait already.
    """
    if inbound.id is None:
        raise TerminalError("a message in the Inbox needs an id", status_code=400)
    line = await ctx.get("line", type_hint=QueueState) or QueueState()
    if inbound.at is None:
        inbound.at, inbound.undated = await now(ctx), True
    if inbound.gathered:  # it was not known here yet, or the first line would be answered without the others
        line.together = True
    duplicate = inbound.id in line.ids or inbound.id in line.withdrawn
    if not duplicate:
        if len(line.ids) >= MAX_WAITING:
            raise TerminalError(
                f"{MAX_WAITING} messages wait here already: let some be answered first", status_code=429
            )
        line.characters = line.characters if line.ids else 0
        if line.ids and line.characters + inbound.size > MAX_WAITING_CHARACTERS:
            raise TerminalError("too much text waits here already: let some be answered first", status_code=429)
        line.characters += inbound.size
        line.ids.append(inbound.id)
        set_record(ctx, _slot(inbound.id), QueuedMessage(inbound=inbound))
        set_record(ctx, "line", line)
    ticket = Inbound(
        id=inbound.id,
        at=inbound.at,
        undated=inbound.undated,
        author=inbound.author,
        expects_reply=inbound.expects_reply,
        queued=True,
    )
    # What comes behind a question that still waits for more lines waits as long, or it would overtake it.
    gathers = inbound.expects_reply and inbound.replaces is None
    pause = _gathers(ctx, line) and (gathers or line.ids[:1] != [inbound.id])
    delay = timedelta(seconds=runtime.current().settings.burst_pause_seconds) if pause else None
    sent = send_to_chat(ctx, ctx.key(), "message", ticket, delay)
    place = line.ids.index(inbound.id) if inbound.id in line.ids else 0
    return Accepted(invocation=await sent.invocation_id(), place=place, duplicate=duplicate)


@queue.handler(ingress_private=True)
async def take(ctx: ObjectContext, request: TakeRequest) -> QueuedMessages:
    """Hand over the head of the line; nothing, when the ticket's message was withdrawn or answered."""
    line = await ctx.get("line", type_hint=QueueState) or QueueState()
    named = request.id
    while named in line.swaps:
        named = line.swaps.pop(named)
    if named not in line.ids:
        set_record(ctx, "line", line)
        # A ticket that is started again, its code being gone, had its message already, which Chat may never have seen.
        again = line.taken if named in line.taken else []
        found = [await ctx.get(_slot(message_id), type_hint=QueuedMessage) for message_id in again]
        return QueuedMessages(messages=[one.inbound for one in found if one], again=True)
    head = line.ids[0]
    if head != named:
        line.swaps[head] = named
    _let_go(ctx, line)
    taken: list[Inbound] = []
    size = 0
    for message_id in list(line.ids):
        waiting = await ctx.get(_slot(message_id), type_hint=QueuedMessage)
        if waiting is None:
            line.ids.remove(message_id)
            continue
        size += waiting.inbound.size
        more = request.together and size <= MAX_QUESTION_CHARACTERS
        if message_id == head or (taken and more and _continues(taken[0], waiting.inbound)):
            taken.append(waiting.inbound)
            line.ids.remove(message_id)
            line.taken.append(message_id)
        elif taken:
            break
    line.together = request.together
    set_record(ctx, "line", line)
    return QueuedMessages(messages=taken)


@queue.handler(ingress_private=True)
async def release_taken(ctx: ObjectContext) -> None:
    """Chat needs no more of what it has taken."""
    line = await ctx.get("line", type_hint=QueueState) or QueueState()
    _let_go(ctx, line)
    set_record(ctx, "line", line)


@queue.handler(kind="shared", journal_retention=invocation_policy.BRIEF, idempotency_retention=invocation_policy.BRIEF)
async def waiting(ctx: ObjectSharedContext) -> QueuedMessages:
    """What waits, in order; first what was taken last, which the reader drops once Chat shows it."""
    line = await ctx.get("line", type_hint=QueueState) or QueueState()
    found = [await ctx.get(_slot(message_id), type_hint=QueuedMessage) for message_id in (*line.taken, *line.ids)]
    title = await ctx.get("title", type_hint=str) or ""
    return QueuedMessages(messages=[one.inbound for one in found if one], title=title)


@queue.handler()
async def rename(ctx: ObjectContext, request: RenameRequest) -> None:
    """Give a title that shows at once. `Chat` takes it when its running turn has ended; a repeat gives it again."""
    ctx.set("title", request.title)
    if (key := keys.parse(ctx.key())) is not None:
        entry = Entry(conversation=ctx.key(), title=request.title, at=await now(ctx))
        for owner in key.directories():
            ctx.object_send(directory.touch, owner, entry)
    send_to_chat(ctx, ctx.key(), "rename", request)


@queue.handler(ingress_private=True)
async def renamed(ctx: ObjectContext, request: RenameRequest) -> None:
    """`Chat` has this title, so it waits no longer; one that was given after it does."""
    if await ctx.get("title", type_hint=str) == request.title:
        ctx.clear("title")


@queue.handler(idempotency_retention=invocation_policy.BRIEF)
async def withdraw(ctx: ObjectContext, request: WithdrawRequest) -> QueuedMessages:
    """Take back what waits; what has become a turn already is left to `Chat/stop`."""
    line = await ctx.get("line", type_hint=QueueState) or QueueState()
    taken: list[Inbound] = []
    for message_id in list(line.ids):
        waiting = await ctx.get(_slot(message_id), type_hint=QueuedMessage)
        if waiting is None or not _named(waiting.inbound, request):
            continue
        taken.append(waiting.inbound)
        line.ids.remove(message_id)
        line.withdrawn = [*line.withdrawn, message_id][-MAX_WAITING:]
        ctx.clear(_slot(message_id))
    if request.id is None:
        _let_go(ctx, line)  # a forget withdraws everything: no text may stay behind
    if request.all:
        ctx.clear("title")
    set_record(ctx, "line", line)
    return QueuedMessages(messages=taken)


def _named(inbound: Inbound, request: WithdrawRequest) -> bool:
    author = inbound.author.id if inbound.author else None
    return request.all or inbound.id == request.id or (request.author is not None and request.author == author)


def _let_go(ctx: ObjectContext, line: QueueState) -> None:
    for message_id in line.taken:
        if message_id not in line.ids:  # a repeat of it may wait again
            ctx.clear(_slot(message_id))
    line.taken = []


def _continues(first: Inbound, later: Inbound) -> bool:
    """Whether a later line belongs to the same question: its author asked it too. A note keeps its own place, and so
    does a question in other words."""
    if first.replaces or later.replaces:
        return False
    same = (first.author and first.author.id) == (later.author and later.author.id)
    return same and first.expects_reply and later.expects_reply


def _gathers(ctx: ObjectContext, line: QueueState) -> bool:
    if line.together is not None:
        return line.together
    burst = runtime.current().settings.burst
    return burst == "together" or (burst is None and keys.parse(ctx.key()) is not None)


def _slot(message_id: str) -> str:
    return f"waiting:{message_id}"
