"""A server of its own for every test of the bot, and what tests say and see in it."""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType

from bots.common.events import PlatformEvent, intake_handler
from bots.discord.message_snapshot import MessageSnapshot
from chat_service import handlers
from chat_service.contracts import History, HistoryRequest, utc
from chat_service.contracts.channel import ChannelRulesChange
from tests.discord.stack import World
from tests.fakes.discord.control import WORKING, DiscordControl
from tests.fakes.discord.models import Message
from tests.fakes.model import ModelControl
from tests.fakes.model.protocol import Behaviour, Seen
from tests.processes import session_name

GATE = Behaviour(kind="gate")


@dataclass
class Room:
    """A server with a channel and two people in it; the first, who owns it, also writes to the bot directly."""

    world: World
    discord: DiscordControl
    guild: str
    channel: str
    ada: str
    ben: str
    direct: str

    @property
    def model(self) -> ModelControl:
        return self.world.model

    def key(self, channel: str) -> str:
        """The conversation of a channel or thread."""
        return f"discord:{'@me' if channel == self.direct else self.guild}:{channel}"


async def new_room(world: World, permissions: tuple[str, ...] = WORKING) -> Room:
    """A server nobody has used."""
    discord, name = world.discord, session_name()
    ada = await discord.add_user(f"ada-{name}", global_name="Ada")
    ben = await discord.add_user(f"ben-{name}", global_name="Ben")
    guild = await discord.add_guild(name, ada.id, permissions=permissions)
    await discord.join(ben.id, guild.id)
    channel = await discord.add_channel(guild.id, "talk")
    direct = await discord.direct(ada.id)
    return Room(world, discord, guild.id, channel.id, ada.id, ben.id, direct.id)


async def history(room: Room, channel: str) -> History:
    """What the conversation holds."""
    async with room.world.stack.ingress() as ingress:
        return await ingress.call(handlers.CHAT_GET_HISTORY, room.key(channel), HistoryRequest(limit=200))


async def set_rules(room: Room, channel: str, **changes: object) -> None:
    """What somebody who may has decided about a channel; a server's own id stands for the server."""
    scope = f"discord:{room.guild}" + ("" if channel == room.guild else f":{channel}")
    async with room.world.stack.ingress() as ingress:
        await ingress.call(handlers.CHANNEL_SET_RULES, scope, ChannelRulesChange.model_validate(changes))


async def hand_over_again(room: Room, said: Message) -> None:
    """The intake gets a message a second time, when the engine has forgotten that it had it."""
    [event] = [one for one in await room.discord.events("MESSAGE_CREATE") if one.data["id"] == said.id]
    record = MessageSnapshot(
        id=said.id,
        channel_id=said.channel,
        guild_id=room.guild,
        text=event.data["content"],
        author_id=said.author,
        author_name="Ada",
        created_at=utc(said.created),
        mentions_bot=True,
    )
    async with room.world.stack.ingress() as ingress:
        arrival = PlatformEvent(raw=record.model_dump(mode="json"), backfill_run="again")
        sent = await ingress.send(intake_handler("discord"), record.conversation, arrival)
        await ingress.attach(sent.invocationId, NoneType)


def is_done(message: Message) -> bool:
    """Whether a message of the bot's is finished: it no longer offers to stop."""
    buttons = message.buttons()
    return bool(buttons) and not any(one.get("label") == "Stop" for one in buttons)


async def answered(room: Room, said: Message, channel: str | None = None, parts: int = 1) -> list[Message]:
    """The finished answer to a message."""

    async def look() -> list[Message]:
        return [one for one in await room.discord.replies(channel or said.channel, said) if one.buttons()]

    return await room.discord.until(look, lambda found: len(found) >= parts and all(map(is_done, found)))


async def asks(room: Room, user: str, channel: str, text: str, **more: object) -> tuple[Message, Message, Seen]:
    """Say something that is answered; gives it, the answer, and what the model was asked."""
    number = await room.model.count()
    said = await room.discord.post(user, channel, text, **more)
    seen = await room.model.wait(number)
    [reply] = await answered(room, said)
    return said, reply, seen


def prompt(seen: Seen) -> str:
    """All that the model was sent, in one text."""
    return "\n".join(str(m["content"]) for m in seen.body["messages"])
