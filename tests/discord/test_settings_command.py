"""The /settings command: values and their sources, who may change them, and where they hold."""

from __future__ import annotations

from tests.discord.stack import Server
from tests.discord.steps import ask, start_thread, use_command, visible_text


async def test_settings_show_their_source_and_only_managers_change_them(server: Server) -> None:
    page = visible_text(await use_command(server, server.ben, server.channel, "settings"))
    assert "**answer to**: mentions and replies _(deployment)_" in page and "**model**" in page
    refusal = await use_command(server, server.ben, server.channel, "settings", answer_to="everything")
    assert "manage" in refusal.content
    page = visible_text(
        await use_command(
            server, server.ada, server.channel, "settings", answer_to="everything", model="scripted-large"
        )
    )
    assert "everything _(here)_" in page and "scripted-large _(here)_" in page
    _, _, request = await ask(server, server.ben, server.channel, "no mention", mention=False)
    assert request.body["model"] == "scripted-large"
    page = visible_text(await use_command(server, server.ada, server.channel, "settings", model="default"))
    assert "scripted-large" not in page
    choices = await server.discord.autocomplete(server.ada, server.channel, "settings", "persona", "de")
    assert "default" in [choice["value"] for choice in choices]
    refusal = await use_command(server, server.ada, server.channel, "settings", persona="nobody")
    assert "no persona" in refusal.content


async def test_settings_of_the_server_need_the_permission_to_manage_the_server(server: Server) -> None:
    discord = server.discord
    role = await discord.add_role(server.guild, "Keeper", "manage_channels")
    await discord.change_member(server.guild, server.ben, roles=[role.id])
    page = await use_command(server, server.ben, server.channel, "settings", answer_in="thread")
    assert "thread _(here)_" in visible_text(page)
    refusal = await use_command(server, server.ben, server.channel, "settings", answer_in="thread", where="server")
    assert "manage" in refusal.content


async def test_bot_can_be_switched_off_in_a_channel_and_in_a_server(server: Server) -> None:
    discord = server.discord
    other = await discord.add_channel(server.guild, "other")
    for channel, where in ((server.channel, "here"), (other.id, "server")):
        await use_command(server, server.ada, channel, "settings", enabled=False, where=where)
        question = await discord.mention(server.ben, channel, "is the bot there?")
        notice = await discord.wait_reply(channel, question, lambda m: True)
        assert "switched off" in notice.content, where
        await use_command(server, server.ada, channel, "settings", enabled=True, where=where)
        await ask(server, server.ben, channel, "and now?")
        assert len(await discord.replies(channel, question)) == 1, "a refused question stays refused"


async def test_settings_of_a_channel_hold_in_its_threads(server: Server) -> None:
    thread = await start_thread(server)
    await use_command(server, server.ada, server.channel, "settings", answer_to="everything")
    await ask(server, server.ben, thread.id, "no mention", mention=False)
    page = visible_text(await use_command(server, server.ada, thread.id, "settings"))
    assert "everything _(channel)_" in page
    await use_command(server, server.ada, server.channel, "settings", model="scripted-large")
    _, _, request = await ask(server, server.ben, thread.id, "and which model is this?", mention=False)
    assert request.body["model"] == "scripted-large"
    page = visible_text(await use_command(server, server.ada, thread.id, "settings", model="scripted"))
    assert "scripted _(here)_" in page
    _, _, request = await ask(server, server.ben, thread.id, "and now?", mention=False)
    assert request.body["model"] == "scripted"
