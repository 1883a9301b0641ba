"""The list of behaviours that can be taken away fits the page. (Taking them away takes half an hour: by hand.)"""

from __future__ import annotations

import pytest

from tests.processes import ROOT
from tests.web.taken_away import Behaviour, behaviours, changed


@pytest.mark.parametrize("behaviour", behaviours(), ids=lambda one: f"{one.point} {one.what}")
def test_it_can_still_be_taken_away_and_has_its_test(behaviour: Behaviour) -> None:
    assert changed(ROOT, behaviour)
    for named in (behaviour.test, behaviour.canary):
        file, name = named.split("::")
        assert f"def {name.partition('[')[0]}(" in (ROOT / "tests/web" / file).read_text()
