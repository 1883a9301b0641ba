"""Interactions: three seconds for the first response, and fifteen minutes for the responses after it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Literal

from tests.fakes.discord import permissions
from tests.fakes.discord.errors import ApiError, invalid
from tests.fakes.discord.message_payload import MAX_FILE_BYTES, MessagePayload
from tests.fakes.discord.models import (
    CHAT_INPUT_COMMAND,
    CONTEXT_MENU_COMMAND,
    EPHEMERAL,
    Channel,
    Interaction,
    Json,
    Message,
)

if TYPE_CHECKING:
    from tests.fakes.discord.discord import FakeDiscord

InteractionKind = Literal["command", "component", "autocomplete"]
MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, AUTOCOMPLETE_RESULT = 4, 5, 6, 8
"""Types of first responses."""
TYPES: dict[InteractionKind, int] = {"command": 2, "component": 3, "autocomplete": 4}
ALLOWED_RESPONSES: dict[InteractionKind, tuple[int, ...]] = {
    "command": (MESSAGE, DEFERRED_MESSAGE),
    "component": (MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE),
    "autocomplete": (AUTOCOMPLETE_RESULT,),
}
FIRST_RESPONSE_ROUTE = "create_interaction_response"


class Interactions:
    """Starts interactions, and carries out the application's responses."""

    def __init__(self, discord: FakeDiscord) -> None:
        self._discord = discord
        self._state = discord.state

    # --- starting -----------------------------------------------------------------------------------------
    def start(
        self,
        kind: InteractionKind,
        user: str,
        channel: Channel,
        data: Json,
        source: Message | None = None,
        command_type: int = 1,
    ) -> Interaction:
        """Start an interaction and send it to the application. `source`: the message whose button was clicked."""
        state, serializer = self._state, self._discord.serializer
        interaction = Interaction(
            id=state.clock.snowflake(),
            token=f"aW50ZXJhY3Rpb24{secrets.token_urlsafe(96)}",
            kind=kind,
            command_type=command_type,
            user=user,
            channel=channel.id,
            at=state.clock.now(),
            source=source.id if source else None,
        )
        owners = {"0": channel.guild or "0"}
        common: Json = {"id": interaction.id, "type": TYPES[kind], "authorizing_integration_owners": owners}
        interaction.metadata = {**common, "user": serializer.user(user)}
        event: Json = {
            **common,
            "application_id": state.application,
            "token": interaction.token,
            "version": 1,
            "channel_id": channel.id,
            "channel": serializer.channel(channel),
            "data": data,
            "locale": "en-US",
            "entitlements": [],
            "context": 0 if channel.guild else 1,
            "attachment_size_limit": MAX_FILE_BYTES,
            "app_permissions": str(permissions.in_channel(state, state.bot, channel)),
        }
        if source is not None:
            interaction.metadata["interacted_message_id"] = source.id
            event["message"] = serializer.message(source)
        if channel.guild:
            member = serializer.member(state.guilds[channel.guild].members[user])
            member["permissions"] = str(permissions.in_channel(state, user, channel))
            guild = {"id": channel.guild, "locale": "en-US", "features": []}
            event.update(member=member, guild_id=channel.guild, guild=guild, guild_locale="en-US")
        else:
            event["user"] = serializer.user(user)
        state.interactions[interaction.id] = interaction
        self._discord.events.interaction(event)
        return interaction

    def fail_if_unanswered(self, interaction: Interaction) -> None:
        """Show the user that the application did not respond in time."""
        if interaction.state == "waiting":
            interaction.state = "failed"
            self._discord.record_change()

    # --- responding ---------------------------------------------------------------------------------------
    def find(self, token: str) -> Interaction:
        """Return the interaction of a webhook token.

        Raises:
            ApiError: 10015, unknown or without a first response; 50027, older than fifteen minutes.
        """
        found = next((entry for entry in self._state.interactions.values() if entry.token == token), None)
        if found is None or found.callback is None:
            raise ApiError(10015)
        if self._state.clock.now() - found.at > self._discord.rules.token_seconds:
            raise ApiError(50027)
        return found

    def respond(self, id: str, token: str, body: Json, payload: MessagePayload) -> Json:
        """Carry out the first response.

        Raises:
            ApiError: 10062, unknown or too late; 40060, there was a first response already.
        """
        interaction = self._state.interactions.get(id)
        now = self._state.clock.now()
        if interaction is None or interaction.token != token:
            raise ApiError(10062)
        if interaction.callback is not None:
            raise ApiError(40060)
        if now - interaction.at > self._discord.rules.interaction_seconds:
            self.fail_if_unanswered(interaction)
            raise ApiError(10062)
        type = int(body.get("type") or 0)
        if type not in ALLOWED_RESPONSES[interaction.kind]:
            raise invalid("type", "INTERACTION_CALLBACK_TYPE_INVALID", "This response does not fit the interaction.")
        message = self._carry_out(interaction, type, body.get("data") or {}, payload)
        interaction.callback, interaction.answered_after = type, now - interaction.at
        interaction.state = "deferred" if type == DEFERRED_MESSAGE else "answered"
        self._discord.record_change()
        data: Json = {"id": interaction.id, "type": TYPES[interaction.kind]}
        resource: Json = {"type": type}
        if message is not None:
            interaction.message = message.id
            data.update(response_message_id=message.id, response_message_loading=message.loading)
            data["response_message_ephemeral"] = message.ephemeral_to is not None
            resource["message"] = self._discord.serializer.message(message)
        return {"interaction": data, "resource": resource}

    def _carry_out(self, interaction: Interaction, type: int, data: Json, payload: MessagePayload) -> Message | None:
        if type == AUTOCOMPLETE_RESULT:
            choices = list(data.get("choices") or [])
            if len(choices) > 25:
                raise invalid("data.choices", "BASE_TYPE_BAD_LENGTH", "Must be between 0 and 25 in length.")
            interaction.choices = choices
            return None
        if type == DEFERRED_UPDATE:
            return self._state.find_message(interaction.channel, interaction.source or "")
        is_loading = type == DEFERRED_MESSAGE
        return self._create_message(interaction, payload, FIRST_RESPONSE_ROUTE, loading=is_loading)

    def follow_up(self, interaction: Interaction, payload: MessagePayload) -> Message:
        """Create a further response. The first one after a deferral completes the deferred response, and is ephemeral
        if that is."""
        if interaction.state == "deferred" and (original := self.original_response(interaction)).loading:
            return self.edit(interaction, original, payload, "create_followup")
        message = self._create_message(interaction, payload, "create_followup")
        interaction.followups.append(message.id)
        return message

    def original_response(self, interaction: Interaction) -> Message:
        """Return the message that the first response created, or the one whose button was clicked.

        Raises:
            ApiError: 10008.
        """
        message = self._state.find_message(interaction.channel, interaction.message or "")
        if message is None:
            raise ApiError(10008)
        return message

    def edit(self, interaction: Interaction, message: Message, payload: MessagePayload, route: str) -> Message:
        """Edit a response; this also completes a deferred one."""
        edited = self._discord.messages.edit(message, payload, route)
        if message.id == interaction.message:
            interaction.state = "answered"
        return edited

    def _create_message(
        self, interaction: Interaction, payload: MessagePayload, route: str, *, loading: bool = False
    ) -> Message:
        type = None
        if interaction.kind == "command" and route == FIRST_RESPONSE_ROUTE:
            type = CHAT_INPUT_COMMAND if interaction.command_type == 1 else CONTEXT_MENU_COMMAND
        return self._discord.messages.create(
            self._state.bot,
            self._state.channel(interaction.channel),
            payload,
            route,
            type=type,
            loading=loading,
            webhook=self._state.application,
            interaction=interaction.metadata,
            ephemeral_to=interaction.user if payload.flags & EPHEMERAL else None,
        )
