"""The server: REST, the gateway, the CDN, and the control API, on one port."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.fakes.discord.control_api import ControlApi
from tests.fakes.discord.discord import FakeDiscord
from tests.fakes.discord.draft import read_body
from tests.fakes.discord.errors import Refused, unauthorized
from tests.fakes.discord.limits import ratelimited
from tests.fakes.discord.models import Call, Fault
from tests.fakes.discord.routes import ROUTES, Context, Route

VERSIONS = ("/api/v10", "/api/v9", "/api")


@dataclass
class Answer:
    """What goes back. `body` None: nothing but the status."""

    status: int
    body: Any
    headers: dict[str, str]
    content_type: str = "application/json"


class Server:
    """HTTP around a FakeDiscord."""

    def __init__(self, discord: FakeDiscord) -> None:
        self.discord = discord
        self._late: set[asyncio.Task[None]] = set()

    def app(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=64 * 1024**2)
        for base in VERSIONS:
            for route in ROUTES:
                app.router.add_route(route.verb, base + route.path, self._rest(route))
            app.router.add_route("*", base + "/{tail:.*}", self._unknown)
        app.router.add_get("/gateway", self.discord.gateway.serve)
        app.router.add_get("/gateway/", self.discord.gateway.serve)
        download = Route("download", "GET", "/attachments", _download, auth=False)
        app.router.add_get("/attachments/{channel}/{attachment}/{filename}", self._rest(download))
        ControlApi(self.discord).mount(app)
        app.on_shutdown.append(self._close)
        return app

    async def _close(self, app: web.Application) -> None:
        self.discord.faults.release()
        await self.discord.gateway.close(1001)

    def _rest(self, route: Route) -> Any:
        async def handler(request: web.Request) -> web.StreamResponse:
            self.discord.render.base = f"http://{request.host}"
            return await self._serve(request, route)

        return handler

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        def nothing(ctx: Context) -> None:
            raise Refused(0, status=404, message="404: Not Found")

        return await self._serve(request, Route("unknown", request.method, request.path, nothing))

    # --- one request --------------------------------------------------------------------------------------
    async def _serve(self, request: web.Request, route: Route) -> web.StreamResponse:
        """Record a call, and let happen to it what was scripted."""
        wrong: Refused | None = None
        try:
            body, uploads = await read_body(request)
        except Refused as refused:
            body, uploads, wrong = None, [], refused
        params = dict(request.match_info)
        context = Context(self.discord, params, dict(request.query), body, uploads, route.name)
        call = Call(
            number=len(self.discord.calls),
            route=route.name,
            verb=request.method,
            path=request.path,
            params=params,
            query=context.query,
            body=body,
            files=[one.filename for one in uploads],
            at=time.time(),
        )
        self.discord.calls.append(call)
        self.discord.record_change()
        down = self.discord.faults.outage
        fault = self.discord.faults.take(route.name, body, request.path) if down is None else None
        call.fault = fault.kind if fault else "down" if down is not None else None
        if down == "cut":
            return _cut(request)
        if down is not None:
            return self._fail(call, int(down))
        token = request.headers.get("Authorization")
        if fault is not None and (early := await self._before(request, route, context, call, fault, token)) is not None:
            return early
        answer = self._commit(route, context, call, token, wrong)
        if fault is not None and fault.kind == "commit_hold":
            await self.discord.faults.wait_for_release()
        if fault is not None and fault.kind == "commit_cut":
            return _cut(request)
        if fault is not None and fault.kind == "commit_fail":
            return self._fail(call, fault.status)
        return self._answer(call, answer)

    async def _before(
        self, request: web.Request, route: Route, context: Context, call: Call, fault: Fault, token: str | None
    ) -> web.StreamResponse | None:
        """What a fault does before anything is done; None: go on."""
        if fault.kind == "delay":
            await asyncio.sleep(fault.delay)
        elif fault.kind == "hold":
            await self.discord.faults.wait_for_release()
        elif fault.kind == "cut":
            return _cut(request)
        elif fault.kind == "late_commit":
            task = asyncio.get_running_loop().create_task(self._later(fault.delay, route, context, call, token))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            return _cut(request)
        elif fault.kind == "fail":
            return self._fail(call, fault.status)
        elif fault.kind == "ratelimited":
            if fault.scope == "global":
                self.discord.limits.stop(fault.retry_after)
            refused = ratelimited(fault.retry_after, fault.scope, via=fault.via)
            return self._answer(call, Answer(429, refused.body, refused.headers))
        elif fault.kind == "refuse":
            body = {"message": fault.message, "code": fault.code}
            return self._answer(call, Answer(fault.status, body, {}))
        return None

    async def _later(self, delay: float, route: Route, context: Context, call: Call, token: str | None) -> None:
        await asyncio.sleep(delay)
        self._commit(route, context, call, token, None)

    def _commit(self, route: Route, context: Context, call: Call, token: str | None, wrong: Refused | None) -> Answer:
        headers: dict[str, str] = {}
        try:
            if route.auth and token != f"Bot {self.discord.app.token}":
                raise unauthorized()
            if route.name != "download":
                headers = self.discord.limits.take(route.name, route.major(context.params))
            if wrong is not None:
                raise wrong
            result = route.run(context)
        except Refused as refused:
            call.code = refused.body["code"]
            return Answer(refused.status, refused.body, {**headers, **refused.headers})
        call.committed = True
        self.discord.record_change()
        if isinstance(result, Answer):
            return result
        return Answer(204 if result is None else route.status, result, headers)

    def _fail(self, call: Call, status: int) -> web.Response:
        """An error of the proxy: no JSON."""
        call.status, call.answered_at = status, time.time()
        self.discord.record_change()
        return web.Response(status=status, text="<html>upstream error</html>", content_type="text/html")

    def _answer(self, call: Call, answer: Answer) -> web.Response:
        call.status, call.answered_at = answer.status, time.time()
        is_json = answer.content_type == "application/json"
        call.result = answer.body if is_json else None
        self.discord.record_change()
        if answer.body is None:
            return web.Response(status=answer.status, headers=answer.headers)
        # discord.py takes a body for JSON only when the header says just that: no charset.
        raw = json.dumps(answer.body).encode() if is_json else answer.body
        headers = {**answer.headers, "Content-Type": answer.content_type}
        return web.Response(body=raw, status=answer.status, headers=headers)


def _download(ctx: Context) -> Answer:
    """A file. Its link runs out after a day; then Discord says that the content is gone."""
    file = ctx.discord.world.attachments.get(ctx.params["attachment"])
    expires = int(ctx.query.get("ex") or "0", 16)
    gone = ctx.discord.world.clock.now() > expires or ctx.query.get("hm") != ctx.params["attachment"]
    if file is None or gone:
        return Answer(404, b"This content is no longer available.", {}, "text/plain")
    return Answer(200, base64.b64decode(file.content), {}, file.content_type or "application/octet-stream")


def _cut(request: web.Request) -> web.Response:
    """End the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
