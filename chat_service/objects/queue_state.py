"""The state of `Queue`: the order of the waiting messages under `queue`, each message under `message:{id}`."""

from __future__ import annotations

from restate import ObjectContext, ObjectSharedContext

from chat_service.contracts import Inbound
from chat_service.storage.record import StateRecord
from chat_service.storage.serde import set_record


class QueueState(StateRecord):
    """The order of the waiting messages.

    Attributes:
        ids: ids of the waiting messages, in order.
        taken: ids that were handed to `Chat` last. They are kept until the next take: between that result and the
            moment when `Chat` has stored them, readers would not find them anywhere.
        withdrawn: the last ids that were withdrawn. A platform may send one again before `Chat` knows of it.
        swaps: `Chat/message` calls that took another message than their own. A call may overtake another one, because
            gathered messages are delayed; it then takes the first message, and the overtaken call takes this one's.
        characters: characters that were accepted since the queue was last empty.
        together: whether messages in quick succession become one question, as `Chat` last said.
    """

    ids: list[str] = []
    taken: list[str] = []
    withdrawn: list[str] = []
    swaps: dict[str, str] = {}
    characters: int = 0
    together: bool | None = None


class QueuedMessage(StateRecord):
    """A waiting message."""

    inbound: Inbound


async def load_state(ctx: ObjectContext | ObjectSharedContext) -> QueueState:
    """Return the order of the waiting messages."""
    return await ctx.get("queue", type_hint=QueueState) or QueueState()


async def load_message(ctx: ObjectContext | ObjectSharedContext, message_id: str) -> QueuedMessage | None:
    """Return a waiting or taken message; None when it is not stored."""
    return await ctx.get(message_key(message_id), type_hint=QueuedMessage)


async def remove_message(ctx: ObjectContext, message_id: str) -> None:
    """Delete a message, whether it waits or was taken last."""
    state = await load_state(ctx)
    ctx.clear(message_key(message_id))
    state.ids = [queued for queued in state.ids if queued != message_id]
    state.taken = [taken for taken in state.taken if taken != message_id]
    set_record(ctx, "queue", state)


def delete_taken(ctx: ObjectContext, state: QueueState) -> None:
    """Delete the messages that `Chat` took last. The caller saves `state`."""
    for message_id in state.taken:
        if message_id not in state.ids:  # a repeat of it may wait again
            ctx.clear(message_key(message_id))
    state.taken = []


def message_key(message_id: str) -> str:
    """Return the state key of a message."""
    return f"message:{message_id}"
