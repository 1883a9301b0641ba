"""Response URLs: an app answers an interaction with a message to the person or the channel, or replaces the source."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.fakes.slack.args import Args
from tests.fakes.slack.clock import Clock
from tests.fakes.slack.errors import ApiError
from tests.fakes.slack.methods.chat import new_bot_message, parse_content
from tests.fakes.slack.models import Json, Message, Rules
from tests.fakes.slack.registry import CallContext

if TYPE_CHECKING:
    from tests.fakes.slack.slack import FakeSlack


@dataclass
class ResponseUrl:
    """The target of a response URL and the number of its uses. `ts` is the message of the interaction."""

    team: str
    channel: str
    user: str
    issued_at: float
    ts: str | None = None
    uses: int = 0


class ResponseUrls:
    """Each works for five uses within thirty minutes."""

    def __init__(self, clock: Clock, rules: Rules) -> None:
        self._clock, self._rules = clock, rules
        self._urls: dict[str, ResponseUrl] = {}

    def issue(self, team: str, channel: str, user: str, ts: str | None = None) -> str:
        """Return the path of a new response URL."""
        secret = secrets.token_hex(12)
        self._urls[secret] = ResponseUrl(team, channel, user, self._clock.now(), ts)
        return f"actions/{team}/{uuid.uuid4().int % 10**12}/{secret}"

    def use(self, secret: str) -> ResponseUrl:
        """Count a use and return the target.

        Raises:
            ApiError: 404 with `used_url` or `expired_url`.
        """
        url = self._urls.get(secret)
        if url is None or self._clock.now() - url.issued_at > self._rules.response_url_seconds:
            raise ApiError("expired_url", status=404)
        if url.uses >= self._rules.response_url_uses:
            raise ApiError("used_url", status=404)
        url.uses += 1
        return url


def handle_response(slack: FakeSlack, secret: str, body: Json) -> Json:
    """Process a request to a response URL.

    Raises:
        ApiError: `used_url` and `expired_url` (404), and the errors of a message's content.
    """
    url = slack.response_urls.use(secret)
    args = Args(body)
    source = _find_source(slack, url)
    if args.boolean("delete_original"):
        if source is None:
            raise ApiError("message_not_found")
        if source in slack.state.ephemerals:
            slack.state.ephemerals.remove(source)
        else:
            slack.delete_message(source)
        return {}
    text, blocks, attachments = parse_content(args)
    if args.boolean("replace_original") and source is not None:
        before = source.model_copy(deep=True)
        changes = {"text": text, "blocks": blocks, "attachments": attachments}
        slack.state.revise(source, "response_url", **changes)
        if source.ephemeral_to is None:
            slack.events.message_changed(source, before)
        return {}
    post_response(slack, url.team, url.channel, url.user, body, "response_url")
    return {}


def post_response(slack: FakeSlack, team: str, channel: str, user: str, body: Json, method: str) -> None:
    """Post a response: ephemeral to the person, unless its `response_type` is `in_channel`."""
    args = Args(body)
    text, blocks, attachments = parse_content(args)
    context = CallContext(slack, slack.state.teams[team], slack.events.base_url)
    is_ephemeral = args.string("response_type") != "in_channel"
    message = new_bot_message(
        context,
        slack.state.channels[channel],
        text=text,
        blocks=blocks,
        attachments=attachments,
        thread_ts=args.string("thread_ts"),
        ephemeral_to=user if is_ephemeral else None,
    )
    slack.state.add_message(message, method)
    if not is_ephemeral:
        slack.events.message_posted(message)


def _find_source(slack: FakeSlack, url: ResponseUrl) -> Message | None:
    for message in slack.state.ephemerals:
        if (message.channel, message.ts) == (url.channel, url.ts):
            return message
    return slack.state.message(url.channel, url.ts or "")
