"""Which version of the code this is."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path


@cache
def code_version(*beside: Path, given: str = "") -> str:
    """A short hash over this package's source files and those of the folders `beside` it, and what else is `given`: it
    changes when, and only when, a handler could have."""
    digest = hashlib.sha256(given.encode())
    for root in (Path(__file__).parent, *beside):
        for path in sorted(root.rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
