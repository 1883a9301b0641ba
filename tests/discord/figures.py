"""How long a person in Discord waits for the first sign and the first text, against the fake Discord.

Started by hand: `python -m tests.discord.figures`.
"""

from __future__ import annotations

import asyncio

from bots.discord.formatting import PLACEHOLDER
from tests.discord.rooms import Room, answered, new_room
from tests.discord.stack import running_world
from tests.figures import STREAMED, measure


async def _ask(room: Room, number: int) -> dict[str, float]:
    since = len(await room.discord.calls())
    await room.model.script(STREAMED)
    said = await room.discord.mention(room.ada, room.channel, f"question {number}")
    [reply] = await answered(room, said)
    signs = [one.at for one in await room.discord.calls("create_reaction", since=since) if said.id in one.path]
    texts = [one.at for one in reply.revisions if one.content != PLACEHOLDER]
    whole = reply.revisions[-1].at
    found = {"first sign": min(signs), "placeholder": reply.revisions[0].at, "first text": min(texts), "whole": whole}
    return {name: at - said.created for name, at in found.items()}


if __name__ == "__main__":
    asyncio.run(measure(running_world, new_room, _ask))
