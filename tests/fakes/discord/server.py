"""The HTTP server: REST API, gateway, attachments and control API on one port."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.fakes.discord.control_api import ControlApi
from tests.fakes.discord.discord import FakeDiscord
from tests.fakes.discord.errors import ApiError
from tests.fakes.discord.message_payload import read_body
from tests.fakes.discord.rate_limits import rate_limited
from tests.fakes.discord.records import Call, Fault
from tests.fakes.discord.routes import ROUTES, RequestContext, Route

API_PATH = "/api/v10"


@dataclass
class Response:
    """A response. Without a body it has only a status."""

    status: int
    body: Any
    headers: dict[str, str]
    content_type: str = "application/json"


Commit = Callable[[], Response]
"""Carries out a request."""


class Server:
    """Serves a FakeDiscord."""

    def __init__(self, discord: FakeDiscord) -> None:
        self.discord = discord
        self._late_commits: set[asyncio.Task[None]] = set()

    def app(self) -> web.Application:
        """Return the aiohttp application."""
        app = web.Application(client_max_size=64 * 1024**2)
        for route in ROUTES:
            app.router.add_route(route.method, API_PATH + route.path, self._handler(route))
        app.router.add_route("*", API_PATH + "/{tail:.*}", self._serve_unknown)
        app.router.add_get("/gateway", self.discord.gateway.serve)
        app.router.add_get("/gateway/", self.discord.gateway.serve)
        download = Route("download", "GET", "/attachments", _download, auth=False)
        app.router.add_get("/attachments/{channel}/{attachment}/{filename}", self._handler(download))
        ControlApi(self.discord).mount(app)
        app.on_shutdown.append(self._shut_down)
        return app

    async def _shut_down(self, app: web.Application) -> None:
        self.discord.faults.clear()
        await self.discord.gateway.close(1001)

    def _handler(self, route: Route) -> Any:
        async def handler(request: web.Request) -> web.StreamResponse:
            self.discord.serializer.base_url = f"http://{request.host}"
            return await self._serve(request, route)

        return handler

    async def _serve_unknown(self, request: web.Request) -> web.StreamResponse:
        def not_found(context: RequestContext) -> None:
            raise ApiError(0, status=404, message="404: Not Found")

        return await self._serve(request, Route("unknown", request.method, request.path, not_found))

    # --- one request --------------------------------------------------------------------------------------
    async def _serve(self, request: web.Request, route: Route) -> web.StreamResponse:
        """Record a request, apply its scripted fault, and carry it out."""
        invalid_body: ApiError | None = None
        try:
            body, uploads = await read_body(request)
        except ApiError as error:
            body, uploads, invalid_body = None, [], error
        params = dict(request.match_info)
        context = RequestContext(self.discord, params, dict(request.query), body, uploads, route.name)
        call = Call(
            number=len(self.discord.calls),
            route=route.name,
            path=request.path,
            params=params,
            body=body,
            at=time.time(),
        )
        self.discord.calls.append(call)
        self.discord.record_change()
        outage = self.discord.faults.outage
        if outage is not None:
            call.fault = "outage"
            return _cut(request) if outage == "cut" else self._proxy_error(call, int(outage))
        fault = self.discord.faults.take(route.name, body, request.path)
        token = request.headers.get("Authorization")

        def commit() -> Response:
            return self._commit(route, context, call, token, invalid_body)

        if fault is None:
            return self._respond(call, commit())
        call.fault = fault.kind
        return await self._serve_with_fault(request, call, fault, commit)

    async def _serve_with_fault(
        self, request: web.Request, call: Call, fault: Fault, commit: Commit
    ) -> web.StreamResponse:
        kind = fault.kind
        if kind == "refuse":
            return self._respond(call, Response(fault.status, {"message": "a scripted error", "code": fault.code}, {}))
        if kind == "fail":
            return self._proxy_error(call, fault.status)
        if kind == "ratelimited":
            if fault.scope == "global":
                self.discord.rate_limits.block_all(fault.retry_after)
            error = rate_limited(fault.retry_after, fault.scope)
            return self._respond(call, Response(429, error.body, error.headers))
        if kind == "late_commit":
            task = asyncio.get_running_loop().create_task(_commit_later(fault.delay, commit))
            self._late_commits.add(task)
            task.add_done_callback(self._late_commits.discard)
        if kind in ("cut", "late_commit"):
            return _cut(request)
        if kind == "hold":
            await self.discord.faults.wait_for_release()
        response = commit()
        if kind == "commit_hold":
            await self.discord.faults.wait_for_release()
        elif kind == "commit_cut":
            return _cut(request)
        elif kind == "commit_fail":
            return self._proxy_error(call, fault.status)
        return self._respond(call, response)

    def _commit(
        self, route: Route, context: RequestContext, call: Call, token: str | None, invalid_body: ApiError | None
    ) -> Response:
        headers: dict[str, str] = {}
        try:
            if route.auth and token != f"Bot {self.discord.app.token}":
                raise ApiError(0, status=401, message="401: Unauthorized")
            if route.name != "download":
                headers = self.discord.rate_limits.headers(route.name)
            if invalid_body is not None:
                raise invalid_body
            result = route.run(context)
        except ApiError as error:
            call.code = error.code
            return Response(error.status, error.body, {**headers, **error.headers})
        call.committed = True
        self.discord.record_change()
        if isinstance(result, Response):
            return result
        return Response(204 if result is None else route.status, result, headers)

    def _proxy_error(self, call: Call, status: int) -> web.Response:
        """Answer as the proxy in front of Discord does: without JSON."""
        call.status = status
        self.discord.record_change()
        return web.Response(status=status, text="<html>upstream error</html>", content_type="text/html")

    def _respond(self, call: Call, response: Response) -> web.Response:
        call.status = response.status
        self.discord.record_change()
        if response.body is None:
            return web.Response(status=response.status, headers=response.headers)
        # discord.py parses a body as JSON only if the header has no charset.
        is_json = response.content_type == "application/json"
        raw = json.dumps(response.body).encode() if is_json else response.body
        headers = {**response.headers, "Content-Type": response.content_type}
        return web.Response(body=raw, status=response.status, headers=headers)


async def _commit_later(seconds: float, commit: Commit) -> None:
    await asyncio.sleep(seconds)
    commit()


def _download(context: RequestContext) -> Response:
    """Serve an attachment. Its URL expires after a day."""
    attachment = context.state.attachments.get(context.params["attachment"])
    expires = int(context.query.get("ex") or "0", 16)
    is_valid = context.state.clock.now() <= expires and context.query.get("hm") == context.params["attachment"]
    if attachment is None or not is_valid:
        return Response(404, b"This content is no longer available.", {}, "text/plain")
    content_type = attachment.content_type or "application/octet-stream"
    return Response(200, base64.b64decode(attachment.content), {}, content_type)


def _cut(request: web.Request) -> web.Response:
    """End the connection without a response."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
