"""Read and write records in Restate's state, as small JSON with a version."""

from __future__ import annotations

from typing import TypeVar

from restate import ObjectContext
from restate.serde import Serde

from chat_service.storage.record import StateRecord

R = TypeVar("R", bound=StateRecord)


class RecordSerde(Serde[R]):
    """JSON without defaults, with the version of the record's class."""

    def __init__(self, record_type: type[R]) -> None:
        self._record_type = record_type

    def deserialize(self, buf: bytes) -> R | None:
        return self._record_type.model_validate_json(buf) if buf else None

    def serialize(self, obj: R | None) -> bytes:
        if obj is None:
            return b""
        obj.v = obj.VERSION
        return obj.model_dump_json(exclude_defaults=True).encode()


def set_record(ctx: ObjectContext, name: str, record: StateRecord) -> None:
    """Write a record to the state key `name`. Repeating the call is harmless."""
    ctx.set(name, record, RecordSerde(type(record)))
