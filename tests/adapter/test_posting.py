"""Posting once, also when nobody knows what became of the first try."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from bots.common.posting import LATE_SECONDS, PROCESS, DeliveryDependencies
from bots.common.protocols import PostedMessage


async def test_a_post_that_was_cut_off_and_came_late_is_found() -> None:
    """The engine's connection breaks in the middle, and its next try comes to the same process at once."""
    deps = DeliveryDependencies(cast(Any, None), cast(Any, None))
    there: list[PostedMessage] = []
    posts: list[int] = []

    async def find() -> PostedMessage | None:
        return there[0] if there else None

    async def post() -> PostedMessage:
        posts.append(1)
        # As a platform does: what it took in is done, whether or not somebody waits for its word.
        asyncio.get_running_loop().call_later(LATE_SECONDS / 6, there.append, PostedMessage(id="1"))
        await asyncio.Event().wait()
        raise AssertionError

    first = asyncio.create_task(deps.post_unless_found("turn:0", PROCESS, find, post))
    while not posts:
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    opened = await deps.post_unless_found("turn:0", PROCESS, find, post)
    assert (opened.id, opened.confirmed, len(posts)) == ("1", False, 1)
