"""A plain aiohttp handler with an in-memory dict: no durability at all, the ceiling of what Python does."""

from __future__ import annotations

import argparse
from collections import defaultdict

from aiohttp import web

from bench.peers.serving import serve_turns
from bench.peers.window import Said, ask
from chat_service.models.protocol import ChatModel


def handler(model: ChatModel) -> web.Application:
    """`POST /{conversation}` answers with the reply; what was said is gone with the process."""
    conversations: defaultdict[str, list[Said]] = defaultdict(list)

    async def message(request: web.Request) -> web.Response:
        messages = conversations[request.match_info["conversation"]]
        messages.append(Said(role="user", content=(await request.json())["message"]))
        reply = await ask(model, messages)
        messages.append(Said(role="assistant", content=reply))
        return web.json_response({"reply": reply})

    app = web.Application()
    app.router.add_post("/{conversation}", message)
    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    serve_turns("plain", parser.parse_args().port, lambda model, _: handler(model))
