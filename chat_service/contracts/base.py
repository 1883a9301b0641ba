"""What all contracts share."""

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
"""A moment, kept in UTC."""


class Contract(BaseModel):
    """Base of all contracts: unknown fields are ignored, so that old and new versions can talk."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())


def utc(seconds: float) -> datetime:
    """Seconds since the epoch as a moment in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
