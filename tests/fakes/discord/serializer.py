"""Write Discord's JSON objects."""

from __future__ import annotations

from urllib.parse import quote

from tests.fakes.discord import permissions
from tests.fakes.discord.clock import iso
from tests.fakes.discord.models import (
    DM,
    EPHEMERAL,
    FORUMS,
    VOICE,
    Attachment,
    Channel,
    Command,
    Guild,
    Json,
    Member,
    Message,
    Role,
    User,
)
from tests.fakes.discord.state import DiscordState

ATTACHMENT_URL_SECONDS = 86_400


class Serializer:
    """Each method returns the JSON of one object. `base_url` is the server's address, for links to attachments."""

    def __init__(self, state: DiscordState) -> None:
        self._state = state
        self.base_url = ""

    def user(self, user_id: str) -> Json:
        """Return a user."""
        user: User = self._state.users[user_id]
        names = {"id": user.id, "username": user.username, "global_name": user.global_name, "discriminator": "0"}
        return {**names, "avatar": None, "bot": user.bot, "public_flags": 0}

    def member(self, member: Member, *, with_user: bool = True) -> Json:
        """Return a member; Discord leaves the user out of a message's `member` and `mentions`."""
        data: Json = {"nick": member.nick, "roles": member.roles, "joined_at": iso(member.joined), "avatar": None}
        data.update(deaf=False, mute=False, flags=0, pending=False, premium_since=None)
        return {**data, "user": self.user(member.user)} if with_user else data

    def role(self, role: Role) -> Json:
        """Return a role."""
        colors = {"primary_color": 0, "secondary_color": None, "tertiary_color": None}
        data = {"id": role.id, "name": role.name, "permissions": str(role.permissions), "position": role.position}
        data.update(color=0, colors=colors, hoist=False, flags=0, icon=None, unicode_emoji=None)
        tags = {"tags": {"bot_id": self._state.bot}} if role.managed else {}
        return {**data, "managed": role.managed, "mentionable": role.mentionable, **tags}

    def channel(self, channel: Channel) -> Json:
        """Return a channel, thread or direct message channel."""
        data: Json = {"id": channel.id, "type": channel.type, "last_message_id": channel.last_message, "flags": 0}
        if channel.type == DM:
            return {**data, "recipients": [self.user(id) for id in channel.recipients if id != self._state.bot]}
        data.update(guild_id=channel.guild, name=channel.name, rate_limit_per_user=0, nsfw=False)
        if channel.thread is not None:
            return {**data, **self._thread(channel)}
        data.update(topic=channel.topic, position=channel.position, parent_id=None)
        if channel.type in FORUMS:
            data.update(available_tags=[], default_reaction_emoji=None, default_sort_order=None, default_forum_layout=0)
        if channel.type == VOICE:
            data.update(bitrate=64_000, user_limit=0, rtc_region=None)
        data["permission_overwrites"] = [
            {**overwrite.model_dump(), "allow": str(overwrite.allow), "deny": str(overwrite.deny)}
            for overwrite in channel.overwrites
        ]
        return {name: value for name, value in data.items() if name not in channel.omitted_fields}

    def _thread(self, channel: Channel) -> Json:
        thread = channel.thread
        assert thread is not None
        metadata = {
            "archived": thread.archived,
            "auto_archive_duration": 4320,
            "archive_timestamp": iso(thread.archived_at),
            "locked": thread.locked,
            "create_timestamp": iso(thread.created),
        }
        data: Json = {"parent_id": thread.parent, "owner_id": thread.owner, "thread_metadata": metadata}
        return {**data, "member_count": 1, "message_count": len(self._state.history(channel.id))}

    def guild(self, guild: Guild) -> Json:
        """Return a server as REST does."""
        nulls = [
            *("icon", "splash", "discovery_splash", "description", "banner", "afk_channel_id", "application_id"),
            *("system_channel_id", "rules_channel_id", "public_updates_channel_id", "vanity_url_code"),
        ]
        zeros = [
            *("verification_level", "default_message_notifications", "explicit_content_filter", "mfa_level"),
            *("nsfw_level", "premium_tier", "system_channel_flags"),
        ]
        data: Json = {**dict.fromkeys(nulls), **dict.fromkeys(zeros, 0)}
        data.update(id=guild.id, name=guild.name, owner_id=guild.owner, emojis=guild.emojis, stickers=[])
        data["roles"] = [self.role(role) for role in guild.roles.values()]
        return {**data, "features": [], "afk_timeout": 300, "preferred_locale": "en-US", "region": "deprecated"}

    def guild_create(self, guild: Guild) -> Json:
        """Return the data of GUILD_CREATE: with channels and open threads, and with the bot as the only member."""
        state = self._state
        channels = [channel for channel in state.channels.values() if channel.guild == guild.id]
        bot = guild.members[state.bot]
        return {
            **self.guild(guild),
            "joined_at": iso(bot.joined),
            "large": False,
            "member_count": len(guild.members),
            "members": [self.member(bot)],
            "channels": [self.channel(channel) for channel in channels if channel.thread is None],
            "threads": [
                self.channel(channel)
                for channel in channels
                if channel.thread is not None
                and not channel.thread.archived
                and permissions.has(state, state.bot, channel, "view_channel")
            ],
            **{name: [] for name in ("presences", "voice_states", "stage_instances", "guild_scheduled_events")},
            "soundboard_sounds": [],
        }

    def attachment(self, attachment: Attachment) -> Json:
        """Return an attachment, with a URL that is valid for a day from now."""
        expires = int(self._state.clock.now() + ATTACHMENT_URL_SECONDS)
        path = f"attachments/{attachment.channel}/{attachment.id}/{quote(attachment.filename)}"
        url = f"{self.base_url}/{path}?ex={expires:x}&is={expires - ATTACHMENT_URL_SECONDS:x}&hm={attachment.id}"
        data: Json = {"id": attachment.id, "filename": attachment.filename, "size": attachment.size}
        data.update(url=url, proxy_url=url)
        if attachment.ephemeral:
            data["ephemeral"] = True
        return data if attachment.content_type is None else {**data, "content_type": attachment.content_type}

    def message(
        self, message: Message, *, gateway: bool = False, with_content: bool = True, nested: bool = False
    ) -> Json:
        """Return a message.

        Args:
            message: the message.
            gateway: add its server and its author's membership, which REST leaves out.
            with_content: False leaves out what an application without the Message Content intent does not get.
            nested: it is part of another message, and has no references of its own.
        """
        data: Json = {
            "id": message.id,
            "channel_id": message.channel,
            "type": message.type,
            "author": self.user(message.author),
            "content": message.content if with_content else "",
            "timestamp": iso(message.created),
            "edited_timestamp": iso(message.edited) if message.edited is not None else None,
            "tts": False,
            "pinned": False,
            "flags": message.flags | (EPHEMERAL if message.ephemeral_to else 0),
            "mention_everyone": message.mention_everyone,
            "mentions": [self._mention(message, user, gateway) for user in message.mentions],
            "mention_roles": message.mention_roles,
            "attachments": self._attachments(message) if with_content else [],
            "embeds": message.embeds if with_content else [],
            "components": message.components if with_content else [],
        }
        data.update(self._optional_fields(message, gateway=gateway, with_content=with_content))
        if not nested:
            data.update(self._references(message, with_content))
        return {name: value for name, value in data.items() if name not in message.omitted_fields}

    def _optional_fields(self, message: Message, *, gateway: bool, with_content: bool) -> Json:
        data: Json = {}
        guild_id = self._state.channels[message.channel].guild
        if gateway and guild_id is not None:
            data["guild_id"] = guild_id
            if member := self._state.guilds[guild_id].members.get(message.author):
                data["member"] = self.member(member, with_user=False)
        if message.interaction is not None:
            data["interaction_metadata"] = message.interaction
        if message.webhook is not None:
            data.update(webhook_id=message.webhook, application_id=message.webhook)
        if message.reactions:
            data["reactions"] = [self._reaction(name, users) for name, users in message.reactions.items()]
        if message.snapshots and with_content:
            data["message_snapshots"] = message.snapshots
        if message.reference is not None:
            data["message_reference"] = message.reference
        return data

    def _references(self, message: Message, with_content: bool) -> Json:
        """The nonce, the thread created from the message, and the message that it replies to."""
        state, data = self._state, Json()
        if message.nonce is not None:
            data["nonce"] = message.nonce
        if message.id in state.channels and message.id != message.channel:
            data["thread"] = self.channel(state.channels[message.id])
        if message.reference is not None and message.reference.get("type", 0) == 0:
            replied = state.find_message(message.reference["channel_id"], message.reference.get("message_id", ""))
            data["referenced_message"] = (
                self.message(replied, nested=True, with_content=with_content) if replied else None
            )
        return data

    def _attachments(self, message: Message) -> list[Json]:
        return [self.attachment(self._state.attachments[id]) for id in message.attachments]

    def _mention(self, message: Message, user: str, gateway: bool) -> Json:
        data = self.user(user)
        guild_id = self._state.channels[message.channel].guild
        if gateway and guild_id is not None and (member := self._state.guilds[guild_id].members.get(user)):
            data["member"] = self.member(member, with_user=False)
        return data

    def _reaction(self, name: str, users: list[str]) -> Json:
        emoji_name, _, emoji_id = name.partition(":")
        counts = {"count": len(users), "count_details": {"burst": 0, "normal": len(users)}}
        data = {"emoji": {"name": emoji_name, "id": emoji_id or None}, **counts, "me": self._state.bot in users}
        return {**data, "me_burst": False, "burst_colors": []}

    def snapshot(self, message: Message) -> Json:
        """Return the copy of a message that a forward contains."""
        data = self.message(message, nested=True)
        names = ("type", "content", "embeds", "attachments", "timestamp", "edited_timestamp", "flags")
        return {"message": {name: data[name] for name in (*names, "mentions", "mention_roles", "components")}}

    def command(self, command: Command) -> Json:
        """Return a registered command."""
        data: Json = {"default_member_permissions": None, **command.definition}
        data.update(id=command.id, application_id=self._state.application, version=command.version)
        data.update(type=command.type, name=command.name, description=command.description, options=command.options)
        return data
