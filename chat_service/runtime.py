"""Objects that all handlers of this process share: settings, models, the live bus.

Restate's handlers are module-level functions and cannot get them as arguments. They are installed here once, before
the endpoint serves its first request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chat_service.domain.settings import Persona
from chat_service.live import LiveBus
from chat_service.models.registry import Models
from chat_service.settings import Settings
from chat_service.turn.cancellation import CancelRegistry


@dataclass(frozen=True)
class Runtime:
    """The objects that the handlers of this process share."""

    settings: Settings
    models: Models
    bus: LiveBus
    personas: Mapping[str, Persona]
    cancellations: CancelRegistry = field(default_factory=CancelRegistry)


_current: Runtime | None = None


def install(runtime: Runtime) -> None:
    """Make `runtime` available to the handlers."""
    global _current
    _current = runtime


def current() -> Runtime:
    """Return the installed runtime.

    Raises:
        RuntimeError: nothing was installed yet, which is a mistake in the start-up order.
    """
    if _current is None:
        raise RuntimeError("the chat service is not set up: call runtime.install first")
    return _current
