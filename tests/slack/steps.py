"""Steps of the Slack tests: ask, hold a turn, wait for replies, read the history, change rules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from chat_service import handlers
from chat_service.contracts import History, HistoryRequest
from chat_service.contracts.channel import ChannelRulesChange
from chat_service.storage.record import StateRecord
from chat_service.storage.serde import RecordSerde
from tests.fakes.model.protocol import ModelRequest, ScriptedResponse
from tests.fakes.slack.models import Message, Session
from tests.processes import eventually
from tests.slack.stack import Workspace

NO_STREAM = "channel_type_not_supported"
"""The error of `chat.startStream` after which the bot updates a message instead."""


@dataclass
class HeldTurn:
    """A turn whose model writes only what the test releases."""

    workspace: Workspace
    question: Message
    request: ModelRequest

    async def write(self, text: str) -> None:
        """Let the model write this text."""
        await self.workspace.model.release(self.request.number, text)

    async def finish(self, text: str = "") -> None:
        """Let the model write this text and end."""
        if text:
            await self.write(text)
        await self.workspace.model.finish(self.request.number)

    async def hold_again(self, interrupt: Callable[[], Awaitable[None]]) -> HeldTurn:
        """Interrupt the turn and wait until the model is asked again; that request is held too."""
        model = self.workspace.model
        number = await model.count_requests()
        await model.script(ScriptedResponse(kind="gate"))
        await interrupt()
        return HeldTurn(self.workspace, self.question, await model.wait_for_request(number))


async def ask(workspace: Workspace, user: str, channel: str, text: str, **more: object) -> tuple[Message, ModelRequest]:
    """Post a message and wait until its reply has text. Return the message and the request that the model got."""
    number = await workspace.model.count_requests()
    question = await workspace.slack.post(user, channel, text, **more)
    request = await workspace.model.wait_for_request(number)
    await workspace.slack.wait_reply(channel, question.root, lambda m: m.text and m.ts > question.ts)
    return question, request


async def hold_turn(workspace: Workspace, user: str, channel: str, text: str, **more: object) -> HeldTurn:
    """Post a message and wait until the model was asked."""
    number = await workspace.model.count_requests()
    await workspace.model.script(ScriptedResponse(kind="gate"))
    question = await workspace.slack.post(user, channel, text, **more)
    return HeldTurn(workspace, question, await workspace.model.wait_for_request(number))


def visible_text(message: Message) -> str:
    """Return the Markdown that a message shows."""
    return "".join(b["text"] for b in message.blocks if b["type"] == "markdown") or message.text


async def wait_for_replies(workspace: Workspace, question: Message, count: int = 1) -> list[Message]:
    """Wait until the bot has `count` messages in the thread of a question and the last one is complete."""

    def is_complete(messages: list[Message]) -> bool:
        if len(messages) != count:
            return False
        kinds = {b["type"] for b in messages[-1].blocks}
        return bool(kinds & {"context_actions", "actions"}) and "'stop'" not in str(messages[-1].blocks)

    slack = workspace.slack
    return await slack.wait_until(lambda: slack.replies(question.channel, question.root), is_complete)


async def read_history(workspace: Workspace, message: Message) -> History:
    """Return the conversation of a message's thread."""
    async with workspace.ingress() as ingress:
        request = HistoryRequest(limit=200)
        return await ingress.call(handlers.CHAT_GET_HISTORY, workspace.conversation(message), request)


async def wait_for_history(workspace: Workspace, message: Message, holds: Callable[[History], Any]) -> History:
    """Wait until the conversation of a message's thread fulfils a condition."""
    return await workspace.slack.wait_until(lambda: read_history(workspace, message), holds)


def texts_of_users(history: History) -> list[str]:
    """Return the texts of the messages of users."""
    return [message.text for message in history.messages if message.role == "user"]


def prompt_text(request: ModelRequest) -> str:
    """Return all that the model was sent, as one text."""
    return "\n".join(str(message["content"]) for message in request.body["messages"])


async def read_reactions(workspace: Workspace, channel: str) -> list[tuple[str, str]]:
    """Return the reactions in a channel as pairs of message ts and name."""
    return [(m.ts, name) for m in await workspace.slack.messages(channel) for name in sorted(m.reactions)]


async def wait_for_reactions(workspace: Workspace, expected: list[tuple[str, str]]) -> None:
    """Wait until the workspace's channel has exactly these reactions."""
    await workspace.slack.wait_until(lambda: read_reactions(workspace, workspace.channel), lambda f: f == expected)


async def wait_for_ephemerals(workspace: Workspace, user: str, channel: str, count: int = 1) -> list[Message]:
    """Wait until a person was shown at least so many ephemeral messages in a channel."""
    slack = workspace.slack
    return await slack.wait_until(lambda: slack.ephemerals(channel, user), lambda found: len(found) >= count)


async def wait_for_ephemeral(workspace: Workspace, user: str, text: str, channel: str = "") -> Message:
    """Wait until a person was shown an ephemeral message with this text; default: in the workspace's channel."""

    async def find() -> Message | None:
        messages = await workspace.slack.ephemerals(channel or workspace.channel, user)
        return next((message for message in messages if text in visible_text(message)), None)

    found = await workspace.slack.wait_until(find)
    assert found is not None
    return found


async def set_rules(workspace: Workspace, scope: str, **change: object) -> None:
    """Change the rules of a scope, as an administrator does."""
    async with workspace.ingress() as ingress:
        await ingress.call(handlers.CHANNEL_SET_RULES, scope, ChannelRulesChange.model_validate(change))


async def wait_for_session(workspace: Workspace, message: Message, status: str) -> Session:
    """Wait until the agent session of a message's thread has this status."""
    slack = workspace.slack
    session = await slack.wait_until(
        lambda: slack.session(message.channel, message.root), lambda found: found is not None and found.status == status
    )
    assert session is not None
    return session


async def ask_failing(workspace: Workspace, channel: str) -> tuple[Message, Message]:
    """Let Ada ask a question whose model request is refused. Return it and the reply, which offers a retry."""
    refusal = ScriptedResponse(kind="fail", status=401, body={"error": {"message": "no"}})
    await workspace.model.script(refusal)
    question = await workspace.slack.mention(workspace.ada, channel, "will fail")
    [reply] = await wait_for_replies(workspace, question)
    return question, reply


async def add_administrator(workspace: Workspace) -> str:
    """Add an administrator of the workspace to the channel and return the user id."""
    user = await workspace.slack.add_user("boss", is_admin=True)
    await workspace.slack.join(user.id, workspace.channel)
    return user.id


async def write_state(workspace: Workspace, service: str, key: str, name: str, record: StateRecord) -> None:
    """Replace one state record of an object by Restate's admin API; the other records stay."""
    stack = workspace.stack.stack
    rows = await stack.query(f"select key, value from state where service_name = '{service}' and service_key = '{key}'")
    state = {row["key"]: list(bytes.fromhex(row["value"])) for row in rows}
    state[name] = list(RecordSerde(type(record)).serialize(record))
    body = {"object_key": key, "new_state": state}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{stack.engine.admin_url}/services/{service}/state", json=body) as response,
    ):
        assert response.ok, await response.text()

    async def read() -> list[dict[str, Any]]:
        return await stack.query(
            f"select value from state where service_name = '{service}' and service_key = '{key}' and key = '{name}'"
        )

    written = bytes(state[name]).hex()
    await eventually(read, lambda found: [row["value"] for row in found] == [written])
