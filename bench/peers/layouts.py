"""Restate services to compare with, one for each process: an empty one, the smallest durable turn, and one list.

They are served like the project's own services: embedded hypercorn, the same settings, the same retention.
"""

from __future__ import annotations

import argparse
import asyncio
import signal

import restate
from hypercorn.asyncio import serve
from restate import ObjectContext, RunOptions, VirtualObject
from restate.server import install_shutdown_hook

from bench.instant_model import TEXT
from bench.peers.model_call import WINDOW_MESSAGES, ChatMessage, complete
from chat_service.endpoint import hypercorn_config
from chat_service.invocation_policy import RETAIN_ONE_DAY, RETRY_FOREVER
from chat_service.models.protocol import ChatModel
from chat_service.models.registry import open_models
from chat_service.settings import Settings

Message = dict[str, str]


def empty(_: ChatModel) -> VirtualObject:
    """A handler that answers at once: the cost of Restate's server, ingress and SDK."""
    service = _object("Empty")

    @service.handler("message")
    async def message(ctx: ObjectContext, inbound: Message) -> Message:
        return {"reply": TEXT}

    return service


def least(model: ChatModel) -> VirtualObject:
    """One read, one step that calls the model, one write: the minimum of a durable chat."""
    service = _object("Least")

    @service.handler("message")
    async def message(ctx: ObjectContext, inbound: Message) -> Message:
        window: list[ChatMessage] = await ctx.get("window", type_hint=list) or []
        window.append(ChatMessage(role="user", content=inbound["message"]))
        reply = await _model_step(ctx, model, window)
        window.append(ChatMessage(role="assistant", content=reply))
        ctx.set("window", window[-WINDOW_MESSAGES:])
        return {"reply": reply}

    return service


def example(model: ChatModel) -> VirtualObject:
    """The chat example of Restate's documentation: the whole history is one list under one key."""
    service = _object("Example")

    @service.handler("message")
    async def message(ctx: ObjectContext, inbound: Message) -> Message:
        messages: list[ChatMessage] = await ctx.get("messages", type_hint=list) or []
        messages.append(ChatMessage(role="user", content=inbound["message"]))
        reply = await _model_step(ctx, model, messages)
        messages.append(ChatMessage(role="assistant", content=reply))
        ctx.set("messages", messages)
        return {"reply": reply}

    return service


LAYOUTS = {"empty": empty, "least": least, "example": example}


async def _model_step(ctx: ObjectContext, model: ChatModel, messages: list[ChatMessage]) -> str:
    async def call() -> str:
        return await complete(model, messages)

    return await ctx.run_typed("model", call, RunOptions(type_hint=str, max_attempts=3))


def _object(name: str) -> VirtualObject:
    return VirtualObject(
        name,
        invocation_retry_policy=RETRY_FOREVER,
        idempotency_retention=RETAIN_ONE_DAY,
        journal_retention=RETAIN_ONE_DAY,
    )


async def _serve(name: str, port: int) -> None:
    shutdown = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        install_shutdown_hook(asyncio.get_running_loop(), shutdown.set, signum)
    async with open_models(Settings(_env_file=None)) as models:
        app = restate.app(services=[LAYOUTS[name](models.primary)], protocol="bidi")
        print(f"{name} at http://127.0.0.1:{port}", flush=True)
        await serve(app, hypercorn_config("127.0.0.1", port), shutdown_trigger=shutdown.wait)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("layout", choices=sorted(LAYOUTS))
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    asyncio.run(_serve(options.layout, options.port))
