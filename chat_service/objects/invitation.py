"""`Invitation`: a sealed text that is handed out once within its time; keyed by a name that cannot be guessed.

The caller seals the text, because Restate's state and journal are no place for secrets.
"""

from __future__ import annotations

from datetime import timedelta

from restate import ObjectContext, ObjectSharedContext, TerminalError

from chat_service import handlers
from chat_service.calls import send
from chat_service.contracts.invitation import Invitation
from chat_service.storage.record import StateRecord
from chat_service.storage.serde import set_record


class StoredInvitation(StateRecord):
    """The invitation in state."""

    sealed: str = ""


async def create(ctx: ObjectContext, request: Invitation) -> None:
    """Store an invitation; a durable timer deletes it after `seconds`."""
    set_record(ctx, "invitation", StoredInvitation(sealed=request.sealed))
    send(ctx, handlers.INVITATION_EXPIRE, ctx.key(), None, timedelta(seconds=request.seconds))


async def take(ctx: ObjectContext) -> Invitation:
    """Return the invitation and delete it.

    Raises:
        TerminalError: 404 when it was taken or has expired.
    """
    stored = await _load(ctx)
    ctx.clear("invitation")
    return stored


async def get(ctx: ObjectSharedContext) -> Invitation:
    """Return the invitation and keep it.

    Raises:
        TerminalError: 404 when it was taken or has expired.
    """
    return await _load(ctx)


async def expire(ctx: ObjectContext) -> None:
    """Delete the invitation when its time is over."""
    ctx.clear("invitation")


async def _load(ctx: ObjectContext | ObjectSharedContext) -> Invitation:
    stored = await ctx.get("invitation", type_hint=StoredInvitation)
    if stored is None:
        raise TerminalError("it was taken already, or its time is over", status_code=404)
    return Invitation(sealed=stored.sealed)
