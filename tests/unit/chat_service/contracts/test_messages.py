"""Payloads that the contracts refuse."""

from __future__ import annotations

import pytest

from chat_service.contracts import Inbound, RenameRequest


def test_time_that_utc_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="no such time"):
        Inbound.model_validate({"message": "hi", "at": "0001-01-01T00:00:00+14:00"})


def test_blank_title_is_refused() -> None:
    with pytest.raises(ValueError, match="title"):
        RenameRequest(title="   ")
