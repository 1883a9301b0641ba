"""`Channel`: the settings of a workspace, a channel, or (on the web) a person; keyed by scope.

Who may change them is checked by the adapter, at that moment, with the platform.
"""

from __future__ import annotations

from restate import ObjectContext, ObjectSharedContext, VirtualObject

from chat_service.contracts import ConfigureRequest, Contract, Overrides
from chat_service.contracts.validation_errors import validation_errors_as_text
from chat_service.objects import invocation_policy
from chat_service.storage.serde import StateRecord, set_record

channel = VirtualObject(
    "Channel",
    description="Settings of a workspace, a channel or a person.",
    state_preload=False,  # a turn asks for its settings, and must not be sent the threads that lie beside them
    invocation_retry_policy=invocation_policy.PATIENT,
    invocation_context_managers=[validation_errors_as_text],
    journal_retention=invocation_policy.NONE,
    idempotency_retention=invocation_policy.BRIEF,
)


class Scope(StateRecord):
    """What is set at this width. `off` stands in the rules, too; here a turn finds it without asking for them."""

    overrides: Overrides = Overrides()
    off: bool = False


@channel.handler()
async def configure(ctx: ObjectContext, request: ConfigureRequest) -> Overrides:
    """Change the settings of this scope; every conversation below sees them from its next turn on."""
    scope = await ctx.get("scope", type_hint=Scope) or Scope()
    scope.overrides = changed(scope.overrides, request)
    set_record(ctx, "scope", scope)
    return scope.overrides


@channel.handler(name="forget", ingress_private=True)
async def channel_forget(ctx: ObjectContext) -> None:
    """Forget what was set at this width."""
    ctx.clear_all()


class Within(StateRecord):
    """The channel that a thread with a place of its own lies in."""

    scope: str = ""


class Layers(Contract):
    """What is set at this width, and in the channel around it, if this is a thread."""

    own: Overrides
    around: Overrides | None = None
    off: bool = False


@channel.handler(kind="shared")
async def layers(ctx: ObjectSharedContext) -> Layers:
    """What is set here and, for a thread, in its channel: what is set there holds inside, too."""
    scope = await ctx.get("scope", type_hint=Scope) or Scope()
    within = await ctx.get("within", type_hint=Within) or Within()
    if not within.scope:
        return Layers(own=scope.overrides, off=scope.off)
    around = await ctx.object_call(layers, within.scope, arg=None)
    return Layers(own=scope.overrides, around=around.own, off=scope.off or around.off)


@channel.handler(kind="shared")
async def get_settings(ctx: ObjectSharedContext) -> Overrides:
    """What is set at this width, and nothing of the wider ones."""
    return (await ctx.get("scope", type_hint=Scope) or Scope()).overrides


def changed(overrides: Overrides, request: ConfigureRequest) -> Overrides:
    """`overrides` after a request: `unset` first, then `set`."""
    return overrides.model_copy(
        update={
            **dict.fromkeys(request.unset),
            **request.set.model_dump(exclude_none=True),
        }
    )
