"""What a text file says, in whichever of the usual encodings it was written."""

from __future__ import annotations

from charset_normalizer import from_bytes

USUAL = ["utf_16", "cp1252", "cp1251", "cp932", "euc_jp", "gb18030", "big5", "euc_kr"]
"""Beside UTF-8. Among all that there are, a short text of Western Europe looks like one of Central Europe, or worse."""


def text_of(content: bytes) -> str | None:
    """The words of a file; None when it is no text."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        found = from_bytes(content, cp_isolation=USUAL).best()
        text = str(found) if found else "\0"
    return None if "\0" in text else text.removeprefix("\ufeff")
