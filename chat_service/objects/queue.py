"""`Queue`: the messages of a conversation that wait for their turn, readable by everyone.

Bots add a message here. It is stored under its id and sent on to `Chat/message` in the same order, and stays here
until its turn takes it. So a reload still shows what waits, a waiting message can be withdrawn or edited, and messages
in quick succession become one question. A title that is given during a turn waits here as well.

Callers that use `Chat/message` and `Chat/rename` directly need none of this.
"""

from __future__ import annotations

from datetime import timedelta

from restate import ObjectContext, ObjectSharedContext, TerminalError

from chat_service import handlers, keys, runtime
from chat_service.calls import send
from chat_service.contracts import (
    AcceptedMessage,
    DirectoryEntry,
    EditRequest,
    Inbound,
    RedactRequest,
    RenameRequest,
    WithdrawRequest,
    is_blank,
)
from chat_service.contracts.queue import QueuedMessages, TakeRequest
from chat_service.objects.queue_state import (
    QueuedMessage,
    QueueState,
    delete_taken,
    load_message,
    load_state,
    message_key,
    remove_message,
)
from chat_service.storage.clock import now
from chat_service.storage.serde import set_record

MAX_WAITING = 100
MAX_WAITING_CHARACTERS = 4 * 1024 * 1024
"""Of all waiting messages together: one result of Restate may have 32 MiB, and readers get all of them."""
MAX_QUESTION_CHARACTERS = 512 * 1024
"""Of the messages that become one question: it is part of the preloaded state while it is answered."""


async def add(ctx: ObjectContext, inbound: Inbound) -> AcceptedMessage:
    """Store a message and send it on to `Chat`. Never waits for a running turn.

    Raises:
        TerminalError: 400 when the message has no id; 429 when too many messages wait already.
    """
    if inbound.id is None:
        raise TerminalError("a message in the queue needs an id", status_code=400)
    state = await load_state(ctx)
    if inbound.at is None:
        inbound.at, inbound.undated = await now(ctx), True
    if inbound.gathered:  # `Chat` decided so; without this the first message would be answered alone
        state.together = True
    duplicate = inbound.id in state.ids or inbound.id in state.withdrawn
    if not duplicate:
        _store(ctx, state, inbound.id, inbound)
    request = Inbound(
        id=inbound.id,
        at=inbound.at,
        undated=inbound.undated,
        author=inbound.author,
        expects_reply=inbound.expects_reply,
        queued=True,
    )
    # A message behind a question that waits for more messages is delayed as well, or it would overtake the question.
    is_gathered = inbound.expects_reply and inbound.replaces is None
    is_delayed = _gathers(ctx, state) and (is_gathered or state.ids[:1] != [inbound.id])
    delay = timedelta(seconds=runtime.current().settings.burst_pause_seconds) if is_delayed else None
    sent = send(ctx, handlers.CHAT_MESSAGE, ctx.key(), request, delay)
    place = state.ids.index(inbound.id) if inbound.id in state.ids else 0
    return AcceptedMessage(invocation=await sent.invocation_id(), place=place, duplicate=duplicate)


def _store(ctx: ObjectContext, state: QueueState, message_id: str, inbound: Inbound) -> None:
    if len(state.ids) >= MAX_WAITING:
        raise TerminalError(f"{MAX_WAITING} messages wait here already: let some be answered first", status_code=429)
    state.characters = state.characters if state.ids else 0
    if state.ids and state.characters + inbound.size > MAX_WAITING_CHARACTERS:
        raise TerminalError("too much text waits here already: let some be answered first", status_code=429)
    state.characters += inbound.size
    state.ids.append(message_id)
    set_record(ctx, message_key(message_id), QueuedMessage(inbound=inbound))
    set_record(ctx, "queue", state)


async def take(ctx: ObjectContext, request: TakeRequest) -> QueuedMessages:
    """Take the first message; none when the requested message was withdrawn or answered."""
    state = await load_state(ctx)
    wanted = request.id
    while wanted in state.swaps:
        wanted = state.swaps.pop(wanted)
    if wanted not in state.ids:
        set_record(ctx, "queue", state)
        # A `Chat/message` that was restarted, because its code version is gone, took its message already. `Chat` may
        # not have stored it.
        again = state.taken if wanted in state.taken else []
        found = [await load_message(ctx, message_id) for message_id in again]
        return QueuedMessages(messages=[message.inbound for message in found if message], again=True)
    first = state.ids[0]
    if first != wanted:
        state.swaps[first] = wanted
    delete_taken(ctx, state)
    taken = await _take_question(ctx, state, first, together=request.together)
    state.together = request.together
    set_record(ctx, "queue", state)
    return QueuedMessages(messages=taken)


async def _take_question(ctx: ObjectContext, state: QueueState, first: str, *, together: bool) -> list[Inbound]:
    """Move `first`, and the messages that continue its question, from `ids` to `taken`."""
    taken: list[Inbound] = []
    size = 0
    for message_id in list(state.ids):
        waiting = await load_message(ctx, message_id)
        if waiting is None:
            state.ids.remove(message_id)
            continue
        size += waiting.inbound.size
        has_room = together and size <= MAX_QUESTION_CHARACTERS
        if message_id == first or (taken and has_room and _continues(taken[0], waiting.inbound)):
            taken.append(waiting.inbound)
            state.ids.remove(message_id)
            state.taken.append(message_id)
        elif taken:
            break
    return taken


async def release_taken(ctx: ObjectContext) -> None:
    """Delete the messages that `Chat` took last and has stored."""
    state = await load_state(ctx)
    delete_taken(ctx, state)
    set_record(ctx, "queue", state)


async def get_waiting(ctx: ObjectSharedContext) -> QueuedMessages:
    """Return the messages that were taken last, then the waiting ones in order.

    Readers drop the taken messages once `Chat` shows them.
    """
    state = await load_state(ctx)
    found = [await load_message(ctx, message_id) for message_id in (*state.taken, *state.ids)]
    title = await ctx.get("title", type_hint=str) or ""
    return QueuedMessages(messages=[message.inbound for message in found if message], title=title)


async def withdraw(ctx: ObjectContext, request: WithdrawRequest) -> QueuedMessages:
    """Remove waiting messages and return them. A message that is being answered is left to `Chat/stop`."""
    state = await load_state(ctx)
    withdrawn: list[Inbound] = []
    for message_id in list(state.ids):
        waiting = await load_message(ctx, message_id)
        if waiting is None or not _is_named(waiting.inbound, request):
            continue
        withdrawn.append(waiting.inbound)
        state.ids.remove(message_id)
        state.withdrawn = [*state.withdrawn, message_id][-MAX_WAITING:]
        ctx.clear(message_key(message_id))
    if request.id is None:
        delete_taken(ctx, state)  # a deletion withdraws everything: no text may be left
    if request.all:
        ctx.clear("title")
    set_record(ctx, "queue", state)
    return QueuedMessages(messages=withdrawn)


async def edit(ctx: ObjectContext, request: EditRequest) -> None:
    """Replace a message's text, whether it waits, is being answered or was answered. Never waits for a running turn.

    A waiting message whose new text is empty is withdrawn: an empty question has no answer.
    """
    waiting = await load_message(ctx, request.id)
    if waiting is not None:
        attachments = waiting.inbound.attachments if request.attachments is None else request.attachments
        if is_blank(request.message) and not attachments:
            await remove_message(ctx, request.id)
        else:
            changes = {"message": request.message, "attachments": attachments}
            waiting.inbound = waiting.inbound.model_copy(update=changes)
            set_record(ctx, message_key(request.id), waiting)
    send(ctx, handlers.CHAT_EDIT, ctx.key(), request)


async def redact(ctx: ObjectContext, request: RedactRequest) -> None:
    """Delete a message wherever it is stored; one that waits is withdrawn. Never waits for a running turn."""
    await remove_message(ctx, request.id)
    send(ctx, handlers.CHAT_REDACT, ctx.key(), request)


async def rename(ctx: ObjectContext, request: RenameRequest) -> None:
    """Set a title that shows at once. `Chat` takes it when its running turn has ended. Idempotent."""
    ctx.set("title", request.title)
    if (key := keys.parse(ctx.key())) is not None:
        entry = DirectoryEntry(conversation=ctx.key(), title=request.title, at=await now(ctx))
        for owner in key.directories():
            send(ctx, handlers.DIRECTORY_UPDATE, owner, entry)
    send(ctx, handlers.CHAT_RENAME, ctx.key(), request)


async def confirm_rename(ctx: ObjectContext, request: RenameRequest) -> None:
    """Remove the waiting title that `Chat` has taken, unless a newer one waits."""
    if await ctx.get("title", type_hint=str) == request.title:
        ctx.clear("title")


def _is_named(inbound: Inbound, request: WithdrawRequest) -> bool:
    author = inbound.author.id if inbound.author else None
    return request.all or inbound.id == request.id or (request.author is not None and request.author == author)


def _continues(first: Inbound, later: Inbound) -> bool:
    """Return whether a later message belongs to the same question: the same author asked it.

    A note and a question in other words (`replaces`) always stand alone.
    """
    if first.replaces or later.replaces:
        return False
    is_same_author = (first.author and first.author.id) == (later.author and later.author.id)
    return is_same_author and first.expects_reply and later.expects_reply


def _gathers(ctx: ObjectContext, state: QueueState) -> bool:
    if state.together is not None:
        return state.together
    burst = runtime.current().settings.burst
    return burst == "together" or (burst is None and keys.parse(ctx.key()) is not None)
