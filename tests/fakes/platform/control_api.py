"""Server side of the control API: one POST per verb, with JSON arguments and a JSON result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

from aiohttp import web
from pydantic import BaseModel

from tests.fakes.platform.changes import ChangeCounter
from tests.fakes.platform.errors import ImpossibleActionError

Verb = Callable[..., Any]


class BaseControlApi:
    """Serves its methods `do_…` as verbs, and the `verbs` that it is given."""

    read_only: ClassVar[frozenset[str]] = frozenset({"changed", "calls"})
    """Verbs that change nothing and therefore wake no waiting call."""
    reported_errors: ClassVar[tuple[type[Exception], ...]] = (ImpossibleActionError,)

    def __init__(self, changes: ChangeCounter, **verbs: Verb) -> None:
        self._changes = changes
        methods = {name.removeprefix("do_"): getattr(self, name) for name in dir(self) if name.startswith("do_")}
        self._verbs: dict[str, Verb] = {**verbs, **methods}

    def mount(self, app: web.Application) -> None:
        """Add the route."""
        app.router.add_post("/control/{verb}", self._serve)

    def set_base_url(self, url: str) -> None:
        """Store the address of the fake, for the links that it sends."""

    def verb_context(self, arguments: dict[str, Any]) -> AbstractContextManager[object]:
        """Return a context manager for running a verb; may remove arguments that are meant for it."""
        return nullcontext()

    async def do_changed(self, since: int, timeout: float) -> int:
        """See `ChangeCounter.wait_for_change`."""
        return await self._changes.wait_for_change(since, timeout)

    async def _serve(self, request: web.Request) -> web.Response:
        self.set_base_url(f"http://{request.host}")
        verb = request.match_info["verb"]
        run = self._verbs.get(verb)
        if run is None:
            return web.json_response({"impossible": f"there is no verb {verb}"}, status=404)
        arguments = await request.json()
        try:
            with self.verb_context(arguments):
                result = run(**arguments)
            if isinstance(result, Awaitable):
                result = await result
        except self.reported_errors as error:
            return web.json_response({"impossible": str(error)}, status=409)
        if verb not in self.read_only:
            self._changes.record_change()
        return web.json_response({"result": _to_json(result)})


def _to_json(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, list):
        return [_to_json(item) for item in value]
    return value
