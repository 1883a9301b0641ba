"""Post replies in Slack threads: one message that grows, streamed natively where the workspace supports it.

A message whose stream a crash left open rejects every update, so the stream is stopped first, whatever it shows, and
the message is updated afterwards. An open stream cannot carry metadata: it is the bot's only message after the question
that has none.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import AsyncIterator

from bots.common.errors import OutcomeUnknownError, PermanentError, RateLimitedError, TransientError
from bots.common.protocols import DeliveryTarget, PostedMessage, TurnOutcome
from bots.common.reactions import StatusReactions
from bots.slack import formatting
from bots.slack.agent_sessions import AgentSessions
from bots.slack.client import INVALID_REQUEST_ERRORS, MAX_RATE_LIMIT_SECONDS, SlackApiCallError, SlackClient
from bots.slack.formatting import Blocks
from bots.slack.users import UserNames
from chat_service import keys
from chat_service.ingress import IngressClient

log = logging.getLogger(__name__)

REPLY_EVENT_TYPE = "threadwell_reply"
"""The metadata's event type by which a reply is found again."""
MAX_REMEMBERED = 10_000
MAX_REJECTIONS = 5
"""After this many rejections with an unlisted error code, a request counts as permanently rejected."""


class SlackReplyWriter:
    """Posts into the threads of one workspace. The methods are those of `ReplyWriter`."""

    preview_interval = 1.1

    def __init__(
        self, slack: SlackClient, ingress: IngressClient, reactions: StatusReactions, names: UserNames
    ) -> None:
        self._slack, self._reactions, self._names = slack, reactions, names
        self._sessions = AgentSessions(slack, ingress)
        self._previews_paused_until: dict[bool, float] = {}
        """Until when Slack wants no more previews: by streams (True) or by updates (False)."""
        self._supports_streaming = True
        self._ended_streams: set[str] = set()
        """Messages whose stream has ended, as far as this process knows. They are updated instead."""
        self._rejections: Counter[tuple[str, int, str]] = Counter()

    def split(self, text: str) -> list[str]:
        return formatting.split_reply(text)

    async def find(self, target: DeliveryTarget, part: int) -> PostedMessage | None:
        async for posted, number in self._iter_posted(target):
            if number == part:
                return posted
        return None

    async def open(self, target: DeliveryTarget) -> PostedMessage:
        channel, thread = _thread_of(target)
        if self._supports_streaming:
            person = next((message.person for message in target.question if message.person), None)
            try:
                response = await self._slack(
                    self._slack.web.chat_startStream,
                    channel=channel,
                    thread_ts=thread,
                    recipient_user_id=person,
                    recipient_team_id=await self._names.team_of_user(person) if person else None,
                )
                return PostedMessage(id=response["ts"], streaming=True)
            except SlackApiCallError as error:
                log.info("no native streaming: %s", error)
                if error.code in ("feature_disabled", "unknown_method", "not_allowed_token_type"):
                    self._supports_streaming = False
        return await self._post(target, 0, formatting.EMPTY_PREVIEW, formatting.preview_blocks("", target.turn))

    async def reopen(self, target: DeliveryTarget, posted: PostedMessage) -> None:
        if not posted.streaming:
            blocks = formatting.preview_blocks("", target.turn)
            await self._update(target, posted, formatting.EMPTY_PREVIEW, blocks)

    async def update_preview(
        self, target: DeliveryTarget, posted: PostedMessage, shown: str | None, text: str
    ) -> str | None:
        is_streaming = self._is_streaming(posted)
        if time.monotonic() < self._previews_paused_until.get(is_streaming, 0):
            raise RateLimitedError("previews are paused because of Slack's rate limit", 0)
        try:
            if is_streaming:
                return await self._append(target, posted, shown, text)
            await self._update_preview_text(target, posted, text)
        except RateLimitedError as error:
            pause = min(error.seconds, MAX_RATE_LIMIT_SECONDS)
            self._previews_paused_until[is_streaming] = time.monotonic() + pause
            raise
        return None

    async def _append(self, target: DeliveryTarget, posted: PostedMessage, shown: str | None, text: str) -> str | None:
        """Extend the stream by what `text` adds to `shown`."""
        visible = formatting.stable_prefix(formatting.neutralize_mentions(text))[: formatting.MAX_MESSAGE_CHARACTERS]
        if shown is None or not visible.startswith(shown):
            # A stream can only grow. If its text is unknown or has to change, the message is updated from now on.
            await self._stop_stream(target, posted, None, "", [])
            await self._update_preview_text(target, posted, text)
            return None
        if visible == shown:
            return shown
        channel, _ = _thread_of(target)
        method, added = self._slack.web.chat_appendStream, visible[len(shown) :]
        try:
            await self._slack.call_without_waiting(method, channel=channel, ts=posted.id, markdown_text=added)
        except SlackApiCallError as error:
            self._ended_streams.add(posted.id)
            if error.code == "stopped_by_user":
                raise
            await self._update_preview_text(target, posted, text)  # Slack ends a stream after some minutes
            return None
        return visible

    async def _update_preview_text(self, target: DeliveryTarget, posted: PostedMessage, text: str) -> None:
        fallback, blocks = formatting.plain_text_fallback(text), formatting.preview_blocks(text, target.turn)
        try:
            await self._update(target, posted, fallback, blocks, wait=False)
        except RateLimitedError:
            raise
        except (OutcomeUnknownError, TransientError):
            log.info("a preview was lost in %s", target.conversation)

    def _is_streaming(self, posted: PostedMessage) -> bool:
        return posted.streaming and posted.id not in self._ended_streams

    async def complete(
        self, target: DeliveryTarget, posted: PostedMessage, shown: str | None, part: str, outcome: TurnOutcome
    ) -> None:
        buttons = formatting.reply_buttons(outcome)
        if self._is_streaming(posted) and await self._stop_stream(target, posted, shown, part, buttons):
            return
        blocks = [formatting.markdown(part), *buttons]
        await self._update(target, posted, formatting.plain_text_fallback(part), blocks)

    async def post(self, target: DeliveryTarget, number: int, part: str, outcome: TurnOutcome) -> PostedMessage:
        blocks = [formatting.markdown(part), *formatting.reply_buttons(outcome)]
        return await self._post(target, number, formatting.plain_text_fallback(part), blocks)

    async def remove(self, target: DeliveryTarget, id: str) -> None:
        channel, _ = _thread_of(target)
        try:
            await self._slack(self._slack.web.chat_delete, channel=channel, ts=id)
        except PermanentError as error:
            if "message_not_found" not in str(error):
                raise
        except SlackApiCallError as error:
            if not self._is_permanent(target, error):
                raise TransientError(str(error)) from error
            # The complete reply stands beside the message that remains.
            log.warning("a superfluous message of %s cannot be deleted: %s", target.conversation, error)

    async def remove_duplicates(self, target: DeliveryTarget, kept: list[str]) -> None:
        # Nothing else is delivered to this thread meanwhile: a message without metadata is an unknown open stream.
        duplicates = [posted async for posted, _ in self._iter_posted(target) if posted.id not in kept]
        for posted in duplicates:
            log.warning("%s was posted twice in %s: deleting the later message", posted.id, target.conversation)
            if posted.streaming:
                await self._stop_stream(target, posted, None, "", [])
            await self.remove(target, posted.id)

    async def clear_status(self, target: DeliveryTarget, outcome: TurnOutcome) -> None:
        if len(self._ended_streams) > MAX_REMEMBERED:
            self._ended_streams.clear()  # Slack rejects a forgotten one as ended; then it is updated all the same
        await self._reactions.clear(target)
        channel, thread = _thread_of(target)
        if channel.startswith("D"):
            await self._sessions.finish_turn(target.conversation, channel, thread)

    async def _stop_stream(
        self, target: DeliveryTarget, posted: PostedMessage, shown: str | None, part: str, blocks: Blocks
    ) -> bool:
        """End a stream. Return whether the message now shows exactly `part`."""
        channel, _ = _thread_of(target)
        is_extension = shown is not None and part.startswith(shown)
        rest = part[len(shown or "") :] if is_extension else None
        try:
            await self._slack(
                self._slack.web.chat_stopStream,
                channel=channel,
                ts=posted.id,
                markdown_text=rest or None,
                blocks=blocks if is_extension and blocks else None,
                metadata=_metadata(target, 0),
            )
        except SlackApiCallError as error:
            # It was stopped before: by a person, by Slack after some minutes, or by a call whose response was lost.
            log.info("the stream of %s had ended: %s", target.conversation, error)
            self._ended_streams.add(posted.id)
            return False
        self._ended_streams.add(posted.id)
        return is_extension

    async def _update(
        self, target: DeliveryTarget, posted: PostedMessage, text: str, blocks: Blocks, *, wait: bool = True
    ) -> None:
        channel, _ = _thread_of(target)
        call = self._slack if wait else self._slack.call_without_waiting
        method, metadata = self._slack.web.chat_update, _metadata(target, 0)
        try:
            await call(method, channel=channel, ts=posted.id, text=text, blocks=blocks, metadata=metadata)
        except SlackApiCallError as error:
            if error.code == "streaming_state_conflict":
                await self._stop_stream(target, posted, None, "", [])
                raise TransientError("a stream was still open") from error
            raise self._map_rejection(target, error) from error

    async def _post(self, target: DeliveryTarget, number: int, text: str, blocks: Blocks) -> PostedMessage:
        channel, thread = _thread_of(target)
        try:
            response = await self._slack(
                self._slack.web.chat_postMessage,
                channel=channel,
                thread_ts=thread,
                text=text,
                blocks=blocks,
                metadata=_metadata(target, number),
                unfurl_links=False,
                unfurl_media=False,
            )
        except SlackApiCallError as error:
            raise self._map_rejection(target, error) from error
        return PostedMessage(id=response["ts"])

    def _map_rejection(self, target: DeliveryTarget, error: SlackApiCallError) -> Exception:
        return PermanentError(str(error)) if self._is_permanent(target, error) else TransientError(str(error))

    def _is_permanent(self, target: DeliveryTarget, error: SlackApiCallError) -> bool:
        """Return whether a rejection is final: the request is invalid, or it was rejected `MAX_REJECTIONS` times."""
        if error.code in INVALID_REQUEST_ERRORS:
            return True
        if len(self._rejections) > MAX_REMEMBERED:
            self._rejections.clear()
        key = (target.conversation, target.turn, str(error))
        self._rejections[key] += 1
        if self._rejections[key] < MAX_REJECTIONS:
            return False
        del self._rejections[key]
        return True

    async def _iter_posted(self, target: DeliveryTarget) -> AsyncIterator[tuple[PostedMessage, int]]:
        """Yield the messages of this turn with their part numbers. An open stream, which has no metadata, is part 0."""
        channel, thread = _thread_of(target)
        since = min((message.id for message in target.question if message.id), default=thread)
        async for message in self._slack.iter_thread(channel, thread, oldest=since, metadata=True):
            if message.get("user") != self._slack.identity.user or str(message["ts"]) <= since:
                continue
            metadata = message.get("metadata")
            if metadata is None:
                yield PostedMessage(id=message["ts"], streaming=True), 0
                continue
            payload = metadata.get("event_payload") or {}
            if metadata.get("event_type") == REPLY_EVENT_TYPE and payload.get("turn") == target.turn:
                yield PostedMessage(id=message["ts"]), int(payload.get("part") or 0)


def _thread_of(target: DeliveryTarget) -> tuple[str, str]:
    """Return the channel and the thread of a delivery."""
    key = keys.parse(target.conversation)
    if key is None:
        raise PermanentError(f"not a Slack thread: {target.conversation}")
    return key.channel, key.thread


def _metadata(target: DeliveryTarget, part: int) -> dict[str, object]:
    return {"event_type": REPLY_EVENT_TYPE, "event_payload": {"turn": target.turn, "part": part}}
