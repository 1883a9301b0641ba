"""The handler constants and the registered handlers are the same."""

from __future__ import annotations

from chat_service import handlers
from chat_service.handlers import Handler
from chat_service.objects.services import SERVICES


def test_every_registered_handler_has_a_constant() -> None:
    constants = [value for value in vars(handlers).values() if isinstance(value, Handler)]
    served = {(service.name, name) for service in SERVICES for name in service.handlers}
    assert {(handler.service, handler.name) for handler in constants} == served


def test_only_handlers_of_objects_have_a_key() -> None:
    keyed = {service.name for service in SERVICES if service.service_tag.kind == "object"}
    for handler in vars(handlers).values():
        if isinstance(handler, Handler):
            assert handler.keyed == (handler.service in keyed), handler.name
