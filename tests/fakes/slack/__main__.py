"""`python -m tests.fakes.slack --port 4020`: a Slack to try the bot with, by hand.

A line on stdin is posted as a person in a channel the bot is in. `@bot` mentions the bot; `> text` goes into the thread
of the last message; `/command text` is a command; `dm text` writes to the bot directly; `stop` is Slack's stop button.
What the bot writes, changes and shows is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import math

from tests.fakes.platform.errors import ImpossibleActionError
from tests.fakes.platform.terminal import read_lines, print_line, serve
from tests.fakes.slack.control import SlackControl
from tests.fakes.slack.models import Message
from tests.fakes.slack.server import Server
from tests.fakes.slack.slack import FakeSlack


class Keyboard:
    """A person at a terminal in this Slack."""

    def __init__(self, control: SlackControl) -> None:
        self._control = control
        self._user = self._channel = self._direct = ""
        self._last: Message | None = None
        self._shown: dict[str, str] = {}

    async def run(self, http_url: str | None) -> None:
        """Read lines and print what the bot does, until stdin ends."""
        await self._control.connect()
        person = await self._control.add_user("you", display_name="You", is_admin=True)
        channel = await self._control.add_channel("general", [person.id])
        self._user, self._channel = person.id, channel.id
        self._direct = (await self._control.open_conversation(person.id)).id
        for name, value in self._control.env(http=http_url is not None).items():
            print_line(f"export {name}={value}")
        if http_url is not None:
            await self._control.wait_until(lambda: self._meets(http_url), timeout=600)
        watching = asyncio.create_task(self._control.wait_until(self._news, timeout=math.inf))
        await read_lines(self._typed)
        watching.cancel()

    async def _meets(self, url: str) -> bool:
        try:
            await self._control.set_request_url(url)
        except ImpossibleActionError:
            return False
        return True

    async def _typed(self, line: str) -> None:
        text = line.replace("@bot", f"<@{self._control.bot}>")
        if not line:
            return
        if line.startswith("/"):
            name, _, rest = text.partition(" ")
            answer = await self._control.run_command(self._user, self._channel, name, rest)
            print_line(f"  {name}: {answer.state}")
        elif line == "stop" and self._last is not None:
            await self._control.press_stop(self._user, self._last.channel, self._last.root)
        elif line.startswith("> ") and self._last is not None:
            where = self._last
            await self._control.post(self._user, where.channel, text[2:], thread_ts=where.root)
        else:
            direct = line.startswith("dm ")
            where_to = self._direct if direct else self._channel
            self._last = await self._control.post(self._user, where_to, text[3:] if direct else text)

    async def _news(self) -> bool:
        found = [
            *await self._control.replies(self._channel),
            *await self._control.replies(self._direct),
            *await self._control.ephemerals(user=self._user),
        ]
        for message in found:
            if self._shown.get(message.ts) != message.text:
                mark = "only you" if message.ephemeral_to else "changed" if message.ts in self._shown else "bot"
                self._shown[message.ts] = message.text
                print_line(f"  [{mark} {message.ts}] {message.text}")
        return False


def main() -> None:
    """The server, and the keyboard beside it unless told to be quiet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=4020)
    parser.add_argument("--quiet", action="store_true", help="only serve: a test drives it by the control API")
    parser.add_argument("--http-url", help="deliver events over HTTP to this address instead of Socket Mode")
    given = parser.parse_args()
    slack = FakeSlack()
    slack.app.socket_mode = given.http_url is None
    keyboard = Keyboard(SlackControl(f"http://127.0.0.1:{given.port}"))
    beside = None if given.quiet else keyboard.run(given.http_url)
    asyncio.run(serve(Server(slack).app(), given.port, beside))


if __name__ == "__main__":
    main()
