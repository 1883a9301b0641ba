"""Splitting of long replies: no part is too long, no text is lost, and code fences stay intact."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.common.split import open_fence, split

FENCE_CONTEXTS = [
    ("", ""),
    ("    ", "    "),
    ("> ", "> "),
    ("> > ", "> > "),
    ("- ", "  "),
    ("1. ", "   "),
    ("   - > ", "     > "),
    ("\t", "\t"),
]
"""Contexts of a fence: the beginning of its first line and the prefix of the following lines."""
CODE_LINES = ["value = 1", "- ```", "> > > ```", "```python", "``", ""]
"""Lines that do not close a fence of three backticks."""


def code_lines(part: str, prefix: str) -> list[str]:
    """Return the lines inside the fence of a part. Lines in capitals are outside of the fence."""
    lines = [line for line in part.split("\n") if not line.isupper()]
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        return []
    assert lines[0].strip(" >-\t1.") == "```python" and lines[-1] == f"{prefix}```", part
    return [line.removeprefix(prefix) for line in lines[1:-1]]


@given(
    st.sampled_from(FENCE_CONTEXTS),
    st.lists(st.sampled_from(CODE_LINES), min_size=1, max_size=80),
    st.integers(300, 600),
)
def test_split_fence_is_closed_and_reopened_with_its_prefix(
    fence_context: tuple[str, str], lines: list[str], limit: int
) -> None:
    before, prefix = fence_context
    lines = [f"{number} {line}" if line.startswith("value") else line for number, line in enumerate(lines)]
    text = "\n".join([f"{before}```python", *(prefix + line for line in lines), f"{prefix}```", "", "THE END"])
    parts = split(text, limit)
    assert all(len(part) <= limit and open_fence(part) is None for part in parts)
    found = [line for part in parts for line in code_lines(part, prefix)]
    assert [line for line in found if line.strip()] == [line for line in lines if line.strip()]
    assert parts[-1].endswith("THE END")


@given(st.lists(st.sampled_from(["a", "b ", "```", "~~~~", "> ", "- ", "\n", "\t", "word " * 30])).map("".join))
def test_parts_fit_the_limit_and_contain_every_word(text: str) -> None:
    parts = split(text, 300)
    assert all(len(part) <= 300 for part in parts)
    if "`" not in text and "~" not in text:
        assert "".join("".join(parts).split()) == "".join(text.split())


def test_split_line_in_a_quote_continues_in_the_quote() -> None:
    parts = split("> ```\n> " + "x" * 900 + "\n> ```\nTHE END", 400)
    assert len(parts) == 3
    assert all(line.startswith("> ") for part in parts for line in part.split("\n") if line != "THE END")
    assert sum(part.count("x") for part in parts) == 900


@pytest.mark.parametrize(
    ("text", "closing"),
    [
        ("```py\nx", "```"),
        ("```py\nx\n```", None),
        ("    ```py\n    x", "    ```"),
        ("- ```py\n  x", "  ```"),
        ("- ```py\n  x\n  ```", None),
        ("```\n- ```\nx", "```"),
        ("```\n    ```\nx", "```"),
        ("> ```\n> x", "> ```"),
        ("> ```\n> x\nno quote any more", None),
        ("```\n> ```\nx", "```"),
        ("~~~\n```\nx", "~~~"),
    ],
)
def test_open_fence_returns_the_fence_that_is_open_at_the_end(text: str, closing: str | None) -> None:
    fence = open_fence(text)
    assert (fence.closing if fence else None) == closing
