"""LangGraph with one of its checkpointers, as in its documentation: one node, with the messages in its state.

The node sends the model the same window as all other peers, so that only the storage of a turn differs.
"""

from __future__ import annotations

import argparse
from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web

from bench.peers.model_call import WINDOW_MESSAGES, ChatMessage, complete
from bench.peers.serving import serve_turns
from chat_service.models.protocol import ChatModel

POOL_SIZE = 20
"""Connections to PostgreSQL, as in LangGraph's examples."""


async def create_application(model: ChatModel, checkpointer: Any) -> web.Application:
    """Return an application in which `POST /{conversation}` runs the graph on that thread."""
    from langgraph.graph import START, MessagesState, StateGraph

    async def call(state: MessagesState) -> dict[str, Any]:
        window = [
            ChatMessage(role="assistant" if message.type == "ai" else "user", content=str(message.content))
            for message in state["messages"][-WINDOW_MESSAGES:]
        ]
        return {"messages": [{"role": "assistant", "content": await complete(model, window)}]}

    builder = StateGraph(MessagesState)
    builder.add_node("call", call)
    builder.add_edge(START, "call")
    graph = builder.compile(checkpointer=checkpointer)

    async def post_message(request: web.Request) -> web.Response:
        question = {"role": "user", "content": (await request.json())["message"]}
        thread: Any = {"configurable": {"thread_id": request.match_info["conversation"]}}
        state = await graph.ainvoke({"messages": [question]}, thread)  # type: ignore[call-overload, unused-ignore]
        return web.json_response({"reply": state["messages"][-1].content})

    app = web.Application()
    app.router.add_post("/{conversation}", post_message)
    return app


async def create_with_sqlite(model: ChatModel, stack: AsyncExitStack, path: str) -> web.Application:
    """Return the application with the SQLite checkpointer on a file."""
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    saver = await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(path))
    await saver.setup()
    return await create_application(model, saver)


async def create_with_postgres(model: ChatModel, stack: AsyncExitStack, address: str) -> web.Application:
    """Return the application with the PostgreSQL checkpointer on a pool of connections."""
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    from psycopg.rows import dict_row
    from psycopg_pool import AsyncConnectionPool

    options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    pool: Any = AsyncConnectionPool(address, min_size=1, max_size=POOL_SIZE, kwargs=options, open=False)
    await stack.enter_async_context(pool)
    saver = AsyncPostgresSaver(pool)
    await saver.setup()
    return await create_application(model, saver)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    database = parser.add_mutually_exclusive_group(required=True)
    database.add_argument("--sqlite", metavar="FILE")
    database.add_argument("--postgres", metavar="ADDRESS")
    options = parser.parse_args()
    if options.sqlite:
        serve_turns("langgraph", options.port, lambda model, stack: create_with_sqlite(model, stack, options.sqlite))
    else:
        serve_turns(
            "langgraph", options.port, lambda model, stack: create_with_postgres(model, stack, options.postgres)
        )
