"""Registration of handler functions at their Restate object or service. The functions stay plain async functions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Literal, TypedDict, TypeVar, Unpack, overload

from restate import Context, Service, VirtualObject

from chat_service.handlers import Handler, Request, Response

ObjectContextType = TypeVar("ObjectContextType")


class Options(TypedDict, total=False):
    """The SDK's handler options that this project uses. Options that are not given are taken from the service."""

    ingress_private: bool
    journal_retention: timedelta
    idempotency_retention: timedelta
    inactivity_timeout: timedelta
    abort_timeout: timedelta


class ObjectOptions(Options, total=False):
    """Options of a virtual object's handler. A handler is exclusive unless its kind is "shared"."""

    kind: Literal["exclusive", "shared"]
    state_preload: bool


@overload
def register(
    target: VirtualObject,
    handler: Handler[None, Response],
    function: Callable[[ObjectContextType], Awaitable[Response]],
    **options: Unpack[ObjectOptions],
) -> None: ...
@overload
def register(
    target: VirtualObject,
    handler: Handler[Request, Response],
    function: Callable[[ObjectContextType, Request], Awaitable[Response]],
    **options: Unpack[ObjectOptions],
) -> None: ...
def register(
    target: VirtualObject,
    handler: Handler[Any, Any],
    function: Callable[..., Awaitable[Any]],
    **options: Unpack[ObjectOptions],
) -> None:
    """Serve a virtual object's handler with `function`."""
    _check(target, handler)
    target.handler(name=handler.name, **options)(function)


def register_service_handler(
    target: Service,
    handler: Handler[Request, Response],
    function: Callable[[Context, Request], Awaitable[Response]],
    **options: Unpack[Options],
) -> None:
    """Serve a service's handler with `function`."""
    _check(target, handler)
    target.handler(name=handler.name, **options)(function)


def _check(target: VirtualObject | Service, handler: Handler[Any, Any]) -> None:
    if handler.service != target.name:
        raise ValueError(f"{handler.service}/{handler.name} does not belong to {target.name}")
