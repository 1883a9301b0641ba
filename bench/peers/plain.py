"""A plain aiohttp handler with an in-memory dict: no durability, an upper bound for Python."""

from __future__ import annotations

import argparse
from collections import defaultdict

from aiohttp import web

from bench.peers.model_call import ChatMessage, complete
from bench.peers.serving import serve_turns
from chat_service.models.protocol import ChatModel


def create_application(model: ChatModel) -> web.Application:
    """Return an application in which `POST /{conversation}` answers with the reply. It stores nothing on disk."""
    conversations: defaultdict[str, list[ChatMessage]] = defaultdict(list)

    async def post_message(request: web.Request) -> web.Response:
        messages = conversations[request.match_info["conversation"]]
        messages.append(ChatMessage(role="user", content=(await request.json())["message"]))
        reply = await complete(model, messages)
        messages.append(ChatMessage(role="assistant", content=reply))
        return web.json_response({"reply": reply})

    app = web.Application()
    app.router.add_post("/{conversation}", post_message)
    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    serve_turns("plain", parser.parse_args().port, lambda model, _: create_application(model))
