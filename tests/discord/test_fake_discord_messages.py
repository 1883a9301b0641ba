"""The fake Discord's messages and threads, seen by discord.py: what is accepted, and the error code of the rest."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from tests.discord.conftest import FakeServer
from tests.fakes.discord import ImpossibleActionError

Button = discord.ui.Button


def make_view(*buttons: discord.ui.Button[Any]) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    for button in buttons:
        view.add_item(button)
    return view


async def test_message_has_one_to_two_thousand_characters(fake_server: FakeServer) -> None:
    message = await fake_server.channel.send("😀" * 2000)
    for content, code in (("x" * 2001, 50035), ("", 50006), (" \n ", 50006)):
        assert await fake_server.error_code(fake_server.channel.send(content)) == code
    assert await fake_server.error_code(message.edit(content="x" * 2001)) == 50035
    assert await fake_server.error_code(message.edit(content="")) == 50006


async def test_invalid_buttons_are_refused(fake_server: FakeServer) -> None:
    invalid: list[list[discord.ui.Button[Any]]] = [
        [Button(label="a", custom_id="c" * 101)],
        [Button(label="a" * 81, custom_id="c")],
        [Button(label="a", custom_id="same"), Button(label="b", custom_id="same")],
        [Button(custom_id="no label")],
    ]
    for buttons in invalid:
        assert await fake_server.error_code(fake_server.channel.send("x", view=make_view(*buttons))) == 50035
    view = make_view(Button(label="a", custom_id="alone"))
    assert await fake_server.error_code(fake_server.channel.send(view=view)) == 50006


async def test_nonce_identifies_a_repeated_post_for_some_minutes(fake_server: FakeServer) -> None:
    first = await fake_server.channel.send("once", nonce="n" * 25)
    assert (await fake_server.channel.send("twice", nonce="n" * 25)).id == first.id
    await first.delete()
    assert await fake_server.error_code(fake_server.channel.send("deleted meanwhile", nonce="n" * 25)) == 10008
    await fake_server.control.set_rules(nonce_seconds=0.0)
    assert (await fake_server.channel.send("later", nonce="n" * 25)).id != first.id
    assert await fake_server.error_code(fake_server.channel.send("long", nonce="n" * 26)) == 50035


async def test_reply_needs_its_message_and_the_history_permission(fake_server: FakeServer) -> None:
    control, channel = fake_server.control, fake_server.channel_id
    question = await control.post(fake_server.person, channel, "why?")
    await fake_server.wait_for_texts("why?")
    received = fake_server.client.received("message")[0]
    await received.reply("because", mention_author=False)
    reply = await control.wait_reply(channel, question)
    assert reply.notified.users == []
    await control.set_overwrite(channel, control.bot, deny=["read_message_history"])
    assert await fake_server.error_code(received.reply("no")) == 160002
    assert [message async for message in fake_server.channel.history()] == []
    assert await fake_server.error_code(fake_server.channel.fetch_message(received.id)) == 50001
    await control.set_overwrite(channel, control.bot)
    await control.delete(fake_server.person, channel, question.id)
    assert await fake_server.error_code(received.reply("deleted")) == 50035


async def test_notifications_and_link_previews_are_recorded(fake_server: FakeServer) -> None:
    role = await fake_server.control.add_role(fake_server.guild, "helpers", mentionable=True)
    text = f"@everyone <@{fake_server.person}> <@&{role.id}> `<@{fake_server.control.owner}>` https://example.org"
    for allowed, suppress in ((None, False), (discord.AllowedMentions.none(), True)):
        sent = await fake_server.channel.send(text, allowed_mentions=allowed, suppress_embeds=suppress)
        message = await fake_server.control.message(fake_server.channel_id, str(sent.id))
        assert message.notified.users == ([] if allowed else [fake_server.person])
        assert message.notified.roles == ([] if allowed else [role.id])
        assert message.notified.everyone is message.unfurls is not suppress


async def test_bot_changes_only_its_own_messages_and_every_version_is_recorded(fake_server: FakeServer) -> None:
    message = await fake_server.channel.send("one")
    await message.edit(content="two")
    recorded = await fake_server.control.message(fake_server.channel_id, str(message.id))
    assert [revision.content for revision in recorded.revisions] == ["one", "two"]
    other = await fake_server.control.post(fake_server.person, fake_server.channel_id, "mine")
    partial = fake_server.channel.get_partial_message(int(other.id))
    assert await fake_server.error_code(partial.edit(content="yours")) == 50005
    assert await fake_server.error_code(partial.delete()) == 50013
    await message.delete()
    assert await fake_server.error_code(fake_server.channel.fetch_message(message.id)) == 10008


@pytest.mark.parametrize(("missing", "code"), [("view_channel", 50001), ("send_messages", 50013)])
async def test_missing_permission_is_refused_by_person_and_by_role(
    fake_server: FakeServer, missing: str, code: int
) -> None:
    control, channel = fake_server.control, fake_server.channel_id
    await control.set_overwrite(channel, control.bot, deny=[missing])
    assert await fake_server.error_code(fake_server.channel.send("x")) == code
    await control.set_overwrite(channel, control.bot)
    await control.set_overwrite(channel, fake_server.guild, deny=[missing])
    assert await fake_server.error_code(fake_server.channel.send("x")) == code
    role = await control.add_role(fake_server.guild, "trusted")
    await control.change_member(fake_server.guild, control.bot, roles=[role.id])
    await control.set_overwrite(channel, role.id, allow=[missing])
    await fake_server.channel.send("allowed")
    with pytest.raises(ImpossibleActionError):
        await control.post(fake_server.person, channel, "x")
    await control.post(control.owner, channel, "the owner may do everything")


async def test_thread_of_a_message_has_its_id_and_is_created_once(fake_server: FakeServer) -> None:
    control, channel = fake_server.control, fake_server.channel_id
    question = await control.post(fake_server.person, channel, "a question")
    await fake_server.wait_for_texts("a question")
    received = fake_server.client.received("message")[0]
    thread = await received.create_thread(name="about it")
    assert str(thread.id) == question.id
    assert await fake_server.error_code(received.create_thread(name="again")) == 160004
    await control.set_overwrite(channel, control.bot, deny=["send_messages_in_threads", "create_public_threads"])
    assert await fake_server.error_code(thread.send("x")) == 50013
    await fake_server.channel.send("the channel is open")
    other = await control.post(fake_server.person, channel, "another")
    partial = fake_server.channel.get_partial_message(int(other.id))
    assert await fake_server.error_code(partial.create_thread(name="x")) == 50013


async def test_archived_thread_opens_with_a_post_unless_it_is_locked(fake_server: FakeServer) -> None:
    control = fake_server.control
    thread = await control.start_thread(fake_server.person, fake_server.channel_id, "aside")
    channel: Any = await fake_server.client.fetch_channel(int(thread.id))
    message = await channel.send("here")
    await control.change_thread(fake_server.person, thread.id, archived=True)
    assert await fake_server.error_code(message.edit(content="there")) == 50083
    assert [archived.id async for archived in fake_server.channel.archived_threads()] == [channel.id]
    await channel.send("still here")
    await message.edit(content="open again")
    await control.change_thread(control.owner, thread.id, locked=True)
    assert await fake_server.error_code(channel.send("locked")) == 160005
    await control.change_thread(control.owner, thread.id, archived=True)
    assert await fake_server.error_code(channel.send("both")) == 50083
