"""How messages come to be, change and go: by the bot, by people, and by interactions."""

from __future__ import annotations

import base64
import mimetypes
import time
from typing import TYPE_CHECKING, Any

from tests.fakes.discord import checks, mentions, permissions
from tests.fakes.discord.draft import Draft
from tests.fakes.discord.errors import Refused, invalid
from tests.fakes.discord.images import size_of
from tests.fakes.discord.models import (
    COMPONENTS_V2,
    DEFAULT,
    LOADING,
    REPLY,
    SILENT,
    SNAPSHOT,
    SUPPRESS_EMBEDS,
    Attachment,
    Channel,
    Json,
    Message,
    Pings,
    Revision,
)

if TYPE_CHECKING:
    from tests.fakes.discord.discord import FakeDiscord

SETTABLE = SUPPRESS_EMBEDS | SILENT | COMPONENTS_V2


class Writing:
    """Everything that is refused for what a message says, or for where it is to stand, is refused here."""

    def __init__(self, discord: FakeDiscord) -> None:
        self._discord = discord
        self._world = discord.world
        self._nonces: dict[tuple[str, str], tuple[str, str, float]] = {}

    def create(self, author: str, channel: Channel, draft: Draft, via: str, **more: Any) -> Message:
        """Write a message. `more`: `id`, `kind`, `age`, `interaction`, `webhook`, `ephemeral_to`, `loading`, `lacks`.

        A person or the bot needs permissions; an interaction's answer (`webhook`) does not.

        Raises:
            Refused: as Discord refuses it.
        """
        free, loading = more.get("webhook") is not None, bool(more.get("loading"))
        checks.fields(draft, self._discord.rules.content_characters)
        if not free:
            checks.may_write(self._world, author, channel, draft)
        if (again := self._repeated(author, draft)) is not None:
            return again
        reference, snapshots = self._reference(author, channel, draft)
        if not loading and not snapshots:
            checks.not_empty(draft, draft.components, len(draft.uploads))
        self._open(channel)
        age = float(more.get("age") or 0.0)
        kind = more.get("kind")
        if kind is None:
            kind = REPLY if reference is not None and not snapshots else DEFAULT
        message = Message(
            id=more.get("id") or self._world.clock.snowflake(age),
            channel=channel.id,
            author=author,
            type=kind,
            content=draft.content.strip(),
            created=self._world.clock.now() - age,
            flags=(draft.flags & SETTABLE) | (LOADING if loading else 0) | (SNAPSHOT if snapshots else 0),
            tts=draft.tts,
            nonce=draft.nonce,
            reference=reference,
            snapshots=snapshots,
            embeds=draft.embeds,
            components=_numbered(draft.components),
            interaction=more.get("interaction"),
            webhook=more.get("webhook"),
            ephemeral_to=more.get("ephemeral_to"),
            lacks=more.get("lacks") or [],
        )
        message.attachments = self._attach(message, draft)
        self._mention(message, draft, free)
        self._note(message, via)
        self._world.messages[channel.id].append(message)
        self._remember(author, message)
        if message.ephemeral_to is None:
            if not age:
                channel.last_message = message.id
            if channel.thread is not None:
                channel.thread.written += 1
            self._discord.events.message_create(message)
        else:
            self._discord.events.ephemeral("MESSAGE_CREATE", message)
        self._discord.record_change()
        return message

    def system(self, user: str, channel: Channel, draft: Draft, kind: int, via: str) -> Message:
        """A message that Discord itself writes because of somebody: a thread was started, a channel renamed. The
        caller tells of it."""
        message = Message(
            id=self._world.clock.snowflake(),
            channel=channel.id,
            author=user,
            type=kind,
            content=draft.content,
            created=self._world.clock.now(),
        )
        self._note(message, via)
        self._world.messages[channel.id].append(message)
        channel.last_message = message.id
        return message

    def edit(self, message: Message, draft: Draft, via: str) -> Message:
        """Change what the request names of a message; nobody is notified by an edit.

        Raises:
            Refused: as Discord refuses it.
        """
        checks.fields(draft, self._discord.rules.content_characters)
        loading = message.loading
        if "flags" in draft.given and message.flags & COMPONENTS_V2 and not draft.flags & COMPONENTS_V2:
            why = "The MessageFlags.IS_COMPONENTS_V2 flag cannot be removed from a message"
            raise invalid("flags", "MESSAGE_CANNOT_REMOVE_COMPONENTS_V2_FLAG", why)
        content = draft.content.strip() if "content" in draft.given else message.content
        embeds = draft.embeds if "embeds" in draft.given else message.embeds
        components = _numbered(draft.components) if "components" in draft.given else message.components
        kept = message.attachments
        if draft.keep is not None:
            kept = [one for one in message.attachments if one in draft.keep]
        flags = draft.flags if "flags" in draft.given else message.flags & SETTABLE
        would = Draft(content=content, embeds=embeds, flags=flags)
        checks.not_empty(would, components, len(kept) + len(draft.uploads))
        message.content, message.embeds, message.components = content, embeds, components
        message.attachments = [*kept, *self._attach(message, draft)]
        message.flags = message.flags & ~(SETTABLE | LOADING) | flags & SETTABLE
        if not loading:
            message.edited = self._world.clock.now()
        self._mention(message, draft, message.webhook is not None, pings=loading)
        self._note(message, via)
        if message.ephemeral_to is None:
            self._discord.events.message_update(message)
        else:
            self._discord.events.ephemeral("MESSAGE_UPDATE", message)
        self._discord.record_change()
        return message

    def delete(self, messages: list[Message], *, bulk: bool = False) -> None:
        """Take messages away."""
        for message in messages:
            message.deleted = True
        if messages and messages[0].ephemeral_to is None:
            self._discord.events.message_delete(messages, bulk=bulk)
        self._discord.record_change()

    def in_open_thread(self, channel: Channel) -> None:
        """Refuse to change what stands in an archived thread.

        Raises:
            Refused: 50083.
        """
        if channel.thread is not None and channel.thread.archived:
            raise Refused(50083)

    def _reference(self, author: str, channel: Channel, draft: Draft) -> tuple[Json | None, list[Json]]:
        given = draft.reference
        if given is None:
            return None, []
        where, which = str(given.get("channel_id") or channel.id), str(given.get("message_id"))
        found = self._world.find(where, which)
        if given.get("type", 0) == 1:
            if found is None or not permissions.may(self._world, author, self._world.channels[where], "view_channel"):
                raise invalid("message_reference", "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message")
            told: Json = {"type": 1, "channel_id": where, "message_id": which}
            source = self._world.channels[where].guild
            return {**told, **({"guild_id": source} if source else {})}, [self._discord.render.snapshot(found)]
        if found is None or found.ephemeral_to is not None or where != channel.id:
            if given.get("fail_if_not_exists", True):
                raise invalid("message_reference", "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message")
            return None, []
        reply: Json = {"type": 0, "channel_id": channel.id, "message_id": which}
        return {**reply, **({"guild_id": channel.guild} if channel.guild else {})}, []

    # --- nonces -------------------------------------------------------------------------------------------
    def _repeated(self, author: str, draft: Draft) -> Message | None:
        if draft.nonce is None or not draft.enforce_nonce:
            return None
        channel, message, at = self._nonces.get((author, draft.nonce), ("", "", 0.0))
        if self._world.clock.now() - at > self._discord.rules.nonce_seconds:
            return None
        found = next(one for one in self._world.messages[channel] if one.id == message)
        if found.deleted:
            raise Refused(10008)
        return found

    def _remember(self, author: str, message: Message) -> None:
        if message.nonce is not None:
            self._nonces[author, message.nonce] = (message.channel, message.id, self._world.clock.now())

    # --- the rest of a message ----------------------------------------------------------------------------
    def _open(self, channel: Channel) -> None:
        """Writing in an archived thread opens it again."""
        if channel.thread is not None and channel.thread.archived:
            channel.thread.archived, channel.thread.archived_at = False, self._world.clock.now()
            self._discord.events.thread_update(channel)

    def _attach(self, message: Message, draft: Draft) -> list[str]:
        made = []
        for upload in draft.uploads:
            kind = upload.content_type
            if kind in (None, "application/octet-stream"):  # what discord.py always says; Discord looks for itself
                kind = mimetypes.guess_type(upload.filename)[0]
            width, height = size_of(upload.content)
            file = Attachment(
                id=self._world.clock.snowflake(),
                channel=message.channel,
                filename=upload.filename.replace(" ", "_"),
                size=len(upload.content),
                content=base64.b64encode(upload.content).decode(),
                content_type=f"{kind}; charset=utf-8" if kind and kind.startswith("text/") else kind,
                description=upload.description,
                ephemeral=message.ephemeral_to is not None,
                width=width,
                height=height,
            )
            self._world.attachments[file.id] = file
            made.append(file.id)
        return made

    def _mention(self, message: Message, draft: Draft, free: bool, *, pings: bool | None = None) -> None:
        channel = self._world.channels[message.channel]
        answers = self._world.find(channel.id, message.reply_to) if message.reply_to else None
        text = mentions.Text(
            author=message.author,
            channel=channel,
            content=message.content,
            answers=answers.author if answers else None,
            allowed=draft.allowed,
            default=("users",) if free else mentions.KINDS,
        )
        found = mentions.found(self._world, text)
        message.mentions, message.mention_roles, message.mention_everyone = found.users, found.roles, found.everyone
        first = not message.revisions if pings is None else pings
        if first and message.ephemeral_to is None and not message.flags & LOADING:
            message.pings = Pings(**found.model_dump())
        may_embed = free or permissions.may(self._world, message.author, channel, "embed_links")
        message.unfurls = may_embed and not message.flags & SUPPRESS_EMBEDS and mentions.has_link(message.content)

    def _note(self, message: Message, via: str) -> None:
        message.revisions.append(Revision(at=time.time(), content=message.content, via=via))


def _numbered(given: list[Json]) -> list[Json]:
    """Components with the ids that Discord gives them."""
    count = 0

    def one(component: Json) -> Json:
        nonlocal count
        count += 1
        told = {"id": count, **component}
        if "components" in told:
            told["components"] = [one(inner) for inner in told["components"]]
        for name in ("component", "accessory"):
            if told.get(name):
                told[name] = one(told[name])
        return told

    return [one(component) for component in given]
