"""`python -m tests.fakes.discord --port 4030`: a Discord to try the bot with, by hand.

A line on stdin is posted as a person in a channel the bot is in. `@bot` mentions the bot; `> text` replies to the bot's
last message; `/command name="a value"` is a command; `dm text` writes to the bot directly; `press label` presses a
button of the bot's last message. What the bot writes, changes and shows is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import shlex

from tests.fakes.discord.control import DiscordControl
from tests.fakes.discord.discord import FakeDiscord
from tests.fakes.discord.hands import named
from tests.fakes.discord.models import Message
from tests.fakes.discord.server import Server
from tests.fakes.platform.terminal import read_lines, print_line, serve


class Keyboard:
    """A person at a terminal in this Discord."""

    def __init__(self, control: DiscordControl) -> None:
        self._control = control
        self._user = self._channel = self._direct = ""
        self._last: Message | None = None
        self._shown: dict[str, str] = {}

    async def run(self) -> None:
        """Read lines and print what the bot does, until stdin ends."""
        control = await self._control.connect()
        self._user = (await control.add_user("you", global_name="You")).id
        guild = await control.add_guild("Fake Server", self._user)
        self._channel = (await control.add_channel(guild.id, "general")).id
        self._direct = (await control.open_dm(self._user)).id
        for name, value in control.env().items():
            print_line(f"export {name}={value}")
        watching = asyncio.create_task(control.wait_until(self._news, timeout=math.inf))
        await read_lines(self._typed)
        watching.cancel()

    async def _typed(self, line: str) -> None:
        control, text = self._control, line.replace("@bot", f"<@{self._control.bot}>")
        if line.startswith("/"):
            name, *rest = shlex.split(line)
            path = " ".join([name, *(one for one in rest if "=" not in one)])
            options = dict(one.split("=", 1) for one in rest if "=" in one)
            used = await control.run_command(self._user, self._channel, path, **options)
            print_line(f"  {name}: {used.state}")
        elif line.startswith("press ") and self._last is not None:
            used = await control.click(self._user, self._last.channel, self._last.id, line.removeprefix("press "))
            print_line(f"  pressed: {used.state}")
        elif line.startswith("> ") and self._last is not None:
            await control.post(self._user, self._last.channel, text[2:], reply_to=self._last.id)
        elif line.startswith("dm "):
            await control.post(self._user, self._direct, text[3:])
        elif line:
            await control.post(self._user, self._channel, text)

    async def _news(self) -> bool:
        threads = [one.id for one in await self._control.threads(self._channel)]
        for channel in (self._channel, self._direct, *threads):
            for message in await self._control.messages(channel, everything=True):
                if message.author != self._control.bot or message.ephemeral_to not in (None, self._user):
                    continue
                shown = "(deleted)" if message.deleted else message.content
                shown += "".join(f" [{named(one)}]" for one in message.buttons())
                shown += "".join(f" (file {one})" for one in message.attachments)
                if self._shown.get(message.id) != shown:
                    mark = "only you" if message.ephemeral_to else "changed" if message.id in self._shown else "bot"
                    self._shown[message.id], self._last = shown, message
                    print_line(f"  [{mark} {message.id}] {shown}")
        return False


def main() -> None:
    """The server, and the keyboard beside it unless told to be quiet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=4030)
    parser.add_argument("--quiet", action="store_true", help="only serve: a test drives it by the control API")
    given = parser.parse_args()
    keyboard = Keyboard(DiscordControl(f"http://127.0.0.1:{given.port}"))
    asyncio.run(serve(Server(FakeDiscord()).app(), given.port, None if given.quiet else keyboard.run()))


if __name__ == "__main__":
    main()
