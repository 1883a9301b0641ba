"""`Handover`: a note that is given out once, and soon or never; keyed by a name that cannot be guessed.

What lies in it is sealed by whoever left it, since the engine's state and journal are no place for secrets.
"""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field
from restate import ObjectContext, ObjectSharedContext, TerminalError, VirtualObject

from chat_service.contracts import Contract
from chat_service.contracts.validation_errors import validation_errors_as_text
from chat_service.objects import invocation_policy
from chat_service.storage.serde import StateRecord, set_record

handover = VirtualObject(
    "Handover",
    description="A sealed note that is given out once, within its time.",
    invocation_retry_policy=invocation_policy.PATIENT,
    invocation_context_managers=[validation_errors_as_text],
    journal_retention=invocation_policy.NONE,
    idempotency_retention=invocation_policy.BRIEF,
)


class Note(Contract):
    """What is left, and for how long."""

    sealed: str = Field(min_length=1, max_length=1000)
    seconds: int = Field(default=600, ge=1, le=3600)


class Kept(StateRecord):
    """The note, as it lies in state."""

    sealed: str = ""


@handover.handler()
async def leave(ctx: ObjectContext, note: Note) -> None:
    """Leave a note; a durable timer takes it away."""
    set_record(ctx, "note", Kept(sealed=note.sealed))
    ctx.object_send(expire, ctx.key(), arg=None, send_delay=timedelta(seconds=note.seconds))


@handover.handler()
async def take(ctx: ObjectContext) -> Note:
    """The note, for the first who asks.

    Raises:
        TerminalError: 404 when it was taken already, or its time is over.
    """
    note = await _there(ctx)
    ctx.clear("note")
    return note


@handover.handler(kind="shared")
async def look(ctx: ObjectSharedContext) -> Note:
    """The note, which stays for who takes it.

    Raises:
        TerminalError: 404 when it was taken already, or its time is over.
    """
    return await _there(ctx)


async def _there(ctx: ObjectContext | ObjectSharedContext) -> Note:
    kept = await ctx.get("note", type_hint=Kept)
    if kept is None:
        raise TerminalError("it was taken already, or its time is over", status_code=404)
    return Note(sealed=kept.sealed)


@handover.handler(ingress_private=True)
async def expire(ctx: ObjectContext) -> None:
    """The time is over."""
    ctx.clear("note")
