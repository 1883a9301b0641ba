"""The steps of bots/discord/README.md lead from an empty machine to the first answer."""

from __future__ import annotations

import asyncio
import shlex
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import discord as library

from tests.discord.rooms import is_done
from tests.fakes.discord import DiscordControl
from tests.fakes.discord.running import running_discord
from tests.fakes.model import ModelControl
from tests.fork_server import ROOT
from tests.operation.steps import block, commands, settings_in, steps_of
from tests.operation.up import answering, clean_env, prepared

PAGE = ROOT / "bots" / "discord" / "README.md"
EVERYBODY = ("send_messages", "send_messages_in_threads", "read_message_history", "attach_files", "add_reactions")


async def test_the_steps_lead_from_nothing_to_the_first_answer(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    await model.clear()
    steps = steps_of(PAGE, "What the bot does")
    assert len(steps) == 5, "this test follows five steps"
    async with running_discord() as discord:
        await discord.configure(message_content=False)
        ada = await discord.add_user("ada", global_name="Ada")
        guild = await discord.add_guild("Ada's", ada.id, bot=False)
        await discord.change_role(guild.id, guild.id, deny=["view_channel", *EVERYBODY])
        channel = await discord.add_channel(guild.id, "talk")

        [line] = settings_in(steps[1])
        elsewhere = [f"{name}={value}" for name, value in discord.env().items() if name != "DISCORD_TOKEN"]
        (tmp_path / ".env").write_text("\n".join([line.replace("…", discord.token), *elsewhere]) + "\n")

        assert "Message Content Intent" in steps[2]
        await discord.configure(message_content=True)

        link = await the_link(commands(steps[3])[0], tmp_path)
        await invite(discord, link, guild.id)

        started, signs = commands(steps[4])[0], commands(steps[4])[-1]
        assert started == "make run" and (ROOT / "Makefile").read_text().count("@exec $(PY) -m bots up") == 1
        async with prepared(tmp_path, engine_binary, **answering(model)) as up:
            await up.start()
            await up.until(signs.partition("@")[0])
            await up.until("ready in")
            said = await discord.post(ada.id, channel.id, block(steps[4]).replace("@YourBot", f"<@{discord.bot}>"))
            reply = await discord.wait_reply(channel.id, said, is_done)
            assert "hello!" in reply.content, "the scripted model says what it was told"
            assert "👀" in [one.params["emoji"] for one in await discord.calls("create_reaction")]


async def the_link(command: str, folder: Path) -> str:
    """What a command of ours prints as the invite link."""
    program, *more = shlex.split(command)
    assert program == "threadwell"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bots", *more), cwd=folder, env=clean_env(), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return next(line for line in said.decode().splitlines() if "invite link: " in line).split("invite link: ")[1]


async def invite(discord: DiscordControl, link: str, guild: str) -> None:
    """What Discord's page does when the link is opened and the server confirmed: the bot gets a role with what the
    link asks for, and nothing else."""
    asked = parse_qs(urlsplit(link).query)
    assert asked["client_id"] == [discord.application]
    assert set(asked["scope"][0].split()) == {"bot", "applications.commands"}
    wanted = [name for name, given in library.Permissions(int(asked["permissions"][0])) if given]
    role = await discord.add_role(guild, "threadwell", *wanted, managed=True)
    await discord.join(discord.bot, guild, roles=[role.id])
