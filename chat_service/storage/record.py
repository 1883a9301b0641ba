"""The base of every record in Restate's state. This module does not import Restate, so that `domain` may use it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class StateRecord(BaseModel):
    """Base of everything that lies in state.

    Defaults are not written, which makes a message a third of its size. For that reason `v` is 0 by default, and
    `RecordSerde` sets it to the class's `VERSION`: a default version would never be written.
    """

    model_config = ConfigDict(extra="ignore", protected_namespaces=())
    VERSION: ClassVar[int] = 1
    v: int = 0
