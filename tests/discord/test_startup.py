"""Starting the bot: token, intents, registered commands, and what `threadwell doctor` reports."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.discord.stack import Server
from tests.discord.steps import ask
from tests.fakes.discord.running import running_discord
from tests.operation.threadwell_process import run_threadwell, stack_env


async def test_without_the_message_content_intent_mentions_and_direct_messages_work(own_server: Server) -> None:
    discord = own_server.discord
    await discord.configure_app(message_content=False)
    await own_server.bot.start()
    assert "without the Message Content intent" in own_server.bot.output
    assert "Message Content intent is off" in own_server.bot.log
    assert "replies without a ping" in own_server.bot.log
    _, reply, _ = await ask(own_server, own_server.ada, own_server.channel, "my name is Ada")
    await ask(own_server, own_server.ada, own_server.dm_channel, "hello")
    await discord.post(own_server.ada, own_server.channel, "this cannot be read", reply_to=reply.id, ping=False)
    await ask(own_server, own_server.ada, own_server.channel, "and this can")
    assert len(await discord.replies(own_server.channel)) == 2


async def test_bot_ends_with_one_line_if_the_intent_is_switched_off(own_server: Server) -> None:
    bot = own_server.bot
    assert bot.process is not None
    await own_server.discord.close_sockets(4014)
    assert await asyncio.wait_for(bot.process.wait(), 30) == 1
    assert "the Message Content intent was switched off" in bot.log


async def test_commands_are_registered_only_after_a_change(own_server: Server) -> None:
    discord = own_server.discord
    await discord.wait_until(discord.commands, lambda found: len(found) == 8)
    registrations = len(await discord.calls("bulk_overwrite_global_commands"))
    checks = len(await discord.calls("get_global_commands"))
    await own_server.bot.start()
    await discord.wait_call("get_global_commands", checks)
    await ask(own_server, own_server.ada, own_server.channel, "hello")
    assert len(await discord.calls("bulk_overwrite_global_commands")) == registrations == 1


@pytest.mark.parametrize("command", [("bot", "discord"), ("doctor",)], ids=" ".join)
async def test_rejected_token_is_reported_in_one_line(
    own_server: Server, tmp_path: Path, command: tuple[str, ...]
) -> None:
    env = {**doctor_env(own_server), "DISCORD_TOKEN": "wrong"}
    status, lines = await run_threadwell(tmp_path, *command, **env)
    assert status == 1
    [line] = [line for line in lines if "DISCORD_TOKEN" in line and "rejects" in line]
    assert "copy it again" in line and not any("Traceback" in line for line in lines)


async def test_line_break_within_the_token_is_reported_and_around_it_ignored(
    own_server: Server, tmp_path: Path
) -> None:
    token = own_server.discord.token
    broken = f"{token[:9]}\n{token[9:]}"
    for value, expected in ((broken, "a line break"), (f" {token}\n", "logs in as")):
        _, lines = await run_threadwell(tmp_path, "doctor", **{**doctor_env(own_server), "DISCORD_TOKEN": value})
        [line] = [line for line in lines if "discord app: " in line][:1]
        assert expected in line, lines
    with pytest.raises(AssertionError, match="DISCORD_TOKEN contains a blank, a line break"):
        await own_server.bot.start(DISCORD_TOKEN=broken)
    assert "Traceback" not in own_server.bot.log


async def test_doctor_prints_the_invite_link_and_missing_permissions(own_server: Server, tmp_path: Path) -> None:
    async with running_discord() as discord:  # without the servers of other tests
        await discord.configure_app(message_content=False)
        guild = await discord.add_guild("Poor", permissions=("view_channel",))
        await discord.change_role(guild.id, guild.id, deny=["read_message_history"])
        status, lines = await run_threadwell(tmp_path, "doctor", **{**doctor_env(own_server), **discord.env()})
        application = discord.application
    assert status == 1
    assert any(line.startswith("no  discord app: the Message Content intent is off") for line in lines), lines
    assert any("in Poor it lacks: " in line and "read message history" in line for line in lines), lines
    [link] = [line for line in lines if line.startswith("--  discord app: invite link: ")]
    assert f"client_id={application}" in link and "applications.commands" in link and "permissions=" in link


def doctor_env(server: Server) -> dict[str, str]:
    return {**stack_env(server.stack.stack), **server.discord.env()}
