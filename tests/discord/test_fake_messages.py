"""The fake Discord's messages and threads, through the real discord.py: what works, and what is refused."""

from __future__ import annotations

import io
from typing import Any

import discord
import pytest
from discord.http import handle_message_parameters

from tests.discord.conftest import Place
from tests.fakes.discord import Impossible, attached
from tests.fakes.discord.models import FORUM, MEDIA

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\rIHDR" + b"\x00\x00\x00\x04\x00\x00\x00\x03" + b"\x08\x02\x00\x00\x00"


def file(name: str = "a.txt", content: bytes = b"text") -> discord.File:
    """Something to send."""
    return discord.File(io.BytesIO(content), name)


def view(*buttons: discord.ui.Button[Any]) -> discord.ui.View:
    """Buttons under a message."""
    made = discord.ui.View(timeout=None)
    for button in buttons:
        made.add_item(button)
    return made


# --- sending ------------------------------------------------------------------------------------------------
async def test_a_message_holds_two_thousand_characters_and_something_at_all(place: Place) -> None:
    await place.here.send("x" * 2000)
    await place.here.send("😀" * 2000)
    assert await place.refused(place.here.send("x" * 2001)) == 50035
    assert await place.refused(place.here.send("")) == 50006
    assert await place.refused(place.here.send(" \n ")) == 50006
    message = await place.here.send("  trimmed\n")
    assert message.content == "trimmed"
    assert await place.refused(message.edit(content="x" * 2001)) == 50035
    assert await place.refused(message.edit(content="")) == 50006
    with pytest.raises(Impossible, match="50035"):
        await place.discord.post(place.person, place.channel, "x" * 2001)


async def test_files_come_whole_and_are_bounded(place: Place) -> None:
    message = await place.here.send(files=[file(str(number)) for number in range(10)])
    assert [one.filename for one in message.attachments] == [str(number) for number in range(10)]
    assert await message.attachments[3].read() == b"text"
    assert await place.refused(place.here.send(files=[file(str(number)) for number in range(11)])) == 50035
    await place.discord.rules(file_bytes=1000)
    assert await place.refused(place.here.send(file=file(content=b"x" * 1001))) == 40005
    await message.edit(attachments=[message.attachments[0], file("new.md", b"# new")])
    kept = await place.here.fetch_message(message.id)
    assert [one.filename for one in kept.attachments] == ["0", "new.md"]
    assert (await place.discord.calls("edit_message"))[-1].files == ["new.md"]


async def test_what_people_attach_can_be_read_for_a_day(place: Place) -> None:
    files = [attached("notes.txt", b"some notes"), attached("a.png", PNG)]
    await place.discord.post(place.person, place.channel, files=files)
    await place.heard("")
    notes, picture = place.client.all("message")[0].attachments
    assert await notes.read() == b"some notes"
    assert (notes.content_type, notes.size) == ("text/plain; charset=utf-8", 10)
    assert (picture.content_type, picture.width, picture.height) == ("image/png", 4, 3)
    await place.discord.advance(90_000)
    with pytest.raises(discord.NotFound):
        await notes.read()
    [fresh] = [one async for one in place.here.history()]
    assert await fresh.attachments[0].read() == b"some notes"


async def test_a_nonce_is_remembered_for_a_few_minutes(place: Place) -> None:
    first = await place.here.send("once", nonce="n" * 25)
    assert (await place.here.send("twice", nonce="n" * 25)).id == first.id
    assert [one.content for one in await place.discord.replies(place.channel)] == ["once"]
    await first.delete()
    assert await place.refused(place.here.send("deleted meanwhile", nonce="n" * 25)) == 10008
    await place.discord.advance(200)
    assert (await place.here.send("later", nonce="n" * 25)).id != first.id
    assert await place.refused(place.here.send("long", nonce="n" * 26)) == 50035


async def test_a_reply_names_its_question_and_needs_the_history(place: Place) -> None:
    question = await place.discord.post(place.person, place.channel, "why?")
    await place.heard("why?")
    heard = place.client.all("message")[0]
    answer = await heard.reply("because", mention_author=False)
    assert answer.type is discord.MessageType.reply
    assert (await place.discord.wait_reply(place.channel, question)).pings.users == []
    assert (await place.discord.message(place.channel, str((await heard.reply("again")).id))).pings.users == [
        place.person
    ]
    await place.discord.overwrite(place.channel, place.discord.bot, deny=["read_message_history"])
    assert await place.refused(heard.reply("no")) == 160002
    assert [one async for one in place.here.history()] == []
    assert await place.refused(place.here.fetch_message(heard.id)) == 50001
    await place.discord.overwrite(place.channel, place.discord.bot)
    await place.discord.delete(place.person, place.channel, question.id)
    assert await place.refused(heard.reply("gone")) == 50035
    loose = await place.here.send("loose", reference=heard.to_reference(fail_if_not_exists=False))
    assert loose.reference is None


async def test_forwards_and_embeds_carry_their_text_elsewhere(place: Place) -> None:
    other = await place.discord.add_channel(place.guild, "elsewhere")
    source = await place.discord.post(place.person, other.id, "the forwarded text", files=[attached("f.txt", b"f")])
    await place.discord.post(place.person, place.channel, forward=(other.id, source.id))
    await place.discord.post(place.person, place.channel, embeds=[{"title": "a title", "description": "words"}])
    await place.heard("", "")
    forward, embed = (one for one in place.client.all("message") if str(one.channel.id) == place.channel)
    [snapshot] = forward.message_snapshots
    assert snapshot.content == "the forwarded text" and snapshot.attachments[0].filename == "f.txt"
    assert embed.embeds[0].description == "words"
    sent = await forward.forward(place.here)
    assert sent.message_snapshots[0].content == ""
    embeds = [discord.Embed(title="t", description="x" * 4096), discord.Embed(description="x" * 2000)]
    assert await place.refused(place.here.send(embeds=embeds)) == 50035
    assert await place.refused(place.here.send(embed=discord.Embed(title="x" * 257))) == 50035


@pytest.mark.parametrize(
    ("allowed", "users", "everyone", "roles"),
    [
        (None, True, True, True),
        (discord.AllowedMentions.none(), False, False, False),
        (discord.AllowedMentions(everyone=False, users=True, roles=False), True, False, False),
    ],
)
async def test_who_is_notified_is_recorded(
    place: Place, allowed: Any, users: bool, everyone: bool, roles: bool
) -> None:
    role = await place.discord.add_role(place.guild, "helpers", mentionable=True)
    shy = await place.discord.add_role(place.guild, "shy")
    text = f"@everyone <@{place.person}> <@&{role.id}> <@&{shy.id}> `<@{place.discord.owner}>`"
    message = await place.here.send(text, allowed_mentions=allowed)
    pings = (await place.discord.message(place.channel, str(message.id))).pings
    assert pings.users == ([place.person] if users else [])
    assert pings.roles == ([role.id, shy.id] if roles else [])
    assert pings.everyone is everyone
    await place.discord.change_role(place.guild, place.guild, deny=["mention_everyone"])
    modest = await place.here.send(text, allowed_mentions=allowed)
    pings = (await place.discord.message(place.channel, str(modest.id))).pings
    assert pings.roles == ([role.id] if roles else []) and not pings.everyone


async def test_links_unfurl_unless_they_are_suppressed(place: Place) -> None:
    for text, suppress, unfurls in (
        ("https://example.org", False, True),
        ("https://example.org", True, False),
        ("<https://example.org>", False, False),
        ("`https://example.org`", False, False),
    ):
        message = await place.here.send(text, suppress_embeds=suppress)
        assert (await place.discord.message(place.channel, str(message.id))).unfurls is unfurls, text


async def test_buttons_are_checked(place: Place) -> None:
    button = discord.ui.Button
    await place.here.send("ok", view=view(*[button(label=str(one), custom_id="c" * 99 + str(one)) for one in range(6)]))
    assert await place.refused(place.here.send("x", view=view(button(label="a", custom_id="c" * 101)))) == 50035
    assert await place.refused(place.here.send("x", view=view(button(label="a" * 81, custom_id="c")))) == 50035
    twice = view(button(label="a", custom_id="same"), button(label="b", custom_id="same"))
    assert await place.refused(place.here.send("x", view=twice)) == 50035
    assert await place.refused(place.here.send("x", view=view(button(custom_id="bare")))) == 50035
    assert await place.refused(place.here.send(view=view(button(label="a", custom_id="alone")))) == 50006


# --- reading, changing, deleting ----------------------------------------------------------------------------
async def test_the_history_is_paged_both_ways(place: Place) -> None:
    made = [await place.discord.post(place.person, place.channel, str(number), silent=True) for number in range(12)]
    history = place.here.history

    async def read(**asked: Any) -> list[str]:
        return [one.content async for one in history(**asked)]

    after, before = discord.Object(int(made[3].id)), discord.Object(int(made[8].id))
    assert await read(after=after, limit=3) == ["4", "5", "6"]
    assert await read(before=before, limit=3) == ["7", "6", "5"]
    assert await read(limit=2) == ["11", "10"]
    assert await read(around=discord.Object(int(made[5].id)), limit=3) == ["6", "5", "4"]
    assert await read(limit=None, oldest_first=True) == [str(number) for number in range(12)]


async def test_only_ones_own_messages_change_and_every_version_is_kept(place: Place) -> None:
    message = await place.here.send("one")
    await message.edit(content="two")
    await message.edit(content="three")
    kept = await place.discord.message(place.channel, str(message.id))
    assert [one.content for one in kept.revisions] == ["one", "two", "three"]
    assert kept.revisions[1].at <= kept.revisions[2].at and kept.edited is not None
    foreign = await place.discord.post(place.person, place.channel, "mine")
    partial = place.here.get_partial_message(int(foreign.id))
    assert await place.refused(partial.edit(content="yours")) == 50005
    assert await place.refused(partial.delete()) == 50013
    await place.discord.overwrite(place.channel, place.discord.bot, allow=["manage_messages"])
    await (await place.here.fetch_message(int(foreign.id))).edit(suppress=True)
    await partial.delete()
    assert await place.refused(place.here.fetch_message(int(foreign.id))) == 10008
    assert await place.refused(partial.delete()) == 10008
    many = [await place.here.send(text) for text in "ab"]
    await place.here.delete_messages(many)
    assert [one.content for one in await place.discord.messages(place.channel)] == ["three"]
    old = [await place.discord.post(place.person, place.channel, "old", age=1_300_000) for _ in range(2)]
    assert await place.refused(place.here.delete_messages([discord.Object(int(one.id)) for one in old])) == 50034
    everything = await place.discord.messages(place.channel, everything=True)
    assert [one.content for one in everything if one.deleted] == ["mine", "a", "b"]


async def test_reactions(place: Place) -> None:
    message = await place.here.send("like it?")
    await place.discord.react(place.person, place.channel, str(message.id), "👍")
    event = await place.event("raw_reaction_add")
    assert (str(event.user_id), str(event.emoji)) == (place.person, "👍")
    await message.add_reaction("👀")
    await message.remove_reaction("👀", place.client.user)
    assert (await place.discord.message(place.channel, str(message.id))).reactions == {"👍": [place.person]}
    assert await place.refused(message.remove_reaction("👀", place.client.user)) == 10014
    await place.discord.overwrite(place.channel, place.discord.bot, deny=["add_reactions"])
    await message.add_reaction("👍")
    assert await place.refused(message.add_reaction("🎉")) == 50013


async def test_typing_is_recorded(place: Place) -> None:
    async with place.here.typing():
        call = await place.discord.wait_call("trigger_typing")
    assert call.params["channel"] == place.channel and call.status == 204


# --- permissions --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("missing", "code"),
    [("view_channel", 50001), ("send_messages", 50013), ("attach_files", 50013), ("embed_links", 50013)],
)
async def test_what_the_bot_may_not_do_is_refused(place: Place, missing: str, code: int) -> None:
    before = await place.here.send("before", file=file(), embed=discord.Embed(title="t"))
    await place.discord.overwrite(place.channel, place.discord.bot, deny=[missing])
    assert await place.refused(place.here.send("x", file=file(), embed=discord.Embed(title="t"))) == code
    if missing == "attach_files":
        assert await place.refused(before.edit(attachments=[file()])) == code
    await place.discord.overwrite(place.channel, place.discord.bot)
    await place.discord.overwrite(place.channel, place.guild, deny=[missing])
    assert await place.refused(place.here.send("x", file=file(), embed=discord.Embed(title="t"))) == code
    role = await place.discord.add_role(place.guild, "trusted")
    member = place.discord.change_member(place.guild, place.discord.bot, roles=[role.id])
    await member
    await place.discord.overwrite(place.channel, role.id, allow=[missing])
    await place.here.send("after", file=file(), embed=discord.Embed(title="t"))


async def test_administrators_and_owners_may_everything(place: Place) -> None:
    await place.discord.overwrite(place.channel, place.guild, deny=["view_channel", "send_messages"])
    with pytest.raises(Impossible):
        await place.discord.post(place.person, place.channel, "x")
    await place.discord.post(place.discord.owner, place.channel, "owner")
    admin = await place.discord.add_role(place.guild, "admin", "administrator")
    await place.discord.change_member(place.guild, place.person, roles=[admin.id])
    await place.discord.post(place.person, place.channel, "admin")


async def test_what_is_gone_is_unknown(place: Place) -> None:
    await place.discord.delete_channel(place.channel)
    assert await place.refused(place.client.get_partial_messageable(int(place.channel)).send("x")) == 10003
    assert await place.refused(place.client.fetch_channel(int(place.channel))) == 10003
    assert await place.refused(place.client.fetch_guild(4)) == 10004
    assert await place.refused(place.client.fetch_user(4)) == 10013
    await place.discord.leave(place.discord.bot, place.guild)
    assert await place.refused(place.client.fetch_guild(int(place.guild))) == 50001
    await place.discord.join(place.discord.bot, place.guild)


async def test_direct_messages(place: Place) -> None:
    direct = (await place.discord.direct(place.person)).id
    await place.discord.post(place.person, direct, "psst")
    await place.heard("psst", channel=direct)
    heard = place.client.all("message")[0]
    assert heard.guild is None and heard.content == "psst"
    await heard.reply("yes?")
    user = await place.client.fetch_user(int(place.person))
    assert str((await user.send("first")).channel.id) == direct
    await place.discord.change_user(place.person, dms=False)
    assert await place.refused(user.send("closed")) == 50007


# --- threads ------------------------------------------------------------------------------------------------
async def test_a_thread_from_a_message_has_its_id_and_is_made_once(place: Place) -> None:
    question = await place.discord.post(place.person, place.channel, "a question")
    await place.heard("a question")
    heard = place.client.all("message")[0]
    thread = await heard.create_thread(name="about it")
    assert str(thread.id) == question.id
    assert await place.refused(heard.create_thread(name="again")) == 160004
    await thread.send("in it")
    await place.discord.post(place.person, question.id, "more")
    await place.heard("", "in it", "more", channel=question.id)
    first = place.client.all("message")[1]
    assert first.type is discord.MessageType.thread_starter_message
    assert first.reference.message_id == heard.id
    free = await place.here.create_thread(name="free", type=discord.ChannelType.public_thread)
    assert str(free.id) != question.id
    notices = [one async for one in place.here.history() if one.type is discord.MessageType.thread_created]
    assert [one.content for one in notices] == ["free"]
    guild: Any = place.client.get_guild(int(place.guild))
    assert {one.id for one in await guild.active_threads()} == {thread.id, free.id}
    assert await place.refused(place.here.create_thread(name="x" * 101, message=heard)) in (50035, 160004)


async def test_archived_threads_open_when_written_in_and_locked_ones_do_not(place: Place) -> None:
    thread = await place.discord.start_thread(place.person, place.channel, "aside", type=11)
    there: Any = await place.client.fetch_channel(int(thread.id))
    message = await there.send("here")
    await place.discord.change_thread(place.person, thread.id, archived=True)
    assert await place.refused(message.edit(content="there")) == 50083
    archived = [one.id async for one in place.here.archived_threads()]
    assert archived == [there.id]
    await there.send("still here")
    assert not (await place.discord.channel(thread.id)).thread.archived  # type: ignore[union-attr]
    await place.discord.change_thread(place.discord.owner, thread.id, locked=True)
    assert await place.refused(there.send("locked")) == 160005
    await place.discord.change_thread(place.discord.owner, thread.id, archived=True)
    assert await place.refused(there.send("both")) == 50083
    with pytest.raises(Impossible):
        await place.discord.change_thread(place.person, thread.id, locked=False)
    await place.discord.overwrite(place.channel, place.discord.bot, allow=["manage_threads"])
    await there.send("a moderator")


async def test_threads_need_permissions_of_their_own(place: Place) -> None:
    question = await place.discord.post(place.person, place.channel, "question")
    thread = await place.discord.start_thread(place.person, place.channel, "aside", question.id)
    there = place.client.place(thread.id)
    await place.discord.overwrite(place.channel, place.discord.bot, deny=["send_messages_in_threads"])
    assert await place.refused(there.send("x")) == 50013
    await place.here.send("the channel is open")
    await place.discord.overwrite(place.channel, place.discord.bot, deny=["send_messages", "create_public_threads"])
    await there.send("the thread is open")
    other = await place.discord.post(place.person, place.channel, "another")
    partial = place.here.get_partial_message(int(other.id))
    assert await place.refused(partial.create_thread(name="x")) == 50013


async def test_idle_threads_are_archived_by_the_clock(place: Place) -> None:
    thread = await place.discord.start_thread(place.person, place.channel, "aside", auto_archive_duration=60)
    await place.discord.advance(3000)
    await place.discord.post(place.person, thread.id, "alive")
    await place.discord.advance(3000)
    assert not (await place.discord.channel(thread.id)).thread.archived  # type: ignore[union-attr]
    await place.discord.advance(3000)
    assert (await place.discord.channel(thread.id)).thread.archived  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", [FORUM, MEDIA])
async def test_a_forum_holds_posts_and_no_messages(place: Place, kind: int) -> None:
    forum = await place.discord.add_channel(place.guild, "questions", kind)
    made: Any = await place.client.fetch_channel(int(forum.id))
    assert isinstance(made, discord.ForumChannel) and made.is_media() is (kind == MEDIA)
    assert await place.refused(place.client.http.send_message(made.id, params=handle_message_parameters("x"))) == 50008
    with pytest.raises(Impossible):
        await place.discord.start_thread(place.person, forum.id, "no post")
    own = await made.create_thread(name="mine", content="of the bot")
    assert own.message.id == own.thread.id and own.message.channel.id == own.thread.id
    first = await place.discord.open_post(place.person, forum.id, "a title", "a question")
    assert first.id == first.channel and (await place.discord.channel(first.id)).name == "a title"
    await place.heard("a question", channel=first.id)
    heard = place.client.all("message")[-1]
    assert heard.type is discord.MessageType.default and heard.channel.parent_id == made.id
    reply = await heard.reply("an answer")
    assert reply.reference.message_id == heard.id
    assert [one.content async for one in heard.channel.history()] == ["an answer", "a question"]
    await place.discord.change_thread(place.person, first.id, archived=True)
    assert [one.id async for one in made.archived_threads()] == [heard.id]
    await place.discord.overwrite(forum.id, place.discord.bot, deny=["send_messages"])
    assert await place.refused(made.create_thread(name="not mine", content="x")) == 50013
