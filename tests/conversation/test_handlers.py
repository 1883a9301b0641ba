"""Every handler constant is served, and no handler is served without one."""

from __future__ import annotations

from chat_service import handlers
from chat_service.handlers import Handler
from chat_service.objects.services import SERVICES


def test_every_handler_has_a_constant() -> None:
    constants = [value for value in vars(handlers).values() if isinstance(value, Handler)]
    served = {(service.name, name) for service in SERVICES for name in service.handlers}
    assert {(handler.service, handler.name) for handler in constants} == served


def test_only_services_without_keys_are_called_without_a_key() -> None:
    keyed = {service.name for service in SERVICES if service.service_tag.kind == "object"}
    for value in vars(handlers).values():
        if isinstance(value, Handler):
            assert value.keyed == (value.service in keyed), value.name
