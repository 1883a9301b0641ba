"""What a message may say, and where somebody may write it."""

from __future__ import annotations

from tests.fakes.discord import mentions, permissions, validate
from tests.fakes.discord.draft import Draft
from tests.fakes.discord.errors import Refused, invalid
from tests.fakes.discord.models import CATEGORY, COMPONENTS_V2, DM, FORUMS, Channel, Json
from tests.fakes.discord.world import World


def fields(draft: Draft, most: int) -> None:
    """Refuse fields that are too long or contradict each other.

    Raises:
        Refused: 50035.
    """
    validate.content(draft.content, most)
    validate.nonce(draft.nonce)
    validate.embeds(draft.embeds)
    validate.components(draft.components, draft.flags)
    mentions.check(draft.allowed)
    if draft.flags & COMPONENTS_V2 and (draft.content or draft.embeds):
        field = "content" if draft.content else "embeds"
        why = f'The "{field}" field cannot be used when using MessageFlags.IS_COMPONENTS_V2'
        raise invalid(field, "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", why)


def not_empty(draft: Draft, components: list[Json], files: int) -> None:
    """Refuse a message that says nothing; buttons alone say nothing.

    Raises:
        Refused: 50006.
    """
    newer = bool(draft.flags & COMPONENTS_V2 and components)
    if not draft.content.strip() and not draft.embeds and not files and not newer:
        raise Refused(50006)


def may_write(world: World, author: str, channel: Channel, draft: Draft) -> None:
    """Refuse somebody who may not write this there.

    Raises:
        Refused: 50001, 50007, 50008, 50013, 50083, 160002 or 160005.
    """
    if channel.type in (CATEGORY, *FORUMS):
        raise Refused(50008)
    if channel.type == DM:
        other = next(one for one in channel.recipients if one != author)
        if not world.users[other].dms:
            raise Refused(50007)
        return
    thread = channel.thread
    permissions.require(world, author, channel, "send_messages_in_threads" if thread else "send_messages")
    if thread is not None and thread.locked and not permissions.may(world, author, channel, "manage_threads"):
        raise Refused(50083 if thread.archived else 160005)
    if draft.uploads:
        permissions.require(world, author, channel, "attach_files")
    if draft.embeds:
        permissions.require(world, author, channel, "embed_links")
    replies = draft.reference is not None and draft.reference.get("type", 0) == 0
    if replies and not permissions.may(world, author, channel, "read_message_history"):
        raise Refused(160002)
