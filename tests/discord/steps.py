"""Steps of the Discord tests: ask, wait for replies, read the history, use commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from chat_service import handlers
from chat_service.contracts import History, HistoryRequest
from chat_service.contracts.channel import ChannelRulesChange
from tests.discord.stack import Server
from tests.fakes.discord.control import DiscordControl
from tests.fakes.discord.models import Channel, Interaction, Message
from tests.fakes.model.protocol import ModelRequest, ScriptedResponse
from tests.processes import eventually


class Exchange(NamedTuple):
    """A question, its complete reply, and the request that the model got."""

    question: Message
    reply: Message
    request: ModelRequest


@dataclass
class HeldTurn:
    """A turn whose model writes only what the test releases."""

    server: Server
    question: Message
    request: ModelRequest

    async def write(self, text: str) -> None:
        """Let the model write this text."""
        await self.server.model.release(self.request.number, text)

    async def finish(self, text: str = "") -> None:
        """Let the model write this text and end."""
        if text:
            await self.write(text)
        await self.server.model.finish(self.request.number)


async def ask(server: Server, user: str, channel: str, text: str, *, mention: bool = True, **more: object) -> Exchange:
    """Post a message and wait for the complete reply. With `mention` it begins with a mention, except in a direct
    conversation."""
    number = await server.model.count_requests()
    if mention and channel != server.dm_channel:
        text = f"{server.mention} {text}"
    question = await server.discord.post(user, channel, text, **more)
    request = await server.model.wait_for_request(number)
    return Exchange(question, await wait_for_reply(server, question), request)


async def hold_turn(server: Server, user: str, channel: str, text: str) -> HeldTurn:
    """Post a mention and wait until the model was asked."""
    number = await server.model.count_requests()
    await server.model.script(ScriptedResponse(kind="gate"))
    question = await server.discord.mention(user, channel, text)
    return HeldTurn(server, question, await server.model.wait_for_request(number))


def is_complete(message: Message) -> bool:
    """Whether a message of a reply is complete: it has buttons, and none of them stops it."""
    buttons = message.buttons()
    return bool(buttons) and not any(button.get("label") == "Stop" for button in buttons)


async def wait_for_reply(server: Server, question: Message) -> Message:
    """Wait until a question has exactly one reply message, which is complete."""
    [reply] = await wait_for_reply_messages(server, question)
    return reply


async def wait_for_reply_messages(server: Server, question: Message, at_least: int = 1) -> list[Message]:
    """Wait for the complete reply to a question, which may have several messages."""

    async def read() -> list[Message]:
        return [reply for reply in await server.discord.replies(question.channel, question) if reply.buttons()]

    return await server.discord.wait_until(read, lambda found: len(found) >= at_least and all(map(is_complete, found)))


async def wait_for_user_texts(server: Server, channel: str, texts: list[str]) -> None:
    """Wait until a conversation holds exactly these messages of users; deleted ones have no text."""
    await wait_for_history(server, channel, lambda found: [text for text in texts_of_users(found) if text] == texts)


async def read_history(server: Server, channel: str) -> History:
    async with server.stack.stack.ingress() as ingress:
        return await ingress.call(handlers.CHAT_GET_HISTORY, server.conversation(channel), HistoryRequest(limit=200))


async def wait_for_history(server: Server, channel: str, holds: Callable[[History], Any]) -> History:
    return await server.discord.wait_until(lambda: read_history(server, channel), holds)


async def wait_until_idle(server: Server, channel: str, *, user_messages: int = 1) -> History:
    """Wait until a conversation has so many messages of users, and nothing runs or waits."""
    return await wait_for_history(
        server,
        channel,
        lambda found: not found.running and not found.waiting and len(texts_of_users(found)) >= user_messages,
    )


def texts_of_users(history: History) -> list[str]:
    return [message.text for message in history.messages if message.role == "user"]


async def read_user_texts(server: Server, channel: str) -> list[str]:
    """Return the messages of users that a conversation holds."""
    return texts_of_users(await read_history(server, channel))


async def set_rules(server: Server, channel: str, **changes: object) -> None:
    """Change the rules of a channel; the server's own id stands for the server."""
    scope = f"discord:{server.guild}" + ("" if channel == server.guild else f":{channel}")
    async with server.stack.stack.ingress() as ingress:
        await ingress.call(handlers.CHANNEL_SET_RULES, scope, ChannelRulesChange.model_validate(changes))


async def start_thread(server: Server) -> Channel:
    """Let Ada open a public thread in the server's channel."""
    return await server.discord.start_thread(server.ada, server.channel, "aside")


def prompt_text(request: ModelRequest) -> str:
    """Return all that the model was sent, as one text."""
    return "\n".join(str(message["content"]) for message in request.body["messages"])


async def lose_session(discord: DiscordControl) -> None:
    """Cut the bot's connection and forget its session: it starts a new one and gets no missed event."""
    await discord.forget_sessions()
    await discord.cut_sockets()


async def wait_for_log(server: Server, text: str, times: int = 1) -> None:
    """Wait until the bot's log contains a text."""

    async def read() -> str:
        return server.bot.log

    await eventually(read, lambda log: log.count(text) >= times)


async def wait_for_reactions(server: Server, messages: list[Message], emojis: set[str]) -> None:
    """Wait until each of these messages has these reactions and no other."""

    async def read() -> list[set[str]]:
        current = [await server.discord.message(message.channel, message.id) for message in messages]
        return [{emoji for emoji, users in message.reactions.items() if users} for message in current]

    await server.discord.wait_until(read, lambda found: found == [emojis] * len(messages))


async def wait_for_response(server: Server, used: Interaction) -> Message:
    """Wait for the response to a command or button; the bot must have answered or deferred it in time."""
    assert used.state in ("answered", "deferred") and used.answered_after is not None and used.answered_after < 3

    async def read() -> list[Message]:
        return await server.discord.responses(used)

    found = await server.discord.wait_until(read, lambda messages: bool(messages) and not messages[0].loading)
    return found[0]


async def wait_for_followup(server: Server, used: Interaction) -> Message:
    """Wait for the message that the bot showed in addition to the message with the pressed button."""

    async def read() -> list[Message]:
        return await server.discord.responses(used)

    return (await server.discord.wait_until(read, lambda messages: len(messages) > 1))[1]


async def use_command(server: Server, user: str, channel: str, name: str, **options: object) -> Message:
    """Use a slash command and wait for the response."""
    return await wait_for_response(server, await server.discord.run_command(user, channel, name, **options))


def visible_text(message: Message) -> str:
    """Return a message's text with those of its embeds."""
    return message.content + "".join(str(embed.get("description")) for embed in message.embeds)
