"""Records in Restate's state: versioned, and as small as they can be."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict
from restate import ObjectContext
from restate.serde import Serde


class StateRecord(BaseModel):
    """Base of everything that lies in state.

    Defaults are not written, which makes a message a third of its size; so `v` is 0 by default and stamped with the
    class's `VERSION` on the way out, or the number would be the one thing that is never there.
    """

    model_config = ConfigDict(extra="ignore", protected_namespaces=())
    VERSION: ClassVar[int] = 1
    v: int = 0


R = TypeVar("R", bound=StateRecord)


class RecordSerde(Serde[R]):
    """JSON without defaults, stamped with the version it was written by."""

    def __init__(self, record: type[R]) -> None:
        self._record = record

    def deserialize(self, buf: bytes) -> R | None:
        return self._record.model_validate_json(buf) if buf else None

    def serialize(self, obj: R | None) -> bytes:
        if obj is None:
            return b""
        obj.v = obj.VERSION
        return obj.model_dump_json(exclude_defaults=True).encode()


def set_record(ctx: ObjectContext, name: str, record: StateRecord) -> None:
    """Write a record. Run twice it writes the same."""
    ctx.set(name, record, RecordSerde(type(record)))
