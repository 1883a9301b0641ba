"""Restate services to compare with, one per process: nothing at all, the least durable turn, and one long list.

Served exactly as the project serves its own: embedded hypercorn, the same settings, the same retention.
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
from bench.peers.window import WINDOW, Said, ask
from chat_service.endpoint import hypercorn_config
from chat_service.models.protocol import ChatModel
from chat_service.models.registry import open_models
from chat_service.objects import invocation_policy
from chat_service.settings import Settings

Message = dict[str, str]


def empty(_: ChatModel) -> VirtualObject:
    """Answers at once: what the engine, the ingress and the SDK cost by themselves."""
    service = _object("Empty")

    @service.handler("message")
    async def message(ctx: ObjectContext, inbound: Message) -> Message:
        return {"reply": TEXT}

    return service


def least(model: ChatModel) -> VirtualObject:
    """One read, one step that calls the model, one write: no durable chat does less."""
    service = _object("Least")

    @service.handler("message")
    async def message(ctx: ObjectContext, inbound: Message) -> Message:
        window: list[Said] = await ctx.get("window", type_hint=list) or []
        window.append(Said(role="user", content=inbound["message"]))
        reply = await _model_step(ctx, model, window)
        window.append(Said(role="assistant", content=reply))
        ctx.set("window", window[-WINDOW:])
        return {"reply": reply}

    return service


def example(model: ChatModel) -> VirtualObject:
    """The way of the chat example in Restate's documentation: the whole history is one list under one key."""
    service = _object("Example")

    @service.handler("message")
    async def message(ctx: ObjectContext, inbound: Message) -> Message:
        messages: list[Said] = await ctx.get("messages", type_hint=list) or []
        messages.append(Said(role="user", content=inbound["message"]))
        reply = await _model_step(ctx, model, messages)
        messages.append(Said(role="assistant", content=reply))
        ctx.set("messages", messages)
        return {"reply": reply}

    return service


LAYOUTS = {"empty": empty, "least": least, "example": example}


async def _model_step(ctx: ObjectContext, model: ChatModel, messages: list[Said]) -> str:
    async def call() -> str:
        return await ask(model, messages)

    return await ctx.run_typed("model", call, RunOptions(type_hint=str, max_attempts=3))


def _object(name: str) -> VirtualObject:
    return VirtualObject(
        name,
        invocation_retry_policy=invocation_policy.PATIENT,
        idempotency_retention=invocation_policy.DAY,
        journal_retention=invocation_policy.DAY,
    )


async def _serve(name: str, port: int) -> None:
    stopping = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        install_shutdown_hook(asyncio.get_running_loop(), stopping.set, signum)
    async with open_models(Settings(_env_file=None)) as models:
        app = restate.app(services=[LAYOUTS[name](models.primary)], protocol="bidi")
        print(f"{name} at http://127.0.0.1:{port}", flush=True)
        await serve(app, hypercorn_config("127.0.0.1", port), shutdown_trigger=stopping.wait)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("layout", choices=sorted(LAYOUTS))
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    asyncio.run(_serve(given.layout, given.port))
