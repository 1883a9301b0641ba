"""The server: the Web API, Socket Mode, files, response URLs, and the control API, on one port."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable

from aiohttp import BasicAuth, web

from tests.fakes.slack import response_url
from tests.fakes.slack.args import Args
from tests.fakes.slack.control_api import ControlApi
from tests.fakes.slack.errors import Refused
from tests.fakes.slack.limits import ratelimited
from tests.fakes.slack.methods import METHODS
from tests.fakes.slack.methods.files import may_read
from tests.fakes.slack.models import Call, Fault, Json, Team
from tests.fakes.slack.registry import Context, Method
from tests.fakes.slack.slack import FakeSlack

Run = Callable[[], Json]
FORM = ("application/x-www-form-urlencoded", "multipart/form-data")
LOGIN_PAGE = "<!DOCTYPE html><html><head><title>Sign in | Slack</title></head><body>Sign in</body></html>"


class Server:
    """HTTP around a FakeSlack."""

    def __init__(self, slack: FakeSlack) -> None:
        self.slack = slack
        self._late: set[asyncio.Task[None]] = set()

    def app(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=64 * 1024**2)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_get("/link/", self.slack.sockets.serve)
        app.router.add_post("/actions/{team}/{number}/{secret}", self._respond)
        app.router.add_post("/upload/v1/{file}", self._upload)
        app.router.add_get("/files-pri/{name}/{path:.*}", self._download)
        app.router.add_get("/signin", self._sign_in)
        ControlApi(self.slack).mount(app)
        app.on_shutdown.append(self._close)
        return app

    async def _close(self, app: web.Application) -> None:
        await self.slack.sockets.disconnect("warning")
        await self.slack.dispatcher.close()

    # --- the Web API --------------------------------------------------------------------------------------
    async def _api(self, request: web.Request) -> web.Response:
        self.slack.events.base = _base(request)
        name = request.match_info["method"]
        method = METHODS.get(name)
        args, token = await _given(request, reads_json=method is None or method.json)
        return await self._serve(request, name, args, token, lambda: self._run(request, name, method, args, token))

    async def _serve(self, request: web.Request, name: str, args: Json, token: str | None, run: Run) -> web.Response:
        """Record a call, and let happen to it what was scripted."""
        call = Call(
            number=len(self.slack.calls), method=name, verb=request.method, args=args, token=token, at=time.time()
        )
        self.slack.calls.append(call)
        self.slack.record_change()
        down = self.slack.faults.outage
        fault = self.slack.faults.take(name, args) if down is None else None
        call.fault = fault.kind if fault else "down" if down is not None else None
        if down == "cut":
            return _cut(request)
        if down is not None:
            return self._answer(call, int(down), {"ok": False, "error": "service_unavailable"}, {})
        if fault is not None and (early := await self._before(request, call, fault, run)) is not None:
            return early
        status, body, headers = self._commit(call, run)
        if fault is not None and fault.kind == "commit_hold":
            await self.slack.faults.wait_for_release()
        if fault is not None and fault.kind == "commit_cut":
            return _cut(request)
        if fault is not None and fault.kind == "commit_fail":
            return web.Response(status=fault.status, text="upstream error")
        return self._answer(call, status, body, headers)

    async def _before(self, request: web.Request, call: Call, fault: Fault, run: Run) -> web.Response | None:
        """What a fault does before anything is done; None: go on."""
        if fault.kind == "delay":
            await asyncio.sleep(fault.delay)
        elif fault.kind == "hold":
            await self.slack.faults.wait_for_release()
        elif fault.kind == "cut":
            return _cut(request)
        elif fault.kind == "late_commit":
            task = asyncio.get_running_loop().create_task(self._later(fault.delay, call, run))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            return _cut(request)
        elif fault.kind == "fail":
            call.status = fault.status
            return web.Response(status=fault.status, text="upstream error")
        elif fault.kind == "ratelimited":
            refused = ratelimited(fault.retry_after)
            return self._answer(call, refused.status, refused.body, refused.headers)
        elif fault.kind == "refuse":
            return self._answer(call, 200, {"ok": False, "error": fault.error}, {})
        return None

    async def _later(self, delay: float, call: Call, run: Run) -> None:
        await asyncio.sleep(delay)
        self._commit(call, run)
        self.slack.record_change()

    def _commit(self, call: Call, run: Run) -> tuple[int, Json, dict[str, str]]:
        try:
            result = {"ok": True, **run()}
            call.committed, status, headers = True, 200, dict[str, str]()
        except Refused as refused:
            result, status, headers = refused.body, refused.status, refused.headers
        call.ok, call.error, call.result = result["ok"], result.get("error"), result
        self.slack.record_change()
        return status, result, headers

    def _answer(self, call: Call, status: int, body: Json, headers: dict[str, str]) -> web.Response:
        call.status, call.answered_at = status, time.time()
        call.ok, call.error, call.result = body["ok"], body.get("error"), body
        self.slack.record_change()
        scopes = {"X-OAuth-Scopes": ",".join(self.slack.app.scopes)} if status == 200 else {}
        return web.json_response(body, status=status, headers={**scopes, **headers})

    def _run(self, request: web.Request, name: str, method: Method | None, args: Json, token: str | None) -> Json:
        if method is None:
            raise Refused("unknown_method", req_method=name)
        context = Context(self.slack, self._team(method, token), _base(request))
        if method.token == "bot":
            context.scope(*method.scopes)
        self.slack.limits.check(context.team.id, name, args.get("channel"))
        return method.run(context, Args(args))

    def _team(self, method: Method, token: str | None) -> Team:
        """The workspace a token is for, or what Slack says to a token like this."""
        if not token:
            raise Refused("not_authed")
        teams = [one for one in self.slack.world.teams.values() if one.bot_token == token]
        if method.token == "app":
            if teams:
                raise Refused("not_allowed_token_type")
            if token != self.slack.app.app_token:
                raise Refused("invalid_auth")
            return self.slack.home
        if token == self.slack.app.app_token:
            raise Refused("not_allowed_token_type")
        if not teams:
            raise Refused("invalid_auth")
        if teams[0].token_error is not None:
            raise Refused(teams[0].token_error)
        return teams[0]

    # --- what is not the Web API --------------------------------------------------------------------------
    async def _respond(self, request: web.Request) -> web.Response:
        secret = request.match_info["secret"]
        try:
            body = await request.json()
        except ValueError:
            return web.Response(status=400, text="invalid_payload")
        answer = await self._serve(
            request, "response_url", body, None, lambda: response_url.use(self.slack, secret, body)
        )
        return web.Response(text="ok") if answer.status == 200 and self.slack.calls[-1].ok else answer

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        file = self.slack.world.files.get(request.match_info["file"])
        if request.content_type == "multipart/form-data":
            content = b"".join([await part.read() async for part in await request.multipart()])  # type: ignore[union-attr]
        else:
            content = await request.read()
        if file is None or file.uploaded or len(content) != file.size:
            return web.Response(status=400, text="upload failed")
        file.content, file.uploaded = base64.b64encode(content).decode(), True
        return web.Response(text=f"OK - {len(content)}")

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """A file's bytes. Without a good token Slack does not refuse: it sends to the sign-in page, with 200."""
        name = request.match_info["name"].partition("-")[2]
        file = self.slack.world.files.get(name)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        teams = [one for one in self.slack.world.teams.values() if one.bot_token == token and not one.token_error]
        if not teams or "files:read" not in self.slack.app.scopes:
            raise web.HTTPFound("/signin")
        if file is None or not may_read(Context(self.slack, teams[0], _base(request)), file):
            raise web.HTTPNotFound
        content = base64.b64decode(file.content)
        if self.slack.faults.take("files.download", {"file": file.name}) is not None:
            half = web.StreamResponse(headers={"Content-Length": str(len(content)), "Content-Type": file.mimetype})
            await half.prepare(request)
            await half.write(content[: len(content) // 2])
            return _cut(request)
        return web.Response(body=content, content_type=file.mimetype)

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=LOGIN_PAGE, content_type="text/html")


async def _given(request: web.Request, *, reads_json: bool) -> tuple[Json, str | None]:
    """A call's arguments and its token. What a method does not read is as if it had not been sent."""
    args: Json = dict(request.query)
    if request.method == "POST":
        if request.content_type == "application/json":
            body = json.loads(await request.read() or b"{}")
            args.update(body if reads_json and isinstance(body, dict) else {})
        elif request.content_type in FORM:
            args.update(await request.post())
    header = request.headers.get("Authorization", "")
    token = args.pop("token", None)
    if header.startswith("Bearer "):
        token = header.removeprefix("Bearer ").strip()
    elif header.startswith("Basic "):
        token = BasicAuth.decode(header).login
    return args, token


def _base(request: web.Request) -> str:
    return f"http://{request.host}"


def _cut(request: web.Request) -> web.Response:
    """End the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
