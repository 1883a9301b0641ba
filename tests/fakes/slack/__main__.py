"""`python -m tests.fakes.slack --port 4020`: a fake Slack to try the bot without an account.

A line on stdin is posted as a person in a channel with the bot. `@bot` mentions the bot; `> text` replies in the thread
of the last message; `/command text` is a command; `dm text` is a direct message to the bot; `stop` is Slack's stop
button. New and changed messages of the bot are printed.
"""

from __future__ import annotations

import argparse
import asyncio
import math

from tests.fakes.platform.terminal import print_line, read_lines, serve
from tests.fakes.slack.control import SlackControl
from tests.fakes.slack.models import Message
from tests.fakes.slack.server import Server
from tests.fakes.slack.slack import FakeSlack


class Terminal:
    """The person at the terminal."""

    def __init__(self, control: SlackControl) -> None:
        self._control = control
        self._user = self._channel = self._direct = ""
        self._last: Message | None = None
        self._shown: dict[str, str] = {}

    async def run(self) -> None:
        """Handle lines and print messages until stdin ends."""
        await self._control.connect()
        person = await self._control.add_user("you", display_name="You", is_admin=True)
        channel = await self._control.add_channel("general", [person.id])
        self._user, self._channel = person.id, channel.id
        self._direct = (await self._control.open_conversation(person.id)).id
        for name, value in self._control.env().items():
            print_line(f"export {name}={value}")
        watching = asyncio.create_task(self._control.wait_until(self._print_changes, timeout=math.inf))
        await read_lines(self._handle)
        watching.cancel()
        await self._control.close()

    async def _handle(self, line: str) -> None:
        text = line.replace("@bot", f"<@{self._control.bot}>")
        if not line:
            return
        if line.startswith("/"):
            name, _, rest = text.partition(" ")
            delivery = await self._control.run_command(self._user, self._channel, name, rest)
            print_line(f"  {name}: {delivery.state}")
        elif line == "stop" and self._last is not None:
            await self._control.press_stop(self._user, self._last.channel, self._last.root)
        elif line.startswith("> ") and self._last is not None:
            last = self._last
            await self._control.post(self._user, last.channel, text[2:], thread_ts=last.root)
        elif line.startswith("dm "):
            self._last = await self._control.post(self._user, self._direct, text[3:])
        else:
            self._last = await self._control.post(self._user, self._channel, text)

    async def _print_changes(self) -> bool:
        messages = [
            *await self._control.replies(self._channel),
            *await self._control.replies(self._direct),
            *await self._control.ephemerals(user=self._user),
        ]
        for message in messages:
            if self._shown.get(message.ts) != message.text:
                label = "only you" if message.ephemeral_to else "changed" if message.ts in self._shown else "bot"
                self._shown[message.ts] = message.text
                print_line(f"  [{label} {message.ts}] {message.text}")
        return False


def main() -> None:
    """Serve the fake, and read commands from the terminal unless `--quiet`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=4020)
    parser.add_argument("--quiet", action="store_true", help="only serve: a test uses the control API")
    arguments = parser.parse_args()
    terminal = Terminal(SlackControl(f"http://127.0.0.1:{arguments.port}"))
    until = None if arguments.quiet else terminal.run()
    asyncio.run(serve(Server(FakeSlack()).app(), arguments.port, until))


if __name__ == "__main__":
    main()
