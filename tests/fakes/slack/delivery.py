"""Delivery of events, commands and interactions to the app over Socket Mode or HTTP, with Slack's retries."""

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


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Return Slack's v0 signature of a request."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


class Dispatcher:
    """Sends and records deliveries. Only events are retried."""

    def __init__(self, slack: FakeSlack) -> None:
        self._slack = slack
        self.deliveries: list[Delivery] = []
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._late_acks: set[asyncio.Task[None]] = set()

    def send(self, kind: Literal["events_api", "slash_commands", "interactive"], payload: Json) -> Delivery:
        """Start a delivery."""
        delivery = Delivery(number=len(self.deliveries), kind=kind, payload=payload)
        self.deliveries.append(delivery)
        self._start(delivery, self._deliver(delivery))
        return delivery

    def redeliver(self, number: int, retry_num: int, reason: str) -> None:
        """Deliver something again, even if it was acknowledged."""
        delivery = self.deliveries[number]
        self._start(delivery, self._attempt(delivery, retry_num, reason))

    def _start(self, delivery: Delivery, work: Any) -> None:
        self._tasks[delivery.number] = asyncio.get_running_loop().create_task(work)

    async def wait_until_done(self, delivery: Delivery) -> None:
        """Wait for the acknowledgement or the last attempt."""
        await asyncio.shield(self._tasks[delivery.number])

    def cancel_all(self) -> None:
        """Stop the unfinished deliveries."""
        for number, task in self._tasks.items():
            if not task.done():
                task.cancel()
                self.deliveries[number].state = "failed"

    async def close(self) -> None:
        """Cancel all tasks."""
        for task in [*self._tasks.values(), *self._late_acks]:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _deliver(self, delivery: Delivery) -> None:
        reason = ""
        delays = self._slack.rules.retry_delays if delivery.kind == "events_api" else []
        for number in range(len(delays) + 1):
            if number:
                await asyncio.sleep(delays[number - 1])
            await self._attempt(delivery, number, reason)
            if delivery.state == "acked":
                return
            reason = delivery.attempts[-1].failure or ""
            if reason == "no_retry":
                break
        delivery.state = "failed"
        self._slack.record_change()

    async def _attempt(self, delivery: Delivery, retry_num: int, reason: str) -> None:
        transport: Literal["socket", "http"] = "socket" if self._slack.app.socket_mode else "http"
        attempt = Attempt(at=time.time(), transport=transport, retry_num=retry_num, retry_reason=reason)
        delivery.attempts.append(attempt)
        self._slack.record_change()
        if self._slack.faults.outage is not None:
            attempt.failure = "outage"
        elif self._slack.app.socket_mode:
            await self._send_by_socket(delivery, attempt)
        else:
            await self._send_by_http(delivery, attempt)
        if attempt.failure is None:
            attempt.acked_at = time.time()
            delivery.state = "acked"
        self._slack.record_change()

    async def _send_by_socket(self, delivery: Delivery, attempt: Attempt) -> None:
        connection = self._slack.connections.next_connection()
        if connection is None:
            attempt.failure = "no_connection"
            return
        envelope: Json = {"envelope_id": str(uuid.uuid4()), "type": delivery.kind, "payload": delivery.payload}
        envelope["accepts_response_payload"] = delivery.kind != "events_api"
        if delivery.kind == "events_api":
            envelope.update(retry_attempt=attempt.retry_num, retry_reason=attempt.retry_reason)
        ack = self._slack.connections.expect_ack(envelope["envelope_id"])
        await connection.send(envelope)
        closed = asyncio.ensure_future(connection.closed.wait())
        timeout = self._slack.rules.ack_seconds
        await asyncio.wait([ack, closed], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if ack.done():
            closed.cancel()
            delivery.response = ack.result()
            return
        attempt.failure = "connection_failed" if closed.done() else "timeout"
        closed.cancel()
        task = asyncio.get_running_loop().create_task(self._record_late_ack(ack, attempt))
        self._late_acks.add(task)
        task.add_done_callback(self._late_acks.discard)

    async def _record_late_ack(self, ack: asyncio.Future[Any], attempt: Attempt) -> None:
        await ack
        attempt.late_ack_at = time.time()
        self._slack.record_change()

    async def _send_by_http(self, delivery: Delivery, attempt: Attempt) -> None:
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
            status, response, no_retry = await self.post_signed(url, body, {**headers, "Content-Type": content_type})
        except TimeoutError:
            attempt.failure = "http_timeout"
            return
        except aiohttp.ClientError:
            attempt.failure = "connection_failed"
            return
        attempt.status = status
        delivery.response = response
        if status // 100 != 2:
            attempt.failure = "no_retry" if no_retry else "http_error"

    async def post_signed(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any, bool]:
        """Send a signed request; return the status, the body, and whether the app refuses retries."""
        stamp = str(int(time.time()))
        signed = {
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": sign(self._slack.app.signing_secret, stamp, body),
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        }
        timeout = aiohttp.ClientTimeout(total=self._slack.rules.ack_seconds)
        async with aiohttp.ClientSession(timeout=timeout) as session:  # noqa: SIM117
            async with session.post(url, data=body, headers={**headers, **signed}) as response:
                parsed: Any = await response.text()
                with contextlib.suppress(ValueError):
                    parsed = json.loads(parsed) if parsed else None
                return response.status, parsed, response.headers.get("X-Slack-No-Retry") == "1"
