"""Interactions: what a person used, the three seconds to answer it, and the fifteen minutes its token is good."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from tests.fakes.discord import permissions, validate
from tests.fakes.discord.draft import Draft
from tests.fakes.discord.errors import Refused, invalid
from tests.fakes.discord.models import (
    CONTEXT_MENU,
    EPHEMERAL,
    SLASH,
    Channel,
    Interaction,
    Json,
    Message,
)

if TYPE_CHECKING:
    from tests.fakes.discord.discord import FakeDiscord

PONG, MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, AUTOCOMPLETE, MODAL = 1, 4, 5, 6, 7, 8, 9
KINDS = {"command": 2, "component": 3, "autocomplete": 4, "modal": 5}
ANSWERS = {
    "command": (MESSAGE, DEFERRED, MODAL),
    "component": (MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, MODAL),
    "modal": (MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE),
    "autocomplete": (AUTOCOMPLETE,),
}


class Interactions:
    """Who used what, and what the application may still do about it."""

    def __init__(self, discord: FakeDiscord) -> None:
        self._discord = discord
        self._world = discord.world

    # --- starting -----------------------------------------------------------------------------------------
    def start(self, kind: str, user: str, channel: Channel, data: Json, source: Message | None = None) -> Interaction:
        """Tell the application that a person used something."""
        world, render = self._world, self._discord.render
        metadata: Json = {"id": "", "type": KINDS[kind], "user": render.user(world.users[user])}
        owners = {"0": channel.guild or "0"}
        interaction = Interaction(
            id=world.clock.snowflake(),
            token=f"aW50ZXJhY3Rpb24{secrets.token_urlsafe(96)}",
            kind=kind,
            user=user,
            channel=channel.id,
            guild=channel.guild,
            at=world.clock.now(),
            source=source.id if source else None,
        )
        metadata.update(id=interaction.id, authorizing_integration_owners=owners)
        if source is not None:
            metadata["interacted_message_id"] = source.id
        interaction.metadata = metadata
        world.interactions[interaction.id] = interaction
        told: Json = {
            "id": interaction.id,
            "application_id": world.application,
            "type": KINDS[kind],
            "token": interaction.token,
            "version": 1,
            "channel_id": channel.id,
            "channel": self._discord.render.channel(channel),
            "data": data,
            "locale": "en-US",
            "entitlements": [],
            "authorizing_integration_owners": owners,
            "context": 0 if channel.guild else 1,
            "attachment_size_limit": self._discord.rules.file_bytes,
            "app_permissions": str(permissions.of(world, world.bot, channel)),
        }
        if channel.guild:
            member = render.member(channel.guild, world.guilds[channel.guild].members[user])
            member["permissions"] = str(permissions.of(world, user, channel))
            guild = {"id": channel.guild, "locale": "en-US", "features": []}
            told.update(member=member, guild_id=channel.guild, guild=guild, guild_locale="en-US")
        else:
            told["user"] = render.user(world.users[user])
        if source is not None:
            told["message"] = render.message(source)
        self._discord.events.interaction(told)
        return interaction

    def fail(self, interaction: Interaction) -> None:
        """What the person sees when nobody answered in time."""
        if interaction.state == "waiting":
            interaction.state = "failed"
            self._discord.record_change()

    # --- answering ----------------------------------------------------------------------------------------
    def find(self, token: str) -> Interaction:
        """The interaction that a webhook token stands for.

        Raises:
            Refused: 10015 when it was never answered or is unknown, 50027 when its fifteen minutes are over.
        """
        found = next((one for one in self._world.interactions.values() if one.token == token), None)
        if found is None or found.callback is None:
            raise Refused(10015)
        if self._world.clock.now() - found.at > self._discord.rules.token_seconds:
            raise Refused(50027)
        return found

    def callback(self, identity: str, token: str, body: Json, draft: Draft) -> Json:
        """The first answer.

        Raises:
            Refused: 10062 after three seconds, 40060 when it was answered before.
        """
        found = self._world.interactions.get(identity)
        now = self._world.clock.now()
        if found is None or found.token != token:
            raise Refused(10062)
        if found.callback is not None:
            raise Refused(40060)
        if now - found.at > self._discord.rules.interaction_seconds:
            self.fail(found)
            raise Refused(10062)
        kind = int(body.get("type") or 0)
        if kind not in ANSWERS[found.kind] or (kind in (DEFERRED_UPDATE, UPDATE) and found.source is None):
            raise invalid("type", "INTERACTION_CALLBACK_TYPE_INVALID", "This answer does not fit the interaction.")
        message = self._do(found, kind, body.get("data") or {}, draft)
        found.callback, found.answered_after = kind, now - found.at
        found.state = "deferred" if kind == DEFERRED else "answered"
        if message is not None:
            found.message = message.id
        self._discord.record_change()
        told: Json = {"id": found.id, "type": KINDS[found.kind]}
        resource: Json = {"type": kind}
        if message is not None:
            told.update(response_message_id=message.id, response_message_loading=message.loading)
            told["response_message_ephemeral"] = message.ephemeral_to is not None
            resource["message"] = self._discord.render.message(message)
        return {"interaction": told, "resource": resource}

    def _do(self, found: Interaction, kind: int, data: Json, draft: Draft) -> Message | None:
        if kind == AUTOCOMPLETE:
            found.choices = list(data.get("choices") or [])
            if len(found.choices) > 25:
                raise invalid("data.choices", "BASE_TYPE_BAD_LENGTH", "Must be between 0 and 25 in length.")
            return None
        if kind == MODAL:
            validate.modal(data)
            found.modal = data
            return None
        if kind == DEFERRED_UPDATE:
            return self._source(found)
        if kind == UPDATE:
            source = self._source(found)
            assert source is not None
            return self._discord.writing.edit(source, draft, "create_interaction_response")
        return self._write(found, draft, "create_interaction_response", loading=kind == DEFERRED)

    def followup(self, found: Interaction, draft: Draft) -> Message:
        """Another answer. The first after a deferral takes the place of "thinking", seen by whoever sees that."""
        if found.state == "deferred" and (waiting := self.original(found)).loading:
            return self.change(found, waiting, draft, "create_followup")
        message = self._write(found, draft, "create_followup")
        found.followups.append(message.id)
        return message

    def original(self, found: Interaction) -> Message:
        """The message that the first answer made, or the one whose button was pressed.

        Raises:
            Refused: 10008.
        """
        message = self._world.find(found.channel, found.message or "")
        if message is None:
            raise Refused(10008)
        return message

    def of(self, found: Interaction, message: str) -> Message:
        """A message that this interaction's answers made.

        Raises:
            Refused: 10008.
        """
        if message == "@original":
            return self.original(found)
        known = self._world.find(found.channel, message)
        if known is None or message not in (found.message, *found.followups):
            raise Refused(10008)
        return known

    def change(self, found: Interaction, message: Message, draft: Draft, via: str) -> Message:
        """Change an answer; this also completes a deferred one."""
        changed = self._discord.writing.edit(message, draft, via)
        if message.id == found.message:
            found.state = "answered"
        return changed

    def _source(self, found: Interaction) -> Message | None:
        return self._world.find(found.channel, found.source or "")

    def _write(self, found: Interaction, draft: Draft, via: str, *, loading: bool = False) -> Message:
        hidden = found.user if draft.flags & EPHEMERAL else None
        kind = None
        if found.kind == "command" and found.message is None and via != "create_followup":
            kind = SLASH if found.metadata.get("command_type", 1) == 1 else CONTEXT_MENU
        return self._discord.writing.create(
            self._world.bot,
            self._world.channel(found.channel),
            draft,
            via,
            kind=kind,
            webhook=self._world.application,
            interaction=found.metadata,
            ephemeral_to=hidden,
            loading=loading,
        )
