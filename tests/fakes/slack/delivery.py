"""Handing things to the app, over its socket or its address, until it takes them or Slack gives up."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
import urllib.parse
import uuid
from typing import TYPE_CHECKING, Any, Literal

import aiohttp

from tests.fakes.slack.models import Attempt, Delivery, Json

if TYPE_CHECKING:
    from tests.fakes.slack.slack import FakeSlack


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Slack's v0 signature of a request."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


class Dispatcher:
    """What was sent to the app. Events are tried again; commands and interactions are not."""

    def __init__(self, slack: FakeSlack) -> None:
        self._slack = slack
        self.deliveries: list[Delivery] = []
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._late: set[asyncio.Task[None]] = set()

    def send(self, kind: Literal["events_api", "slash_commands", "interactive"], payload: Json) -> Delivery:
        """Send something; the delivery tells how it went."""
        delivery = Delivery(number=len(self.deliveries), kind=kind, payload=payload)
        self.deliveries.append(delivery)
        self._start(delivery, self._until_taken(delivery))
        return delivery

    def again(self, number: int, retry_num: int, reason: str) -> Delivery:
        """Send something once more, whether or not it was taken."""
        delivery = self.deliveries[number]
        self._start(delivery, self._once(delivery, retry_num, reason))
        return delivery

    def _start(self, delivery: Delivery, work: Any) -> None:
        self._tasks[delivery.number] = asyncio.get_running_loop().create_task(work)

    async def settled(self, delivery: Delivery) -> None:
        """Wait until the last thing done about a delivery is done."""
        await asyncio.shield(self._tasks[delivery.number])

    def give_up(self) -> None:
        """Let go of what was not taken yet."""
        for number, task in self._tasks.items():
            if not task.done():
                task.cancel()
                self.deliveries[number].state = "failed"

    async def close(self) -> None:
        """Stop trying."""
        for task in [*self._tasks.values(), *self._late]:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _until_taken(self, delivery: Delivery) -> None:
        reason = ""
        delays = self._slack.rules.retry_delays if delivery.kind == "events_api" else []
        for number in range(len(delays) + 1):
            if number:
                await asyncio.sleep(delays[number - 1])
            await self._once(delivery, number, reason)
            if delivery.state == "acked":
                return
            reason = delivery.attempts[-1].failure or ""
            if reason == "no_retry":
                break
        delivery.state = "failed"
        self._slack.record_change()

    async def _once(self, delivery: Delivery, retry_num: int, reason: str) -> None:
        transport: Literal["socket", "http"] = "socket" if self._slack.app.socket_mode else "http"
        attempt = Attempt(at=time.time(), transport=transport, retry_num=retry_num, retry_reason=reason)
        delivery.attempts.append(attempt)
        self._slack.record_change()
        if self._slack.faults.outage is not None:
            attempt.failure = "outage"
        elif self._slack.app.socket_mode:
            await self._by_socket(delivery, attempt)
        else:
            await self._by_http(delivery, attempt)
        if attempt.failure is None:
            attempt.acked_at = time.time()
            delivery.state = "acked"
        self._slack.record_change()

    async def _by_socket(self, delivery: Delivery, attempt: Attempt) -> None:
        socket = self._slack.sockets.pick()
        if socket is None:
            attempt.failure = "no_connection"
            return
        envelope: Json = {"envelope_id": str(uuid.uuid4()), "type": delivery.kind, "payload": delivery.payload}
        envelope["accepts_response_payload"] = delivery.kind != "events_api"
        if delivery.kind == "events_api":
            envelope.update(retry_attempt=attempt.retry_num, retry_reason=attempt.retry_reason)
        ack = self._slack.sockets.expect(envelope["envelope_id"])
        await socket.send(envelope)
        gone = asyncio.ensure_future(socket.gone.wait())
        patience = self._slack.rules.ack_seconds
        await asyncio.wait([ack, gone], timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if ack.done():
            gone.cancel()
            delivery.response = ack.result()
            return
        attempt.failure = "connection_failed" if gone.done() else "timeout"
        gone.cancel()
        task = asyncio.get_running_loop().create_task(self._late_ack(ack, attempt))
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _late_ack(self, ack: asyncio.Future[Any], attempt: Attempt) -> None:
        await ack
        attempt.late_ack_at = time.time()
        self._slack.record_change()

    async def _by_http(self, delivery: Delivery, attempt: Attempt) -> None:
        url = self._slack.app.request_url
        if url is None:
            attempt.failure = "no_connection"
            return
        headers = {}
        if delivery.kind == "events_api":
            body, content_type = json.dumps(delivery.payload).encode(), "application/json"
            if attempt.retry_num:
                headers = {"X-Slack-Retry-Num": str(attempt.retry_num), "X-Slack-Retry-Reason": attempt.retry_reason}
        else:
            form = delivery.payload if delivery.kind == "slash_commands" else {"payload": json.dumps(delivery.payload)}
            body, content_type = urllib.parse.urlencode(form).encode(), "application/x-www-form-urlencoded"
        try:
            status, answer, no_retry = await self.post(url, body, {**headers, "Content-Type": content_type})
        except TimeoutError:
            attempt.failure = "http_timeout"
            return
        except aiohttp.ClientError:
            attempt.failure = "connection_failed"
            return
        attempt.status = status
        delivery.response = answer
        if status // 100 != 2:
            attempt.failure = "no_retry" if no_retry else "http_error"

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any, bool]:
        """One signed request: the status, the body, and whether the app wants no second try."""
        stamp = str(int(time.time()))
        signed = {
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": signature(self._slack.app.signing_secret, stamp, body),
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        }
        timeout = aiohttp.ClientTimeout(total=self._slack.rules.ack_seconds)
        async with aiohttp.ClientSession(timeout=timeout) as session:  # noqa: SIM117
            async with session.post(url, data=body, headers={**headers, **signed}) as response:
                text = await response.text()
                answer: Any = text
                with contextlib.suppress(ValueError):
                    answer = json.loads(text) if text else None
                return response.status, answer, response.headers.get("X-Slack-No-Retry") == "1"
