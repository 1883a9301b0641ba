"""How long a person in Slack waits for the first sign and the first text, against the fake Slack.

Started by hand: `python -m tests.slack.figures`.
"""

from __future__ import annotations

import asyncio

from tests.figures import STREAMED, measure
from tests.slack.conftest import Room, new_room
from tests.slack.stack import running_world
from tests.slack.test_answers import finished


async def _ask(room: Room, number: int) -> dict[str, float]:
    slack = room.slack
    since = len(await slack.calls())
    await room.world.model.script(STREAMED)
    said = await slack.mention(room.ada, room.channel, f"question {number}")
    [reply] = await finished(room, room.channel, said.ts)
    signs = [one.at for one in await slack.calls("reactions.add", since=since) if one.args.get("timestamp") == said.ts]
    texts = [one.at for one in reply.revisions if one.text]
    found = {"first sign": min(signs), "first text": min(texts), "whole": reply.revisions[-1].at}
    return {name: at - said.revisions[0].at for name, at in found.items()}


if __name__ == "__main__":
    asyncio.run(measure(running_world, new_room, _ask))
