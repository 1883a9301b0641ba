"""The HTTP server: the Web API, Socket Mode, files, response URLs and the control API."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable

from aiohttp import BasicAuth, web

from tests.fakes.slack.args import Args
from tests.fakes.slack.control_api import ControlApi
from tests.fakes.slack.errors import ApiError, ratelimited
from tests.fakes.slack.methods import METHODS
from tests.fakes.slack.methods.files import may_read
from tests.fakes.slack.models import Call, Fault, Json, Team
from tests.fakes.slack.registry import CallContext, Method
from tests.fakes.slack.response_urls import handle_response
from tests.fakes.slack.slack import FakeSlack

Run = Callable[[], Json]
FORM = ("application/x-www-form-urlencoded", "multipart/form-data")
LOGIN_PAGE = "<!DOCTYPE html><html><head><title>Sign in | Slack</title></head><body>Sign in</body></html>"


class Server:
    """Serves a FakeSlack."""

    def __init__(self, slack: FakeSlack) -> None:
        self.slack = slack
        self._late_commits: set[asyncio.Task[None]] = set()

    def app(self) -> web.Application:
        """Return the aiohttp application."""
        app = web.Application(client_max_size=64 * 1024**2)
        app.router.add_route("*", "/api/{method}", self._call_api)
        app.router.add_get("/link/", self.slack.connections.serve)
        app.router.add_post("/actions/{team}/{number}/{secret}", self._use_response_url)
        app.router.add_post("/upload/v1/{file}", self._upload)
        app.router.add_get("/files-pri/{name}/{path:.*}", self._download)
        app.router.add_get("/signin", self._sign_in)
        ControlApi(self.slack).mount(app)
        app.on_shutdown.append(self._close)
        return app

    async def _close(self, app: web.Application) -> None:
        await self.slack.connections.disconnect("warning")
        await self.slack.dispatcher.close()

    # --- the Web API --------------------------------------------------------------------------------------
    async def _call_api(self, request: web.Request) -> web.Response:
        self.slack.events.base_url = _base_url(request)
        name = request.match_info["method"]
        method = METHODS.get(name)
        args, token = await _parse_call(request, reads_json=method is None or method.json)
        return await self._execute(request, name, args, lambda: self._run(request, name, method, args, token))

    async def _execute(self, request: web.Request, name: str, args: Json, run: Run) -> web.Response:
        """Record a call, execute it, and apply the scripted fault."""
        call = Call(number=len(self.slack.calls), method=name, args=args, at=time.time())
        self.slack.calls.append(call)
        self.slack.record_change()
        outage = self.slack.faults.outage
        fault = self.slack.faults.take(name, args) if outage is None else None
        call.fault = fault.kind if fault else "outage" if outage is not None else None
        if outage == "cut":
            return _cut(request)
        if outage is not None:
            return self._answer(call, int(outage), {"ok": False, "error": "service_unavailable"}, {})
        if fault is not None and (response := await self._apply_fault(request, call, fault, run)) is not None:
            return response
        status, body, headers = self._commit(call, run)
        if fault is not None and fault.kind == "commit_cut":
            return _cut(request)
        if fault is not None and fault.kind == "commit_fail":
            return web.Response(status=fault.status, text="upstream error")
        if fault is not None and fault.kind == "commit_hold":
            self.slack.record_change()
            await self.slack.faults.wait_for_release()
        return self._answer(call, status, body, headers)

    async def _apply_fault(self, request: web.Request, call: Call, fault: Fault, run: Run) -> web.Response | None:
        """Return the response of a fault before execution; None: the call is executed now."""
        if fault.kind == "delay":
            await asyncio.sleep(fault.delay)
        elif fault.kind == "hold":
            await self.slack.faults.wait_for_release()
        elif fault.kind == "cut":
            return _cut(request)
        elif fault.kind == "late_commit":
            task = asyncio.get_running_loop().create_task(self._commit_later(fault.delay, call, run))
            self._late_commits.add(task)
            task.add_done_callback(self._late_commits.discard)
            return _cut(request)
        elif fault.kind == "fail":
            call.status = fault.status
            return web.Response(status=fault.status, text="upstream error")
        elif fault.kind == "ratelimited":
            error = ratelimited(fault.retry_after)
            return self._answer(call, error.status, error.body, error.headers)
        elif fault.kind == "refuse":
            return self._answer(call, 200, {"ok": False, "error": fault.error}, {})
        return None

    async def _commit_later(self, delay: float, call: Call, run: Run) -> None:
        await asyncio.sleep(delay)
        self._commit(call, run)
        self.slack.record_change()

    def _commit(self, call: Call, run: Run) -> tuple[int, Json, dict[str, str]]:
        try:
            result = {"ok": True, **run()}
            call.committed, status, headers = True, 200, dict[str, str]()
        except ApiError as error:
            result, status, headers = error.body, error.status, error.headers
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
            raise ApiError("unknown_method", req_method=name)
        context = CallContext(self.slack, self._team(method, token), _base_url(request))
        if method.token == "bot":
            context.require_scope(*method.scopes)
        return method.run(context, Args(args))

    def _team(self, method: Method, token: str | None) -> Team:
        """Return the workspace of a token.

        Raises:
            ApiError: `not_authed`, `invalid_auth`, `not_allowed_token_type`, or the workspace's `token_error`.
        """
        if not token:
            raise ApiError("not_authed")
        teams = [team for team in self.slack.state.teams.values() if team.bot_token == token]
        if method.token == "app":
            if teams:
                raise ApiError("not_allowed_token_type")
            if token != self.slack.app.app_token:
                raise ApiError("invalid_auth")
            return self.slack.home
        if token == self.slack.app.app_token:
            raise ApiError("not_allowed_token_type")
        if not teams:
            raise ApiError("invalid_auth")
        if teams[0].token_error is not None:
            raise ApiError(teams[0].token_error)
        return teams[0]

    # --- files and response URLs --------------------------------------------------------------------------
    async def _use_response_url(self, request: web.Request) -> web.Response:
        secret = request.match_info["secret"]
        try:
            body = await request.json()
        except ValueError:
            return web.Response(status=400, text="invalid_payload")
        response = await self._execute(request, "response_url", body, lambda: handle_response(self.slack, secret, body))
        return web.Response(text="ok") if response.status == 200 and self.slack.calls[-1].ok else response

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        file = self.slack.state.files.get(request.match_info["file"])
        if request.content_type == "multipart/form-data":
            content = b"".join([await part.read() async for part in await request.multipart()])  # type: ignore[union-attr]
        else:
            content = await request.read()
        if file is None or file.uploaded or len(content) != file.size:
            return web.Response(status=400, text="upload failed")
        file.content, file.uploaded = base64.b64encode(content).decode(), True
        return web.Response(text=f"OK - {len(content)}")

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """Return a file. Trap: without a valid token Slack does not refuse, it redirects to the sign-in page (200)."""
        file = self.slack.state.files.get(request.match_info["name"].partition("-")[2])
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        teams = [team for team in self.slack.state.teams.values() if team.bot_token == token and not team.token_error]
        if not teams or "files:read" not in self.slack.app.scopes:
            raise web.HTTPFound("/signin")
        if file is None or not may_read(CallContext(self.slack, teams[0], _base_url(request)), file):
            raise web.HTTPNotFound
        content = base64.b64decode(file.content)
        if self.slack.faults.take("files.download", {"file": file.name}) is not None:
            partial = web.StreamResponse(headers={"Content-Length": str(len(content)), "Content-Type": file.mimetype})
            await partial.prepare(request)
            await partial.write(content[: len(content) // 2])
            return _cut(request)
        return web.Response(body=content, content_type=file.mimetype)

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=LOGIN_PAGE, content_type="text/html")


async def _parse_call(request: web.Request, *, reads_json: bool) -> tuple[Json, str | None]:
    """Return the arguments and the token of a call. A JSON body is ignored if the method does not read it."""
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


def _base_url(request: web.Request) -> str:
    return f"http://{request.host}"


def _cut(request: web.Request) -> web.Response:
    """Abort the connection without a response."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
