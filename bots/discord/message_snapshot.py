"""A Discord message as the adapter hands it over: everything that the gateway told, with names for codes, so that
nothing has to be asked again but the content of files."""

from __future__ import annotations

import re
import time
from typing import Any, Literal

import discord

from bots.common.commands import command_of, without_name
from bots.common.errors import PermanentError
from bots.discord.client import Bot, call_discord
from bots.discord.message_text import embed, media_type_of, quote, replied_message, single_line, title
from chat_service.contracts import MAX_TEXT, Contract, Time

SPOKEN = (discord.MessageType.default, discord.MessageType.reply)
ASKED = discord.MessageType.chat_input_command
"""`/ask` answers with the question as a message, which is then heard like any other: nothing of it can be lost."""
QUOTE = 500
NAMING = 200
"""Characters of what names a thread; Discord takes 100."""
NAMED = 10
"""People whose names are looked up for one message, at most."""
MOMENT = "%A %d %B %Y %H:%M UTC"
"""As the model is told when something was said."""
KEEP_SECONDS = 300.0
MANY = 10_000
_CODE = re.compile(r"<(@!?|@&|#)(\d+)>|<a?:(\w+):\d+>|</([^:>]+):\d+>")


class File(Contract):
    """Something attached. `url` is good for a day."""

    name: str
    kind: str = "application/octet-stream"
    size: int = 0
    url: str = ""


class MessageSnapshot(Contract):
    """What happened to a message.

    Attributes:
        parent: the channel that a thread belongs to.
        ours: it stands in a thread that the bot opened.
        files: what is attached, also to what is forwarded; without a url it cannot be read at all.
        own: what its author says in it, without what is told of the message that it answers.
        answers: what somebody else, or its author, said before, to which this is a reply.
    """

    kind: Literal["said", "edited", "deleted"] = "said"
    id: str
    channel: str
    guild: str = ""
    parent: str = ""
    text: str = ""
    person: str = ""
    name: str = ""
    roles: list[str] = []
    at: Time
    mentions_bot: bool = False
    mentions_others: bool = False
    own: str = ""
    ours: bool = False
    files: list[File] = []
    answers: MessageSnapshot | None = None
    revised: bool = False
    unknown: bool = False
    """Its text was kept from us: the Message Content intent is off."""

    @property
    def conversation(self) -> str:
        """The key of the channel or thread it stands in."""
        return f"discord:{self.guild or '@me'}:{self.channel}"

    @property
    def addressed(self) -> bool:
        """Whether it is said to the bot."""
        return not self.guild or self.mentions_bot or (self.ours and not self.mentions_others)


def position(id: int | str) -> str:
    """A snowflake's place in Discord's order, comparable as text."""
    return f"{int(id):020d}"


class SnapshotBuilder:
    """Makes records of what discord.py tells."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._members: dict[tuple[int, int], tuple[discord.Member | None, float]] = {}

    def is_persons(self, message: discord.Message) -> bool:
        """Whether a person said it: no bot, no webhook, no notice of Discord's own; the bot's own `/ask` is theirs.

        What the bot shows to one person alone is told to it as well, as if it had been said directly.
        """
        if message.flags.ephemeral:
            return False
        if message.type is ASKED:
            return message.author.id == self._bot.user_id and message.interaction_metadata is not None
        return message.type in SPOKEN and not message.author.bot and message.webhook_id is None

    async def said(
        self, message: discord.Message, kind: Literal["said", "edited"] = "said", *, alone: bool = False
    ) -> MessageSnapshot:
        """What was said; `alone`: without what it answers.

        Raises:
            Gone, Unclear, Later: the place or its author cannot be had.
        """
        channel: Any = message.channel
        guild = message.guild or getattr(channel, "guild", None)
        if guild is not None and isinstance(channel, discord.PartialMessageable):
            channel = await self._bot.channel(channel.id)  # a thread that had been archived
        is_thread = isinstance(channel, discord.Thread)
        author: Any = message.author
        if message.type is ASKED and message.interaction_metadata is not None:
            author = message.interaction_metadata.user
        if guild is not None and not isinstance(author, discord.Member):
            author = await self._member(guild, author.id) or author
        me, answers = self._bot.user_id, None if alone else replied_message(message)
        others = {one.id for one in message.mentions if not one.bot} - {author.id, me}
        if answers is not None and answers.author.id not in (me, author.id) and not answers.author.bot:
            others.add(answers.author.id)
        await self._meet(guild, message)
        said = self.plain(message.content, message, own_name=False)
        mentioned = (
            message.type is ASKED or self._is_named(message) or (answers is not None and answers.author.id == me)
        )
        ours = is_thread and channel.owner_id == me
        # A command is one wherever it stands: as a reply, and as a post in a forum.
        bare = command_of(said) is not None
        before = None
        if answers is not None and kind == "said" and not bare and self.is_persons(answers):
            asked = mentioned or ours or guild is None or answers.author.id == author.id
            before = await self.said(answers, alone=True) if asked else None
        around = (
            []
            if bare
            else [
                *([self._quoted(answers, before)] if answers is not None else []),
                *([title(channel)] if is_thread and message.id == channel.id else []),
            ]
        )
        forwarded = [self._whole(one, message) for one in message.message_snapshots]
        words = [
            *around,
            said,
            *(f"(forwarded)\n{quote(one)}" for one in forwarded),
            *(card for one in message.embeds if one.type == "rich" and (card := embed(one))),
            *([f"(poll: {message.poll.question}; {', '.join(a.text for a in message.poll.answers)})"]
              if message.poll else []),
        ]  # fmt: skip
        attached = [*message.attachments, *(a for one in message.message_snapshots for a in one.attachments)]
        files = [File(name=one.filename, kind=media_type_of(one), size=one.size, url=one.url) for one in attached]
        files += [File(name=f"the sticker {one.name}") for one in message.stickers]
        return MessageSnapshot(
            kind=kind,
            id=str(message.id),
            channel=str(channel.id),
            guild=str(guild.id) if guild is not None else "",
            parent=str(channel.parent_id) if is_thread else "",
            text="\n".join(one for one in words if one.strip())[:MAX_TEXT],
            person=str(author.id),
            name=author.display_name,
            roles=[str(one.id) for one in getattr(author, "roles", ())],
            at=message.created_at,
            mentions_bot=mentioned,
            mentions_others=bool(others),
            own=" ".join(" ".join([said, *forwarded]).split())[:NAMING],
            ours=ours,
            files=files,
            answers=before,
            revised=message.edited_at is not None,
            unknown=not self._bot.reads_content and guild is not None and not self._is_named(message)
            and message.type is not ASKED,
        )  # fmt: skip

    def plain(self, text: str, message: discord.Message, *, own_name: bool = True) -> str:
        """A text with names for its codes; `own_name=False`: without the bot's at its beginning, which is the address,
        not the message; behind a command as well."""
        if not own_name:
            role = self._own_role(message)
            names = "|".join([f"<@!?{self._bot.user_id}>", *([f"<@&{role}>"] if role else [])])
            text = without_name(text, re.compile(names))
        people = {one.id: one.display_name for one in message.mentions}

        def name(match: re.Match[str]) -> str:
            mark, code, emoji, command = match.groups()
            if emoji:
                return f":{emoji}:"
            if command:
                return f"/{command}"
            if mark == "#":
                found: Any = self._bot.get_channel(int(code))
                return f"#{single_line(getattr(found, 'name', None) or code)}"
            if mark == "@&":
                role = message.guild.get_role(int(code)) if message.guild else None
                return f"@{single_line(role.name if role else code)}"
            member, _ = self._members.get((message.guild.id if message.guild else 0, int(code)), (None, 0.0))
            met: Any = member or self._bot.get_user(int(code))
            known = getattr(member, "display_name", None) or people.get(int(code)) or getattr(met, "display_name", None)
            return f"@{single_line(known or code)}"

        return _CODE.sub(name, text)

    def _is_named(self, message: discord.Message) -> bool:
        if re.search(rf"<@!?{self._bot.user_id}>", message.content) or any(
            one.id == self._bot.user_id for one in message.mentions
        ):
            return True
        role = self._own_role(message)
        return bool(role) and (f"<@&{role}>" in message.content or role in message.raw_role_mentions)

    def _own_role(self, message: discord.Message) -> int:
        """The role that came with the bot: many people pick it by mistake. 0: there is none."""
        own = message.guild.self_role if message.guild else None
        return own.id if own is not None else 0

    def _quoted(self, answered: discord.Message, before: MessageSnapshot | None) -> str:
        """What a reply answers. A person's message is only named: it goes with the reply as itself, so that it can be
        edited and deleted."""
        if self.is_persons(answered):
            name = before.name if before is not None else answered.author.display_name
            return f"(in answer to {single_line(name)}, {answered.created_at:{MOMENT}})"
        text = self._whole(answered, answered)
        if not text.strip():
            return ""
        who = "your message" if answered.author.id == self._bot.user_id else single_line(answered.author.display_name)
        return f"(in answer to {who})\n{quote(text if len(text) <= QUOTE else text[:QUOTE].rstrip() + '…')}"

    def _whole(self, one: Any, message: discord.Message) -> str:
        words = [self.plain(one.content, message), *(embed(e) for e in one.embeds if e.type == "rich")]
        return "\n".join(word for word in words if word.strip())

    async def _meet(self, guild: discord.Guild | None, message: discord.Message) -> None:
        """Learn who is named in a message, as they are called in the server: history does not tell, and nothing does
        of a message that notifies nobody."""
        told = {one.id for one in message.mentions if isinstance(one, discord.Member)} | {self._bot.user_id}
        named = [int(one) for one in re.findall(r"<@!?(\d+)>", message.content)]
        for person in [one for one in dict.fromkeys(named) if one not in told][:NAMED]:
            if guild is not None:
                await self._member(guild, person)

    async def _member(self, guild: discord.Guild, person: int) -> discord.Member | None:
        """What history does not tell: how somebody is called in a server, and their roles. Kept for some minutes."""
        known = guild.get_member(person)
        if known is not None:
            return known
        member, until = self._members.get((guild.id, person), (None, 0.0))
        if time.monotonic() < until:
            return member
        try:
            member = await call_discord("fetch_member", guild.fetch_member(person))
        except PermanentError:
            member = None  # has left since
        if len(self._members) > MANY:
            self._members.clear()
        self._members[guild.id, person] = (member, time.monotonic() + KEEP_SECONDS)
        return member
