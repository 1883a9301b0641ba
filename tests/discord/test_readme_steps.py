"""The steps of bots/discord/README.md lead from nothing to the first answer."""

from __future__ import annotations

import shlex
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import discord

from tests.discord.steps import is_complete
from tests.fakes.discord import DiscordControl
from tests.fakes.discord.running import running_discord
from tests.fakes.model import ModelControl
from tests.fork_server import ROOT
from tests.operation.readme_steps import find_code_block, find_code_spans, find_settings, read_steps
from tests.operation.threadwell_process import model_env, run_threadwell, threadwell_process

README = ROOT / "bots" / "discord" / "README.md"
EVERYONE_PERMISSIONS = (
    *("send_messages", "send_messages_in_threads", "read_message_history", "attach_files", "add_reactions"),
    "view_channel",
)


async def test_readme_steps_lead_to_the_first_answer(engine_binary: Path, model: ModelControl, tmp_path: Path) -> None:
    await model.clear_script()
    steps = read_steps(README, "What the bot does")
    assert len(steps) == 5, "this test follows five steps"
    async with running_discord() as fake:
        await fake.configure_app(message_content=False)
        ada = await fake.add_user("ada", global_name="Ada")
        guild = await fake.add_guild("Ada's", ada.id, bot=False)
        await fake.change_role(guild.id, guild.id, deny=[*EVERYONE_PERMISSIONS])
        channel = await fake.add_channel(guild.id, "talk")

        [line] = find_settings(steps[1])
        urls = [f"{name}={value}" for name, value in fake.env().items() if name != "DISCORD_TOKEN"]
        (tmp_path / ".env").write_text("\n".join([line.replace("…", fake.token), *urls]) + "\n")

        assert "Message Content Intent" in steps[2]
        await fake.configure_app(message_content=True)

        link = await read_invite_link(find_code_spans(steps[3])[0], tmp_path)
        await open_invite_link(fake, link, guild.id)

        command, output = find_code_spans(steps[4])[0], find_code_spans(steps[4])[-1]
        assert command == "make run" and (ROOT / "Makefile").read_text().count("@exec $(PY) -m bots up") == 1
        async with threadwell_process(tmp_path, engine_binary, **model_env(model)) as threadwell:
            await threadwell.start()
            await threadwell.wait_for_line(output.partition("@")[0])
            await threadwell.wait_for_line("ready in")
            text = find_code_block(steps[4]).replace("@YourBot", f"<@{fake.bot}>")
            question = await fake.post(ada.id, channel.id, text)
            reply = await fake.wait_reply(channel.id, question, is_complete)
            assert "hello!" in reply.content
            assert "👀" in [call.params["emoji"] for call in await fake.calls("create_reaction")]


async def read_invite_link(command: str, folder: Path) -> str:
    """Run a `threadwell` command and return the invite link of its output."""
    program, *arguments = shlex.split(command)
    assert program == "threadwell"
    _, lines = await run_threadwell(folder, *arguments)
    return next(line for line in lines if "invite link: " in line).split("invite link: ")[1]


async def open_invite_link(fake: DiscordControl, link: str, guild: str) -> None:
    """Do what Discord does when the link is opened and confirmed: the bot joins with a role that has exactly the
    permissions of the link."""
    query = parse_qs(urlsplit(link).query)
    assert query["client_id"] == [fake.application]
    assert set(query["scope"][0].split()) == {"bot", "applications.commands"}
    permissions = [name for name, is_set in discord.Permissions(int(query["permissions"][0])) if is_set]
    role = await fake.add_role(guild, "threadwell", *permissions, managed=True)
    await fake.join(fake.bot, guild, roles=[role.id])
