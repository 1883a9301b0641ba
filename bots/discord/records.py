"""A Discord message as the adapter hands it over: everything that the gateway told, with names for codes, so that
nothing has to be asked again but the content of files."""

from __future__ import annotations

import re
import time
from typing import Any, Literal

import discord
from discord.utils import MISSING

from bots.adapter.commands import command_of, without_name
from bots.adapter.contract import Gone
from bots.discord.client import Bot, called
from chat_service.contracts import MAX_TEXT, Contract, Time

SPOKEN = (discord.MessageType.default, discord.MessageType.reply)
ASKED = discord.MessageType.chat_input_command
"""`/ask` answers with the question as a message, which is then heard like any other: nothing of it can be lost."""
QUOTE = 500
KEEP_SECONDS = 300.0
MANY = 10_000
_CODE = re.compile(r"<(@!?|@&|#)(\d+)>|<a?:(\w+):\d+>|</([^:>]+):\d+>")


class File(Contract):
    """Something attached. `url` is good for a day."""

    name: str
    kind: str = "application/octet-stream"
    size: int = 0
    url: str = ""


class Record(Contract):
    """What happened to a message.

    Attributes:
        parent: the channel that a thread belongs to.
        ours: it stands in a thread that the bot opened.
        files: what is attached, also to what is forwarded; without a url it cannot be read at all.
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
    ours: bool = False
    files: list[File] = []
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


class Records:
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
            return message.author.id == self._bot.me and message.interaction_metadata is not None
        return message.type in SPOKEN and not message.author.bot and message.webhook_id is None

    async def said(self, message: discord.Message, kind: Literal["said", "edited"] = "said") -> Record:
        """What was said.

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
        me, answers = self._bot.me, _answered(message)
        others = {one.id for one in message.mentions if not one.bot} - {author.id, me}
        if answers is not None and answers.author.id not in (me, author.id) and not answers.author.bot:
            others.add(answers.author.id)
        said = self.plain(message.content, message, own_name=False)
        words = [
            *([self._quoted(answers)] if answers is not None else []),
            *([_title(channel)] if is_thread and message.id == channel.id and not command_of(said) else []),
            said,
            *(f"(forwarded)\n{_as_quote(self._whole(one, message))}" for one in message.message_snapshots),
            *(words for one in message.embeds if one.type == "rich" and (words := _embed(one))),
            *([f"(poll: {message.poll.question}; {', '.join(a.text for a in message.poll.answers)})"]
              if message.poll else []),
        ]  # fmt: skip
        attached = [*message.attachments, *(a for one in message.message_snapshots for a in one.attachments)]
        files = [File(name=one.filename, kind=_kind(one), size=one.size, url=one.url) for one in attached]
        files += [File(name=f"the sticker {one.name}") for one in message.stickers]
        mentioned = (
            message.type is ASKED or self._is_named(message) or (answers is not None and answers.author.id == me)
        )
        return Record(
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
            ours=is_thread and channel.owner_id == me,
            files=files,
            unknown=not self._bot.reads_content and guild is not None and not self._is_named(message)
            and message.type is not ASKED,
        )  # fmt: skip

    def plain(self, text: str, message: discord.Message, *, own_name: bool = True) -> str:
        """A text with names for its codes; `own_name=False`: without the bot's at its beginning, which is the address,
        not the message; behind a command as well."""
        if not own_name:
            role = self._own_role(message)
            names = "|".join([f"<@!?{self._bot.me}>", *([f"<@&{role}>"] if role else [])])
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
                return f"#{_in_line(getattr(found, 'name', None) or code)}"
            if mark == "@&":
                role = message.guild.get_role(int(code)) if message.guild else None
                return f"@{_in_line(role.name if role else code)}"
            known = people.get(int(code)) or getattr(self._bot.get_user(int(code)), "display_name", None)
            return f"@{_in_line(known or code)}"

        return _CODE.sub(name, text)

    def _is_named(self, message: discord.Message) -> bool:
        if re.search(rf"<@!?{self._bot.me}>", message.content) or any(
            one.id == self._bot.me for one in message.mentions
        ):
            return True
        role = self._own_role(message)
        return bool(role) and (f"<@&{role}>" in message.content or role in message.raw_role_mentions)

    def _own_role(self, message: discord.Message) -> int:
        """The role that came with the bot: many people pick it by mistake. 0: there is none."""
        own = message.guild.self_role if message.guild else None
        return own.id if own is not None else 0

    def _quoted(self, answered: discord.Message) -> str:
        text = self._whole(answered, answered)
        if not text.strip():
            return ""
        who = "your message" if answered.author.id == self._bot.me else _in_line(answered.author.display_name)
        return f"(in answer to {who})\n{_as_quote(text if len(text) <= QUOTE else text[:QUOTE].rstrip() + '…')}"

    def _whole(self, one: Any, message: discord.Message) -> str:
        words = [self.plain(one.content, message), *(_embed(e) for e in one.embeds if e.type == "rich")]
        return "\n".join(word for word in words if word.strip())

    async def _member(self, guild: discord.Guild, person: int) -> discord.Member | None:
        """What history does not tell: how somebody is called in a server, and their roles. Kept for some minutes."""
        known = guild.get_member(person)
        if known is not None:
            return known
        member, until = self._members.get((guild.id, person), (None, 0.0))
        if time.monotonic() < until:
            return member
        try:
            member = await called("fetch_member", guild.fetch_member(person))
        except Gone:
            member = None  # has left since
        if len(self._members) > MANY:
            self._members.clear()
        self._members[guild.id, person] = (member, time.monotonic() + KEEP_SECONDS)
        return member


def _kind(attachment: discord.Attachment) -> str:
    return (attachment.content_type or "").partition(";")[0] or "application/octet-stream"


def _answered(message: discord.Message) -> discord.Message | None:
    reference = message.reference
    if reference is None or message.type is not discord.MessageType.reply:
        return None
    return reference.resolved if isinstance(reference.resolved, discord.Message) else None


def _in_line(name: str) -> str:
    """A name in a text: one that has line breaks must not look like somebody else's words."""
    return " ".join(name.split())


def _title(post: discord.Thread) -> str:
    """What a forum's post is called, which often is the question."""
    return f"(a post with the title: {_in_line(post.name)})"


def _as_quote(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.splitlines())


def _embed(embed: discord.Embed) -> str:
    fields = [f"{one.name}: {one.value}" for one in embed.fields]
    said = [embed.author.name, embed.title, embed.description, *fields, embed.footer.text]
    return "\n".join(one for one in said if one and one is not MISSING)
