"""The control API: what a test, in any process, may ask of a fake. One POST a verb, JSON in, JSON out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

from aiohttp import web
from pydantic import BaseModel

from tests.fakes.platform.changes import Changes
from tests.fakes.platform.errors import Impossible

Verb = Callable[..., Any]


class Verbs:
    """Verbs by name: the methods `do_…`, and what the fake gives beside them."""

    looks: ClassVar[frozenset[str]] = frozenset({"changed", "calls"})
    """Verbs that change nothing, so that nobody is woken by them."""
    refusals: ClassVar[tuple[type[Exception], ...]] = (Impossible,)

    def __init__(self, changes: Changes, **beside: Verb) -> None:
        self._changes = changes
        named = {name.removeprefix("do_"): getattr(self, name) for name in dir(self) if name.startswith("do_")}
        self._verbs: dict[str, Verb] = {**beside, **named}

    def mount(self, app: web.Application) -> None:
        """Add the route."""
        app.router.add_post("/control/{verb}", self._serve)

    def base(self, url: str) -> None:
        """Learn the address by which the fake is reached; for links in what it tells."""

    def around(self, given: dict[str, Any]) -> AbstractContextManager[object]:
        """What a verb runs in; may take words of its own out of `given`."""
        return nullcontext()

    async def do_changed(self, since: int, timeout: float) -> int:
        """See `Changes.changed`."""
        return await self._changes.changed(since, timeout)

    async def _serve(self, request: web.Request) -> web.Response:
        self.base(f"http://{request.host}")
        verb = request.match_info["verb"]
        run = self._verbs.get(verb)
        if run is None:
            return web.json_response({"impossible": "no such verb"}, status=404)
        given = await request.json()
        try:
            with self.around(given):
                result = run(**given)
            if isinstance(result, Awaitable):
                result = await result
        except self.refusals as no:
            return web.json_response({"impossible": str(no)}, status=409)
        if verb not in self.looks:
            self._changes.touch()
        return web.json_response({"result": _plain(result)})


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value
