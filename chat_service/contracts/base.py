"""The base class and the time type of all contracts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("there is no such time in UTC") from None


Time = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A time, stored in UTC."""


class Contract(BaseModel):
    """Base of all contracts. Unknown fields are ignored, so that old and new versions can communicate."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())


def utc(seconds: float) -> datetime:
    """Return seconds since the epoch as a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
