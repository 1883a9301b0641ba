"""The version of the code, as a hash of its source files."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path


@cache
def code_version(*extra_folders: Path, salt: str = "") -> str:
    """Return a short hash over the source files of this package and of `extra_folders`, and over `salt`.

    It changes when, and only when, the code of a handler may have changed.
    """
    digest = hashlib.sha256(salt.encode())
    for root in (Path(__file__).parent, *extra_folders):
        for path in sorted(root.rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
