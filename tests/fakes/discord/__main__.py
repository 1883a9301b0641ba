"""`python -m tests.fakes.discord --port 4030`: a Discord in the terminal, to try the bot by hand.

Each line of stdin is posted by a person in a channel with the bot. `@bot` mentions the bot; `> text` replies to the
bot's last message; `/command name="a value"` runs a command; `dm text` is a direct message; `press label` clicks a
button of the bot's last message. The bot's messages and changes are printed.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import shlex

from tests.fakes.discord.control import DiscordControl
from tests.fakes.discord.discord import FakeDiscord
from tests.fakes.discord.models import Message
from tests.fakes.discord.server import Server
from tests.fakes.discord.user_interactions import button_text
from tests.fakes.platform.terminal import print_line, read_lines, serve


class Terminal:
    """The person at the terminal."""

    def __init__(self, control: DiscordControl) -> None:
        self._control = control
        self._user = self._channel = self._dm_channel = ""
        self._last: Message | None = None
        self._printed: dict[str, str] = {}

    async def run(self) -> None:
        """Read lines and print what the bot does, until stdin ends."""
        control = await self._control.connect()
        self._user = (await control.add_user("you", global_name="You")).id
        guild = await control.add_guild("Fake Server", self._user)
        self._channel = (await control.add_channel(guild.id, "general")).id
        self._dm_channel = (await control.open_dm(self._user)).id
        for name, value in control.env().items():
            print_line(f"export {name}={value}")
        watching = asyncio.create_task(control.wait_until(self._print_changes, timeout=math.inf))
        await read_lines(self._handle)
        watching.cancel()
        await control.close()

    async def _handle(self, line: str) -> None:
        control, text = self._control, line.replace("@bot", f"<@{self._control.bot}>")
        if line.startswith("/"):
            name, *words = shlex.split(line)
            options = dict(word.split("=", 1) for word in words if "=" in word)
            interaction = await control.run_command(self._user, self._channel, name, **options)
            print_line(f"  {name}: {interaction.state}")
        elif line.startswith("press ") and self._last is not None:
            label = line.removeprefix("press ")
            interaction = await control.click(self._user, self._last.channel, self._last.id, label)
            print_line(f"  pressed: {interaction.state}")
        elif line.startswith("> ") and self._last is not None:
            await control.post(self._user, self._last.channel, text[2:], reply_to=self._last.id)
        elif line.startswith("dm "):
            await control.post(self._user, self._dm_channel, text[3:])
        elif line:
            await control.post(self._user, self._channel, text)

    async def _print_changes(self) -> bool:
        threads = [thread.id for thread in await self._control.threads(self._channel)]
        for channel in (self._channel, self._dm_channel, *threads):
            for message in await self._control.messages(channel, everything=True):
                if message.author == self._control.bot and message.ephemeral_to in (None, self._user):
                    self._print(message)
        return False

    def _print(self, message: Message) -> None:
        text = "(deleted)" if message.deleted else message.content
        text += "".join(f" [{button_text(button)}]" for button in message.buttons())
        text += "".join(f" (file {attachment})" for attachment in message.attachments)
        if self._printed.get(message.id) != text:
            label = "only you" if message.ephemeral_to else "changed" if message.id in self._printed else "bot"
            self._printed[message.id], self._last = text, message
            print_line(f"  [{label} {message.id}] {text}")


def main() -> None:
    """Run the server and, unless `--quiet` is given, the terminal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=4030)
    parser.add_argument("--quiet", action="store_true", help="serve only; a test uses the control API")
    arguments = parser.parse_args()
    terminal = Terminal(DiscordControl(f"http://127.0.0.1:{arguments.port}"))
    until = None if arguments.quiet else terminal.run()
    asyncio.run(serve(Server(FakeDiscord()).app(), arguments.port, until))


if __name__ == "__main__":
    main()
