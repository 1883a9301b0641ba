"""Discord's JSON objects."""

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
    Overwrite,
    Role,
    User,
)
from tests.fakes.discord.world import World


class Render:
    """`base` is the server's address, for the links of attachments."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.base = ""

    def user(self, user: User) -> Json:
        """A user."""
        told = {"id": user.id, "username": user.username, "global_name": user.global_name, "discriminator": "0"}
        return {**told, "avatar": None, "bot": user.bot, "public_flags": 0}

    def member(self, guild: str, member: Member, *, user: bool = True) -> Json:
        """A member; in a message's own `member` and `mentions` without the user."""
        told: Json = {"nick": member.nick, "roles": member.roles, "joined_at": iso(member.joined), "avatar": None}
        told.update(deaf=False, mute=False, flags=0, pending=False, premium_since=None)
        return {**told, "user": self.user(self._world.users[member.user])} if user else told

    def role(self, role: Role) -> Json:
        """A role."""
        colors = {"primary_color": 0, "secondary_color": None, "tertiary_color": None}
        told = {"id": role.id, "name": role.name, "permissions": str(role.permissions), "position": role.position}
        told.update(color=0, colors=colors, hoist=False, flags=0, icon=None, unicode_emoji=None)
        tags = {"tags": {"bot_id": self._world.bot}} if role.managed else {}
        return {**told, "managed": role.managed, "mentionable": role.mentionable, **tags}

    def overwrite(self, one: Overwrite) -> Json:
        """A permission overwrite."""
        return {"id": one.id, "type": one.type, "allow": str(one.allow), "deny": str(one.deny)}

    def channel(self, channel: Channel) -> Json:
        """A channel, a thread or a direct conversation."""
        told: Json = {"id": channel.id, "type": channel.type, "last_message_id": channel.last_message, "flags": 0}
        if channel.type == DM:
            others = [one for one in channel.recipients if one != self._world.bot]
            return {**told, "recipients": [self.user(self._world.users[one]) for one in others]}
        told.update(guild_id=channel.guild, name=channel.name, rate_limit_per_user=0, nsfw=False)
        if channel.thread is not None:
            return {**told, **self._thread(channel)}
        told.update(topic=channel.topic, position=channel.position, parent_id=channel.category)
        if channel.type in FORUMS:
            told.update(available_tags=[], default_reaction_emoji=None, default_sort_order=None, default_forum_layout=0)
        if channel.type == VOICE:
            told.update(bitrate=64_000, user_limit=0, rtc_region=None)
        told["permission_overwrites"] = [self.overwrite(one) for one in channel.overwrites]
        return {name: value for name, value in told.items() if name not in channel.lacks}

    def _thread(self, channel: Channel) -> Json:
        thread = channel.thread
        assert thread is not None
        metadata = {
            "archived": thread.archived,
            "auto_archive_duration": thread.auto_archive_minutes,
            "archive_timestamp": iso(thread.archived_at),
            "locked": thread.locked,
            "create_timestamp": iso(thread.created),
        }
        if channel.type == 12:
            metadata["invitable"] = thread.invitable
        told: Json = {"parent_id": thread.parent, "owner_id": thread.owner, "thread_metadata": metadata}
        told.update(member_count=min(50, len(thread.members)), message_count=self._world.counted(channel))
        told["total_message_sent"] = thread.written
        if self._world.bot in thread.members:
            told["member"] = self.thread_member(channel, self._world.bot)
        return told

    def thread_member(self, channel: Channel, user: str) -> Json:
        """Somebody in a thread."""
        assert channel.thread is not None
        return {"id": channel.id, "user_id": user, "join_timestamp": iso(channel.thread.members[user]), "flags": 0}

    def guild(self, guild: Guild) -> Json:
        """A server as REST tells of it."""
        nothing = dict.fromkeys(
            [
                *("icon", "splash", "discovery_splash", "description", "banner", "afk_channel_id", "application_id"),
                *("system_channel_id", "rules_channel_id", "public_updates_channel_id", "vanity_url_code"),
            ]
        )
        levels = dict.fromkeys(
            [
                *("verification_level", "default_message_notifications", "explicit_content_filter", "mfa_level"),
                *("nsfw_level", "premium_tier", "system_channel_flags"),
            ],
            0,
        )
        told: Json = {**nothing, **levels, "id": guild.id, "name": guild.name, "owner_id": guild.owner}
        told.update(roles=[self.role(one) for one in guild.roles.values()], emojis=guild.emojis, stickers=[])
        return {**told, "features": [], "afk_timeout": 300, "preferred_locale": "en-US", "region": "deprecated"}

    def guild_create(self, guild: Guild, members: bool) -> Json:
        """GUILD_CREATE: with channels and open threads, and without the members intent only the bot as a member."""
        world = self._world
        inside = [one for one in world.channels.values() if one.guild == guild.id]
        seen = [one for one in inside if permissions.may(world, world.bot, one, "view_channel")]
        threads = [one for one in seen if one.thread is not None and not one.thread.archived]
        who = guild.members.values() if members else [guild.members[world.bot]]
        return {
            **self.guild(guild),
            "joined_at": iso(guild.members[world.bot].joined),
            "large": False,
            "member_count": len(guild.members),
            "members": [self.member(guild.id, one) for one in who],
            "channels": [self.channel(one) for one in inside if one.thread is None],
            "threads": [self.channel(one) for one in threads],
            **{name: [] for name in ("presences", "voice_states", "stage_instances", "guild_scheduled_events")},
            "soundboard_sounds": [],
        }

    def attachment(self, file: Attachment) -> Json:
        """A file, with a link that is good for a day from now."""
        expires = int(self._world.clock.now() + 86_400)
        path = f"attachments/{file.channel}/{file.id}/{quote(file.filename)}"
        url = f"{self.base}/{path}?ex={expires:x}&is={expires - 86_400:x}&hm={file.id}"
        told: Json = {"id": file.id, "filename": file.filename, "size": file.size, "url": url, "proxy_url": url}
        optional = {"content_type": file.content_type, "description": file.description}
        if file.ephemeral:
            told["ephemeral"] = True
        if file.width is not None:
            told.update(width=file.width, height=file.height)
        return {**told, **{name: value for name, value in optional.items() if value is not None}}

    def attachments(self, message: Message) -> list[Json]:
        """A message's files."""
        return [self.attachment(self._world.attachments[one]) for one in message.attachments]

    def message(self, message: Message, *, gateway: bool = False, content: bool = True, nested: bool = False) -> Json:
        """A message. `content=False`: as an app without the Message Content intent gets it.

        Over the gateway it has its server and its author's membership, which REST leaves out.
        """
        world, channel = self._world, self._world.channels[message.channel]
        told: Json = {
            "id": message.id,
            "channel_id": message.channel,
            "type": message.type,
            "author": self.user(world.users[message.author]),
            "content": message.content if content else "",
            "timestamp": iso(message.created),
            "edited_timestamp": iso(message.edited) if message.edited is not None else None,
            "tts": message.tts,
            "pinned": False,
            "flags": message.flags | (EPHEMERAL if message.ephemeral_to else 0),
            "mention_everyone": message.mention_everyone,
            "mentions": [self._mentioned(channel.guild, one, gateway) for one in message.mentions],
            "mention_roles": message.mention_roles,
            "attachments": self.attachments(message) if content else [],
            "embeds": message.embeds if content else [],
            "components": message.components if content else [],
        }
        if message.nonce is not None and not nested:
            told["nonce"] = message.nonce
        if gateway and channel.guild is not None:
            told["guild_id"] = channel.guild
            member = world.guilds[channel.guild].members.get(message.author)
            if member is not None:
                told["member"] = self.member(channel.guild, member, user=False)
        if message.interaction is not None:
            told["interaction_metadata"] = message.interaction
        if message.webhook is not None:
            told.update(webhook_id=message.webhook, application_id=message.webhook)
        if message.reactions:
            told["reactions"] = [self._reaction(name, users) for name, users in message.reactions.items()]
        if message.snapshots and content:
            told["message_snapshots"] = message.snapshots
        if message.id in world.channels and message.id != message.channel and not nested:
            told["thread"] = self.channel(world.channels[message.id])
        if message.reference is not None:
            told["message_reference"] = message.reference
            if not nested and message.reference.get("type", 0) == 0:
                told["referenced_message"] = self._referenced(message.reference, content)
        return {name: value for name, value in told.items() if name not in message.lacks}

    def _referenced(self, reference: Json, content: bool) -> Json | None:
        found = self._world.find(reference["channel_id"], reference.get("message_id", ""))
        return self.message(found, nested=True, content=content) if found else None

    def _mentioned(self, guild: str | None, user: str, gateway: bool) -> Json:
        told = self.user(self._world.users[user])
        member = self._world.guilds[guild].members.get(user) if guild else None
        if gateway and guild is not None and member is not None:
            told["member"] = self.member(guild, member, user=False)
        return told

    def _reaction(self, name: str, users: list[str]) -> Json:
        details = {"burst": 0, "normal": len(users)}
        told = {"emoji": emoji(name), "count": len(users), "count_details": details, "me": self._world.bot in users}
        return {**told, "me_burst": False, "burst_colors": []}

    def snapshot(self, message: Message) -> Json:
        """What a forward keeps of a message."""
        told = self.message(message, nested=True)
        kept = ("type", "content", "embeds", "attachments", "timestamp", "edited_timestamp", "flags")
        also = ("mentions", "mention_roles", "components")
        return {"message": {name: told[name] for name in (*kept, *also)}}

    def command(self, command: Command) -> Json:
        """A registered command."""
        told: Json = {**command.given, "id": command.id, "application_id": self._world.application}
        told.update(version=command.version, type=command.type, name=command.name, description=command.description)
        told.setdefault("default_member_permissions", None)
        return {**told, "options": command.options, **({"guild_id": command.guild} if command.guild else {})}


def emoji(name: str) -> Json:
    """An emoji from its URL form: a character, or `name:id`."""
    plain, _, identity = name.partition(":")
    return {"name": plain, "id": identity or None}
