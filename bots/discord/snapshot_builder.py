"""Build snapshots of discord.py's messages, with names in place of ids."""

from __future__ import annotations

from typing import Literal

import discord
from discord.utils import MISSING

from bots.common.commands import parse_command
from bots.discord.client import Bot
from bots.discord.message_snapshot import AttachedFile, MessageSnapshot
from bots.discord.users import UserNames, single_line
from chat_service.contracts import MAX_TEXT

USER_MESSAGE_TYPES = (discord.MessageType.default, discord.MessageType.reply)
ASK_MESSAGE_TYPE = discord.MessageType.chat_input_command
"""`/ask` responds with the question as a message, which is then processed like any other and cannot be lost."""
MAX_QUOTE = 500
MAX_TITLE_EXCERPT = 200
"""Characters for the name of a thread. Discord takes 100."""
TIME_FORMAT = "%A %d %B %Y %H:%M UTC"
"""The format in which the model also gets the time of other messages."""


class SnapshotBuilder:
    """Builds snapshots of discord.py's messages."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._names = UserNames(bot)

    def is_user_message(self, message: discord.Message) -> bool:
        """Return whether a person wrote a message. Messages of bots, webhooks and Discord itself are not; the bot's
        message for a person's `/ask` is.

        Trap: the bot also receives its own ephemeral responses, as if they were direct messages.
        """
        if message.flags.ephemeral:
            return False
        if message.type is ASK_MESSAGE_TYPE:
            return message.author.id == self._bot.user_id and message.interaction_metadata is not None
        return message.type in USER_MESSAGE_TYPES and not message.author.bot and message.webhook_id is None

    async def build(
        self, message: discord.Message, kind: Literal["created", "edited"] = "created", *, with_reply_to: bool = True
    ) -> MessageSnapshot:
        """Return the snapshot of a message; `with_reply_to`: together with the message that it replies to.

        Raises:
            PermanentError, OutcomeUnknownError, TransientError: its channel or author cannot be fetched.
        """
        guild = message.guild or getattr(message.channel, "guild", None)
        thread = await self._fetch_thread(message, guild)
        author = await self._fetch_author(message, guild)
        bot_id = self._bot.user_id
        replied = replied_message(message) if with_reply_to else None
        await self._names.fetch_mentioned(guild, message)
        text = self._names.replace_mentions(self._names.without_bot_mention(message.content, message), message)
        is_ask, is_mentioned = message.type is ASK_MESSAGE_TYPE, self._names.is_bot_mentioned(message)
        mentions_bot = is_ask or is_mentioned or (replied is not None and replied.author.id == bot_id)
        in_bot_thread = thread is not None and thread.owner_id == bot_id
        is_command = parse_command(text) is not None
        reply_to = None
        if replied is not None and kind == "created" and not is_command and self.is_user_message(replied):
            # Another person's message is remembered only if this one is for the bot.
            is_for_bot = mentions_bot or in_bot_thread or guild is None
            is_remembered = is_for_bot or replied.author.id == author.id
            reply_to = await self.build(replied, with_reply_to=False) if is_remembered else None
        # A command has no context, so that it is recognized as a reply and as a forum post as well.
        context = [] if is_command else self._context(message, thread, replied, reply_to)
        forwarded = [self._full_text(snapshot, message) for snapshot in message.message_snapshots]
        quotes = [f"(forwarded)\n{quote(content)}" for content in forwarded]
        texts = [*context, text, *quotes, *_rich_embed_texts(message), *_poll_texts(message)]
        return MessageSnapshot(
            kind=kind,
            id=str(message.id),
            channel_id=str(message.channel.id),
            guild_id=str(guild.id) if guild is not None else "",
            parent_id=str(thread.parent_id) if thread is not None else "",
            text="\n".join(part for part in texts if part.strip())[:MAX_TEXT],
            author_id=str(author.id),
            author_name=author.display_name,
            roles=[str(role.id) for role in getattr(author, "roles", ())],
            created_at=message.created_at,
            mentions_bot=mentions_bot,
            mentions_others=_mentions_others(message, author.id, replied, bot_id),
            title_excerpt=" ".join(" ".join([text, *forwarded]).split())[:MAX_TITLE_EXCERPT],
            in_bot_thread=in_bot_thread,
            files=_attached_files(message),
            reply_to=reply_to,
            edited=message.edited_at is not None,
            content_hidden=not self._bot.reads_content and guild is not None and not is_mentioned and not is_ask,
        )

    async def _fetch_thread(self, message: discord.Message, guild: discord.Guild | None) -> discord.Thread | None:
        channel: object = message.channel
        if guild is not None and isinstance(channel, discord.PartialMessageable):  # a thread that had been archived
            channel = await self._bot.get_or_fetch_channel(channel.id)
        return channel if isinstance(channel, discord.Thread) else None

    async def _fetch_author(
        self, message: discord.Message, guild: discord.Guild | None
    ) -> discord.Member | discord.User:
        author = message.author
        if message.type is ASK_MESSAGE_TYPE and message.interaction_metadata is not None:
            author = message.interaction_metadata.user
        if guild is not None and not isinstance(author, discord.Member):
            return await self._names.fetch_member(guild, author.id) or author
        return author

    def _context(
        self,
        message: discord.Message,
        thread: discord.Thread | None,
        replied: discord.Message | None,
        reply_to: MessageSnapshot | None,
    ) -> list[str]:
        context: list[str] = []
        if replied is not None:
            context.append(self._reply_header(replied, reply_to))
        if thread is not None and message.id == thread.id:
            context.append(f"(a post with the title: {single_line(thread.name)})")
        return context

    def _reply_header(self, replied: discord.Message, reply_to: MessageSnapshot | None) -> str:
        """Describe the message that is replied to. A person's message is only named: it is passed on as a message of
        its own, which can be edited and deleted."""
        if self.is_user_message(replied):
            name = reply_to.author_name if reply_to is not None else replied.author.display_name
            return f"(in answer to {single_line(name)}, {replied.created_at:{TIME_FORMAT}})"
        text = self._full_text(replied, replied)
        if not text.strip():
            return ""
        author = "your message" if replied.author.id == self._bot.user_id else single_line(replied.author.display_name)
        shortened = text if len(text) <= MAX_QUOTE else text[:MAX_QUOTE].rstrip() + "…"
        return f"(in answer to {author})\n{quote(shortened)}"

    def _full_text(self, content: discord.Message | discord.MessageSnapshot, message: discord.Message) -> str:
        texts = [self._names.replace_mentions(content.content, message), *_rich_embed_texts(content)]
        return "\n".join(text for text in texts if text.strip())


def replied_message(message: discord.Message) -> discord.Message | None:
    """Return the message that this one replies to, if Discord sent it."""
    reference = message.reference
    if reference is None or message.type is not discord.MessageType.reply:
        return None
    return reference.resolved if isinstance(reference.resolved, discord.Message) else None


def quote(text: str) -> str:
    """Return a text as a Markdown quote."""
    return "\n".join(f"> {line}" for line in text.splitlines())


def _mentions_others(message: discord.Message, author_id: int, replied: discord.Message | None, bot_id: int) -> bool:
    if any(not user.bot and user.id not in (author_id, bot_id) for user in message.mentions):
        return True
    return replied is not None and replied.author.id not in (bot_id, author_id) and not replied.author.bot


def _rich_embed_texts(content: discord.Message | discord.MessageSnapshot) -> list[str]:
    return [_embed_text(embed) for embed in content.embeds if embed.type == "rich"]


def _embed_text(embed: discord.Embed) -> str:
    fields = [f"{field.name}: {field.value}" for field in embed.fields]
    texts = [embed.author.name, embed.title, embed.description, *fields, embed.footer.text]
    return "\n".join(text for text in texts if text and text is not MISSING)


def _poll_texts(message: discord.Message) -> list[str]:
    poll = message.poll
    return [f"(poll: {poll.question}; {', '.join(answer.text for answer in poll.answers)})"] if poll else []


def _attached_files(message: discord.Message) -> list[AttachedFile]:
    attachments = [
        *message.attachments,
        *(attachment for snapshot in message.message_snapshots for attachment in snapshot.attachments),
    ]
    files = [
        AttachedFile(
            name=attachment.filename,
            # The media type without parameters; Discord derives it from the file name, or does not send one.
            media_type=(attachment.content_type or "").partition(";")[0] or "application/octet-stream",
            size=attachment.size,
            url=attachment.url,
        )
        for attachment in attachments
    ]
    return [*files, *(AttachedFile(name=f"the sticker {sticker.name}") for sticker in message.stickers)]
