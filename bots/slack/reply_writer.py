"""How a reply gets into a Slack thread: one message that grows, natively streamed where the workspace has that.

A stream left open by a crash refuses every edit; so it is stopped first, whatever it shows, and then made to say what
it should. While it is open it cannot carry metadata: then it is the bot's one message after the question without any.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Awaitable
from typing import Any

from bots.common.errors import OutcomeUnknownError, PermanentError, RateLimitedError, TransientError
from bots.common.protocols import DeliveryTarget, PostedMessage, TurnOutcome
from bots.common.reactions import StatusReactions
from bots.slack import formatting
from bots.slack.client import INVALID_REQUEST_ERRORS, MAX_RATE_LIMIT_SECONDS, SlackApiCallError, SlackClient
from bots.slack.users import UserNames
from chat_service import keys
from chat_service.contracts import History, HistoryRequest
from chat_service.ingress import IngressClient, IngressError

log = logging.getLogger(__name__)

REPLY = "threadwell_reply"
MANY = 10_000
REFUSALS = 5
"""Times that Slack may refuse the same thing with a word nobody listed, before it counts as said for good."""


class SlackReplyWriter:
    """Posts into the threads of one workspace."""

    preview_interval = 1.1

    def __init__(self, slack: SlackClient, ingress: IngressClient, marks: StatusReactions, names: UserNames) -> None:
        self._slack, self._ingress, self._marks, self._names = slack, ingress, marks, names
        self._quiet: dict[bool, float] = {}
        """Until when Slack wants no more previews, by streams or by updates."""
        self._streams_natively = True
        self._ended: set[str] = set()
        """Streams that this process has seen the end of; their messages are updated."""
        self._refusals: Counter[tuple[str, int, str]] = Counter()

    def split(self, text: str) -> list[str]:
        return formatting.split_reply(text)

    async def find(self, spot: DeliveryTarget, part: int) -> PostedMessage | None:
        channel, thread = _place(spot)
        since = min((one.id for one in spot.question if one.id), default=thread)
        async for message in self._ours(channel, thread, since):
            metadata = message.get("metadata")
            payload = (metadata or {}).get("event_payload") or {}
            if (metadata or {}).get("event_type") == REPLY and payload.get("turn") == spot.turn:
                if payload.get("part") == part:
                    return PostedMessage(id=message["ts"])
            elif part == 0 and metadata is None:
                return PostedMessage(id=message["ts"], streaming=True)
        return None

    async def open(self, spot: DeliveryTarget) -> PostedMessage:
        channel, thread = _place(spot)
        if self._streams_natively:
            person = next((one.person for one in spot.question if one.person), None)
            try:
                answer = await self._slack(
                    self._slack.web.chat_startStream,
                    channel=channel,
                    thread_ts=thread,
                    recipient_user_id=person,
                    recipient_team_id=await self._names.team_of_user(person) if person else None,
                )
                return PostedMessage(id=answer["ts"], streaming=True)
            except SlackApiCallError as refused:
                log.info("no native streaming: %s", refused)
                if refused.error in ("feature_disabled", "unknown_method", "not_allowed_token_type"):
                    self._streams_natively = False
        blocks = formatting.preview_blocks("", spot.turn)
        return await self._post(spot, 0, formatting.EMPTY_PREVIEW, blocks)

    async def reopen(self, spot: DeliveryTarget, opened: PostedMessage) -> None:
        if not opened.streaming:
            await self._update(spot, opened, formatting.EMPTY_PREVIEW, formatting.preview_blocks("", spot.turn))

    async def update_preview(
        self, spot: DeliveryTarget, opened: PostedMessage, shown: str | None, text: str
    ) -> str | None:
        way = self._is_streaming(opened)
        if time.monotonic() < self._quiet.get(way, 0):
            raise RateLimitedError("Slack wants fewer previews", 0)
        try:
            return await self._show(spot, opened, shown, text)
        except RateLimitedError as throttled:
            self._quiet[way] = time.monotonic() + min(throttled.seconds, MAX_RATE_LIMIT_SECONDS)
            raise

    async def _show(self, spot: DeliveryTarget, opened: PostedMessage, shown: str | None, text: str) -> str | None:
        if not self._is_streaming(opened):
            try:
                words, blocks = formatting.plain_text_fallback(text), formatting.preview_blocks(text, spot.turn)
                await self._update(spot, opened, words, blocks, patient=False)
            except RateLimitedError:
                raise
            except (OutcomeUnknownError, TransientError):
                log.info("a preview was lost in %s", spot.conversation)
            return None
        words = formatting.stable_prefix(formatting.neutralize_mentions(text))[: formatting.MAX_MESSAGE_CHARACTERS]
        if shown is None or not words.startswith(shown):
            # A stream cannot take words back, and who does not know what it shows cannot add to it: from here on the
            # message is updated instead.
            await self._stop(spot, opened, None, "", [])
            return await self._show(spot, opened, None, text)
        if words == shown:
            return shown
        channel, _ = _place(spot)
        added = words[len(shown) :]
        try:
            append = self._slack.web.chat_appendStream
            await self._slack.call_without_waiting(append, channel=channel, ts=opened.id, markdown_text=added)
        except SlackApiCallError as refused:
            self._ended.add(opened.id)
            if refused.error == "stopped_by_user":
                raise
            return await self._show(spot, opened, None, text)  # Slack ends a stream by itself after some minutes
        return words

    def _is_streaming(self, opened: PostedMessage) -> bool:
        return opened.streaming and opened.id not in self._ended

    async def complete(
        self, spot: DeliveryTarget, opened: PostedMessage, shown: str | None, part: str, ending: TurnOutcome
    ) -> None:
        blocks = formatting.reply_buttons(ending)
        if self._is_streaming(opened) and await self._stop(spot, opened, shown, part, blocks):
            return
        await self._update(spot, opened, formatting.plain_text_fallback(part), [formatting.markdown(part), *blocks])

    async def post(self, spot: DeliveryTarget, number: int, part: str, ending: TurnOutcome) -> PostedMessage:
        blocks = [formatting.markdown(part), *formatting.reply_buttons(ending)]
        return await self._post(spot, number, formatting.plain_text_fallback(part), blocks)

    async def remove(self, spot: DeliveryTarget, id: str) -> None:
        channel, _ = _place(spot)
        try:
            await self._slack(self._slack.web.chat_delete, channel=channel, ts=id)
        except PermanentError as gone:
            if "message_not_found" not in str(gone):
                raise
        except SlackApiCallError as refused:
            if not self._is_final(spot, refused):
                raise TransientError(str(refused)) from refused
            # What is left over stays; the reply beside it is whole.
            log.warning("a message of %s stays where it is: %s", spot.conversation, refused)

    async def remove_duplicates(self, spot: DeliveryTarget, kept: list[str]) -> None:
        channel, thread = _place(spot)
        since = min((one.id for one in spot.question if one.id), default=thread)
        strays: list[PostedMessage] = []
        async for message in self._ours(channel, thread, since):
            metadata = message.get("metadata")
            payload = (metadata or {}).get("event_payload") or {}
            ours = (metadata or {}).get("event_type") == REPLY and payload.get("turn") == spot.turn
            # Nothing is delivered while this runs: a message without metadata is a stream that nobody knows of.
            if message["ts"] not in kept and (ours or metadata is None):
                strays.append(PostedMessage(id=message["ts"], streaming=metadata is None))
        for one in strays:
            log.warning("%s was posted twice in %s: the later one goes", one.id, spot.conversation)
            if one.streaming:
                await self._stop(spot, one, None, "", [])
            await self.remove(spot, one.id)

    async def clear_status(self, spot: DeliveryTarget, ending: TurnOutcome) -> None:
        if len(self._ended) > MANY:
            self._ended.clear()  # an older one of them is refused as ended, and then updated all the same
        await self._marks.clear(spot)
        channel, thread = _place(spot)
        if channel.startswith("D"):
            await self._lossy(spot, self._close_session(spot, channel, thread))

    async def _lossy(self, spot: DeliveryTarget, work: Awaitable[object]) -> None:
        try:
            await work
        except (PermanentError, OutcomeUnknownError, SlackApiCallError, TransientError) as error:
            log.debug("a sign stays in %s: %s", spot.conversation, error)

    async def _close_session(self, spot: DeliveryTarget, channel: str, thread: str) -> None:
        """The session waits for the person again, under the title that the conversation has by now."""
        web = self._slack.web
        await self._slack(web.agents_sessions_setStatus, status="active", channel_id=channel, thread_ts=thread)
        try:
            request = HistoryRequest(limit=1)
            page = await self._ingress.call("Chat", spot.conversation, "get_history", request, History, timeout=2)
        except (IngressError, TimeoutError):
            return
        if page.title:
            title = page.title[:200]
            await self._slack(web.agents_sessions_rename, channel_id=channel, thread_ts=thread, title=title)

    async def _stop(
        self, spot: DeliveryTarget, opened: PostedMessage, shown: str | None, part: str, blocks: list[dict[str, Any]]
    ) -> bool:
        """End a stream; whether it now says what it should."""
        channel, _ = _place(spot)
        goes_on = shown is not None and part.startswith(shown)
        rest = part[len(shown or "") :] if goes_on else None
        try:
            await self._slack(
                self._slack.web.chat_stopStream,
                channel=channel,
                ts=opened.id,
                markdown_text=rest or None,
                blocks=blocks if goes_on and blocks else None,
                metadata=_metadata(spot, 0),
            )
        except SlackApiCallError as refused:
            # Stopped before: by a person, by Slack after some minutes, or by a try of ours whose answer was lost.
            log.info("the stream of %s had ended: %s", spot.conversation, refused)
            self._ended.add(opened.id)
            return False
        self._ended.add(opened.id)
        return goes_on

    async def _update(
        self,
        spot: DeliveryTarget,
        opened: PostedMessage,
        text: str,
        blocks: list[dict[str, Any]],
        *,
        patient: bool = True,
    ) -> None:
        channel, _ = _place(spot)
        call = self._slack.web.chat_update
        metadata = _metadata(spot, 0)
        ask = self._slack if patient else self._slack.call_without_waiting
        try:
            await ask(call, channel=channel, ts=opened.id, text=text, blocks=blocks, metadata=metadata)
        except SlackApiCallError as refused:
            if refused.error == "streaming_state_conflict":
                await self._stop(spot, opened, None, "", [])
                raise TransientError("a stream was still open") from refused
            raise self._verdict(spot, refused) from refused

    async def _post(self, spot: DeliveryTarget, number: int, text: str, blocks: list[dict[str, Any]]) -> PostedMessage:
        channel, thread = _place(spot)
        try:
            answer = await self._slack(
                self._slack.web.chat_postMessage,
                channel=channel,
                thread_ts=thread,
                text=text,
                blocks=blocks,
                metadata=_metadata(spot, number),
                unfurl_links=False,
                unfurl_media=False,
            )
        except SlackApiCallError as refused:
            raise self._verdict(spot, refused) from refused
        return PostedMessage(id=answer["ts"])

    def _verdict(self, spot: DeliveryTarget, refused: SlackApiCallError) -> Exception:
        """What a refusal that is on no list means: not now, until it was said some times."""
        return PermanentError(str(refused)) if self._is_final(spot, refused) else TransientError(str(refused))

    def _is_final(self, spot: DeliveryTarget, refused: SlackApiCallError) -> bool:
        if refused.error in INVALID_REQUEST_ERRORS:
            return True
        if len(self._refusals) > MANY:
            self._refusals.clear()
        said = (spot.conversation, spot.turn, str(refused))
        self._refusals[said] += 1
        if self._refusals[said] < REFUSALS:
            return False
        del self._refusals[said]
        return True

    async def _ours(self, channel: str, thread: str, since: str) -> Any:
        """The bot's own messages in a thread after a moment, with their metadata."""
        async for message in self._slack.iter_thread(channel, thread, oldest=since, metadata=True):
            if message.get("user") == self._slack.identity.user and str(message["ts"]) > since:
                yield message


def _place(spot: DeliveryTarget) -> tuple[str, str]:
    key = keys.parse(spot.conversation)
    if key is None:
        raise PermanentError(f"not a Slack thread: {spot.conversation}")
    return key.channel, key.thread


def _metadata(spot: DeliveryTarget, part: int) -> dict[str, Any]:
    return {"event_type": REPLY, "event_payload": {"turn": spot.turn, "part": part}}
