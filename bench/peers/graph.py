"""LangGraph with one of its checkpointers, as its documentation sets them up: one node, the messages in its state.

The graph's node shows the model the same window as everybody else, so that what differs is how a turn is kept.
"""

from __future__ import annotations

import argparse
from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web

from bench.peers.serving import serve_turns
from bench.peers.window import WINDOW, Said, ask
from chat_service.models.protocol import ChatModel

POOL = 20
"""Connections to PostgreSQL, as in LangGraph's own examples."""


async def application(model: ChatModel, checkpointer: Any) -> web.Application:
    """`POST /{conversation}` runs the graph on that thread and answers with the reply."""
    from langgraph.graph import START, MessagesState, StateGraph

    async def call(state: MessagesState) -> dict[str, Any]:
        shown = [
            Said(role="assistant" if one.type == "ai" else "user", content=str(one.content))
            for one in state["messages"][-WINDOW:]
        ]
        return {"messages": [{"role": "assistant", "content": await ask(model, shown)}]}

    builder = StateGraph(MessagesState)
    builder.add_node("call", call)
    builder.add_edge(START, "call")
    graph = builder.compile(checkpointer=checkpointer)

    async def message(request: web.Request) -> web.Response:
        said = {"role": "user", "content": (await request.json())["message"]}
        thread: Any = {"configurable": {"thread_id": request.match_info["conversation"]}}
        state = await graph.ainvoke({"messages": [said]}, thread)  # type: ignore[call-overload, unused-ignore]
        return web.json_response({"reply": state["messages"][-1].content})

    app = web.Application()
    app.router.add_post("/{conversation}", message)
    return app


async def on_sqlite(model: ChatModel, stack: AsyncExitStack, path: str) -> web.Application:
    """With the SQLite checkpointer on a file."""
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    saver = await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(path))
    await saver.setup()
    return await application(model, saver)


async def on_postgres(model: ChatModel, stack: AsyncExitStack, address: str) -> web.Application:
    """With the PostgreSQL checkpointer on a pool of connections."""
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    from psycopg.rows import dict_row
    from psycopg_pool import AsyncConnectionPool

    options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    pool: Any = AsyncConnectionPool(address, min_size=1, max_size=POOL, kwargs=options, open=False)
    await stack.enter_async_context(pool)
    saver = AsyncPostgresSaver(pool)
    await saver.setup()
    return await application(model, saver)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--sqlite", metavar="FILE")
    where.add_argument("--postgres", metavar="ADDRESS")
    given = parser.parse_args()
    if given.sqlite:
        serve_turns("langgraph", given.port, lambda model, stack: on_sqlite(model, stack, given.sqlite))
    else:
        serve_turns("langgraph", given.port, lambda model, stack: on_postgres(model, stack, given.postgres))
