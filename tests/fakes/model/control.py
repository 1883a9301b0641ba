"""Client for the fake model's control API, usable from any process."""

from __future__ import annotations

from typing import Any, Literal

import aiohttp

from tests.fakes.model.protocol import ModelRequest, ScriptedResponse

TIMEOUT = 30.0


class ModelControl:
    """Scripts the responses of the fake model and reads the requests that it received."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.base_url = f"{url}/v1"
        self._session: aiohttp.ClientSession | None = None

    async def connect(self) -> None:
        """Raise aiohttp.ClientError while the fake does not answer."""
        await self.count_requests()

    async def close(self) -> None:
        """Close the connections to the fake."""
        if self._session is not None:
            await self._session.close()

    async def script(self, *responses: ScriptedResponse) -> None:
        """Queue responses, one per turn's request. After them the fake sends its default reply."""
        await self._post("script", [response.model_dump() for response in responses])

    async def script_titles(self, *responses: ScriptedResponse) -> None:
        """Queue responses to requests for a title."""
        await self._post("titles", [response.model_dump() for response in responses])

    async def script_summaries(self, *responses: ScriptedResponse) -> None:
        """Queue responses to requests for a summary."""
        await self._post("summaries", [response.model_dump() for response in responses])

    async def clear_script(self) -> None:
        """Drop the queued responses."""
        await self._post("clear", {})

    async def requests(self, after: int = 0) -> list[ModelRequest]:
        """Return the requests of turns from number `after` on, without those for titles and summaries."""
        return [request for request in await self.all_requests(after) if not request.is_background]

    async def all_requests(self, after: int = 0) -> list[ModelRequest]:
        """Return the requests of all kinds from number `after` on."""
        found = (await self._get("requests", after=after))["requests"]
        return [ModelRequest.model_validate(request) for request in found]

    async def count_requests(self) -> int:
        """Return the number of requests of all kinds; a later request has this number or a higher one."""
        return int((await self._get("requests"))["count"])

    async def wait_for_request(
        self, request: int | ModelRequest, state: str = "arrived", least: int = 1
    ) -> ModelRequest:
        """Wait until a request is `arrived`, `finished` or `disconnected`, or has `least` pieces `written`.

        `request` is a request, or a number: the first request of a turn from that number on.
        """
        found = await self._get("wait", **_selector(request), state=state, least=least, timeout=TIMEOUT)
        assert found, f"request {request} did not become {state}"
        return ModelRequest.model_validate(found)

    async def wait_for_question(self, text: str, after: int = 0) -> ModelRequest:
        """Wait for a turn's request whose last message contains `text`."""
        request = await self.wait_for_request(after)
        while text not in str(request.body["messages"][-1]["content"]):
            request = await self.wait_for_request(request.number + 1)
        return request

    async def wait_for_title(self, after: int = 0) -> ModelRequest:
        """Wait for a request for a title."""
        return await self._wait_for_kind("is_title", after)

    async def wait_for_summary(self, after: int = 0) -> ModelRequest:
        """Wait for a request for a summary."""
        return await self._wait_for_kind("is_summary", after)

    async def _wait_for_kind(self, kind: Literal["is_title", "is_summary"], number: int) -> ModelRequest:
        while True:
            found = await self._get("wait", number=number, exactly=1, state="arrived", timeout=TIMEOUT)
            assert found, f"no request with {kind} arrived"
            if getattr(request := ModelRequest.model_validate(found), kind):
                return request
            number += 1

    async def release(self, request: int | ModelRequest, text: str) -> None:
        """Send a piece of a gated reply; `request` as for `wait_for_request`."""
        await self._post("release", {**_selector(request), "text": text})

    async def finish(self, request: int | ModelRequest) -> None:
        """End a gated reply; `request` as for `wait_for_request`."""
        await self._post("release", {**_selector(request), "text": None})

    async def _get(self, path: str, **params: str | float) -> Any:
        async with self._open_session().get(f"{self.url}/control/{path}", params=params) as response:
            response.raise_for_status()
            return await response.json()

    async def _post(self, path: str, body: Any) -> None:
        async with self._open_session().post(f"{self.url}/control/{path}", json=body) as response:
            response.raise_for_status()

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session


def _selector(request: int | ModelRequest) -> dict[str, int]:
    if isinstance(request, ModelRequest):
        return {"number": request.number, "exactly": 1}
    return {"number": request, "exactly": 0}
