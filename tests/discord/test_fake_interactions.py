"""The fake Discord's commands, buttons and modals, through the real discord.py: three seconds, fifteen minutes."""

from __future__ import annotations

import asyncio
from typing import Any

import discord
import pytest
from discord import app_commands

from tests.discord.conftest import Place
from tests.fakes.discord import Impossible
from tests.fakes.discord.models import Interaction, Message

Used = discord.Interaction[Any]


class Commands:
    """The commands of a small bot; `seen` are the interactions it got."""

    def __init__(self, place: Place) -> None:
        self.seen: list[Used] = []
        tree = place.client.tree

        @tree.command(name="say", description="Say something")
        @app_commands.describe(text="what", who="to whom")
        async def say(used: Used, text: str, count: int = 1, who: discord.Member | None = None) -> None:
            self.seen.append(used)
            await used.response.send_message(f"{text} {count} {who and who.display_name}")

        @tree.command(name="whisper", description="Say something to the asker alone")
        async def whisper(used: Used) -> None:
            self.seen.append(used)
            await used.response.send_message("psst", ephemeral=True)

        @tree.command(name="think", description="Take time")
        async def think(used: Used) -> None:
            self.seen.append(used)
            await used.response.defer(ephemeral=True, thinking=True)

        @tree.command(name="sleep", description="Answer nothing")
        async def sleep(used: Used) -> None:
            self.seen.append(used)

        group = app_commands.Group(name="settings", description="Settings")

        @group.command(name="persona", description="Choose")
        async def persona(used: Used, name: str) -> None:
            await used.response.send_message(f"persona {name}")

        @persona.autocomplete("name")
        async def complete(used: Used, current: str) -> list[app_commands.Choice[str]]:
            return [app_commands.Choice(name=one, value=one) for one in ("pirate", "poet") if one.startswith(current)]

        tree.add_command(group)

        @tree.context_menu(name="Show history")
        async def show(used: Used, message: discord.Message) -> None:
            await used.response.send_message(f"history of {message.content}", ephemeral=True)

        @tree.command(name="form", description="Ask for more")
        async def form(used: Used) -> None:
            await used.response.send_modal(Form())


class Form(discord.ui.Modal, title="A form"):
    """One field of each kind."""

    name: Any = discord.ui.TextInput(label="Name", custom_id="name")
    why: Any = discord.ui.Label(text="Why", component=discord.ui.TextInput(custom_id="why", required=False))

    async def on_submit(self, interaction: Used) -> None:
        await interaction.response.send_message(f"{self.name.value}: {self.why.component.value}")


@pytest.fixture
async def commands(place: Place) -> Commands:
    made = Commands(place)
    await place.client.tree.sync()
    return made


async def texts(place: Place, used: Interaction) -> list[str]:
    """What was answered to an interaction."""
    return [one.content for one in await place.discord.answers(used)]


# --- registering --------------------------------------------------------------------------------------------
async def test_commands_are_overwritten_in_bulk_and_keep_their_ids(place: Place, commands: Commands) -> None:
    before = {one.name: one.id for one in await place.discord.commands()}
    assert set(before) == {"say", "whisper", "think", "sleep", "settings", "form", "Show history"}
    place.client.tree.remove_command("sleep")
    await place.client.tree.sync()
    after = {one.name: one.id for one in await place.discord.commands()}
    assert after == {name: identity for name, identity in before.items() if name != "sleep"}
    assert {one.name for one in await place.client.tree.fetch_commands()} == set(after)
    with pytest.raises(Impossible):
        await place.discord.command(place.person, place.channel, "sleep")


@pytest.mark.parametrize(
    "wrong",
    [
        [{"name": "Big", "description": "x"}],
        [{"name": "a b", "description": "x"}],
        [{"name": "a", "description": ""}],
        [{"name": "a", "description": "x" * 101}],
        [{"name": "a", "description": "x"}] * 2,
        [{"name": "x" * 33, "type": 3}],
        [{"name": "a", "description": "x", "options": [{"type": 3, "name": "Bad", "description": "x"}]}],
    ],
)
async def test_badly_named_commands_are_refused(place: Place, wrong: list[dict[str, Any]]) -> None:
    http = place.client.http
    assert await place.refused(http.bulk_upsert_global_commands(int(place.discord.application), wrong)) == 50035


# --- using --------------------------------------------------------------------------------------------------
async def test_commands_work_in_channels_threads_and_direct_messages(place: Place, commands: Commands) -> None:
    thread = await place.discord.start_thread(place.person, place.channel, "aside")
    direct = await place.discord.direct(place.person)
    for where in (place.channel, thread.id, direct.id):
        used = await place.discord.command(place.person, where, "say", text="hello", count=3)
        assert used.state == "answered" and await texts(place, used) == ["hello 3 None"]
        assert [one.id for one in await place.discord.messages(where) if one.author == place.discord.bot]
    assert [str(one.channel and one.channel.id) for one in commands.seen] == [place.channel, thread.id, direct.id]
    assert [one.guild is None for one in commands.seen] == [False, False, True]
    used = await place.discord.command(place.person, place.channel, "say", text="to", who=place.person)
    assert await texts(place, used) == ["to 1 Asker"]
    message = (await place.discord.answers(used))[0]
    assert message.type == 20 and message.interaction is not None


@pytest.mark.parametrize(
    "options", [{}, {"text": 1}, {"text": "x", "count": "many"}, {"text": "x", "nothing": 1}, {"text": "x" * 6001}]
)
async def test_what_a_client_would_not_send_is_impossible(
    place: Place, commands: Commands, options: dict[str, Any]
) -> None:
    with pytest.raises(Impossible):
        await place.discord.command(place.person, place.channel, "say", **options)


async def test_subcommands_and_completion(place: Place, commands: Commands) -> None:
    used = await place.discord.command(place.person, place.channel, "settings persona", name="pirate")
    assert await texts(place, used) == ["persona pirate"]
    offered = await place.discord.autocomplete(place.person, place.channel, "settings persona", "name", "pi")
    assert [one["value"] for one in offered] == ["pirate"]
    with pytest.raises(Impossible):
        await place.discord.command(place.person, place.channel, "settings")


async def test_who_may_not_use_a_command_cannot(place: Place, commands: Commands) -> None:
    await place.discord.overwrite(place.channel, place.guild, deny=["use_application_commands"])
    with pytest.raises(Impossible):
        await place.discord.command(place.person, place.channel, "whisper")
    await place.discord.overwrite(place.channel, place.guild, deny=["view_channel"])
    with pytest.raises(Impossible):
        await place.discord.command(place.person, place.channel, "whisper")


async def test_an_ephemeral_answer_is_for_one_person(place: Place, commands: Commands) -> None:
    used = await place.discord.command(place.person, place.channel, "whisper")
    [answer] = await place.discord.answers(used)
    assert (answer.content, answer.ephemeral_to) == ("psst", place.person)
    assert await place.discord.messages(place.channel) == []
    assert await place.refused(place.here.fetch_message(int(answer.id))) == 10008
    [told] = [one for one in await place.discord.events("MESSAGE_CREATE") if one.data["id"] == answer.id]
    assert "guild_id" not in told.data and told.data["flags"] & 1 << 6, "told to the application as a direct message"
    other = await place.discord.add_user("other")
    await place.discord.join(other.id, place.guild)
    with pytest.raises(Impossible):
        await place.discord.context_menu(other.id, place.channel, "Show history", answer.id)
    changed = await commands.seen[0].edit_original_response(content="louder")
    assert changed.content == "louder"
    await commands.seen[0].delete_original_response()
    assert (await place.discord.message(place.channel, answer.id)).deleted


async def test_context_menus(place: Place, commands: Commands) -> None:
    message = await place.discord.post(place.person, place.channel, "this")
    used = await place.discord.context_menu(place.person, place.channel, "Show history", message.id)
    assert await texts(place, used) == ["history of this"]


# --- three seconds, fifteen minutes -------------------------------------------------------------------------
async def test_who_does_not_answer_in_time_is_too_late(place: Place, commands: Commands) -> None:
    await place.discord.rules(interaction_seconds=0.3)
    used = await place.discord.command(place.person, place.channel, "sleep")
    assert used.state == "failed"
    assert await place.refused(commands.seen[0].response.send_message("late")) == 10062
    assert await place.refused(commands.seen[0].followup.send("later")) == 10015


async def test_a_deferred_answer_is_filled_in_once(place: Place, commands: Commands) -> None:
    used = await place.discord.command(place.person, place.channel, "think")
    assert used.state == "deferred"
    [thinking] = await place.discord.answers(used)
    assert thinking.loading and thinking.ephemeral_to == place.person
    first = await commands.seen[0].followup.send("the answer", ephemeral=False, wait=True)
    assert str(first.id) == thinking.id
    await commands.seen[0].followup.send("and more", ephemeral=True)
    answers = await place.discord.answers(used)
    assert [(one.content, one.loading) for one in answers] == [("the answer", False), ("and more", False)]
    assert [one.ephemeral_to for one in answers] == [place.person, place.person]
    assert (await place.discord.interactions())[-1].state == "answered"


async def test_a_second_answer_is_refused(place: Place, commands: Commands) -> None:
    await place.discord.command(place.person, place.channel, "whisper")
    seen = commands.seen[0]
    again = discord.Interaction(data=_raw(place), state=place.client._connection)
    assert again.id == seen.id
    assert await place.refused(again.response.send_message("again")) == 40060


async def test_a_token_is_good_for_fifteen_minutes(place: Place, commands: Commands) -> None:
    await place.discord.command(place.person, place.channel, "think")
    await place.discord.advance(890)
    await commands.seen[0].edit_original_response(content="in time")
    await place.discord.advance(20)
    assert await place.refused(commands.seen[0].edit_original_response(content="too late")) == 50027
    assert await place.refused(commands.seen[0].followup.send("too late")) == 50027
    await place.here.send("an ordinary message")


async def test_answers_are_held_to_what_messages_are(place: Place, commands: Commands) -> None:
    await place.discord.command(place.person, place.channel, "think")
    seen = commands.seen[0]
    assert await place.refused(seen.followup.send("x" * 2001)) == 50035
    assert await place.refused(seen.edit_original_response(content="")) == 50006
    await place.discord.overwrite(place.channel, place.discord.bot, deny=["send_messages"])
    await seen.followup.send("an interaction needs no permission to write")
    loud = await seen.followup.send(f"@everyone <@{place.person}>", wait=True)
    pings = (await place.discord.message(place.channel, str(loud.id))).pings
    assert (pings.users, pings.everyone) == ([place.person], False)


# --- buttons, menus, modals ---------------------------------------------------------------------------------
class Keys(discord.ui.View):
    """A button that changes its message, and one that thinks."""

    def __init__(self) -> None:
        super().__init__(timeout=None)

    @discord.ui.button(label="Next", custom_id="next")
    async def next(self, used: Used, button: discord.ui.Button[Any]) -> None:
        await used.response.edit_message(content="page 2")

    @discord.ui.button(label="Stop", custom_id="stop")
    async def stop_it(self, used: Used, button: discord.ui.Button[Any]) -> None:
        await used.response.defer()
        await used.edit_original_response(content="stopped", view=None)

    @discord.ui.button(label="Off", custom_id="off", disabled=True)
    async def off(self, used: Used, button: discord.ui.Button[Any]) -> None:
        raise AssertionError("cannot be pressed")

    @discord.ui.select(options=[discord.SelectOption(label="A"), discord.SelectOption(label="B")], custom_id="pick")
    async def pick(self, used: Used, menu: discord.ui.Select[Any]) -> None:
        await used.response.send_message(f"picked {menu.values}", ephemeral=True)


async def test_buttons_and_menus(place: Place) -> None:
    sent = await place.here.send("page 1", view=Keys())
    where = (place.person, place.channel, str(sent.id))

    async def now() -> Message:
        return await place.discord.message(place.channel, str(sent.id))

    assert (await place.discord.press(*where, "Next")).state == "answered"
    assert (await now()).content == "page 2"
    used = await place.discord.select(*where, "pick", ["B"])
    assert await texts(place, used) == ["picked ['B']"]
    with pytest.raises(Impossible):
        await place.discord.press(*where, "Off")
    with pytest.raises(Impossible):
        await place.discord.select(*where, "pick", ["C"])
    await place.discord.press(*where, "stop")
    await place.discord.until(now, lambda message: message.content == "stopped")
    with pytest.raises(Impossible):
        await place.discord.press(*where, "stop")


async def test_a_modal_is_filled_in(place: Place, commands: Commands) -> None:
    opened = await place.discord.command(place.person, place.channel, "form")
    assert opened.modal is not None and opened.modal["title"] == "A form"
    with pytest.raises(Impossible):
        await place.discord.submit(place.person, opened, name="")
    done = await place.discord.submit(place.person, opened, name="Ann", why="because")
    assert await texts(place, done) == ["Ann: because"]


async def test_interactions_reach_a_client_that_resumes(place: Place, commands: Commands) -> None:
    """Also one that was used while nobody was connected, if the session is taken up in time."""
    await place.discord.rules(interaction_seconds=10.0)
    await place.discord.refuse_sockets()
    await place.discord.cut_sockets()
    waiting = asyncio.create_task(place.discord.command(place.person, place.channel, "whisper"))
    await place.discord.until(lambda: place.discord.events("INTERACTION_CREATE"), patience=5)
    await place.discord.refuse_sockets(False)
    assert (await waiting).state == "answered"


def _raw(place: Place) -> Any:
    """The last interaction as another replica would have got it."""
    seen = place.client.all("interaction")[-1]
    base: dict[str, Any] = {"id": str(seen.id), "token": seen.token, "type": 2, "version": 1, "data": seen.data}
    base.update(application_id=str(seen.application_id), attachment_size_limit=1)
    return base
