"""Run the fake model as a process: `python -m tests.fakes.model --port 4010`."""

from __future__ import annotations

import argparse

from aiohttp import web

from tests.fakes.model.server import FakeModel

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=4010)
    parser.add_argument("--api-key")
    parser.add_argument("--context-tokens", type=int, help="refuse prompts that are longer")
    arguments = parser.parse_args()
    fake = FakeModel(api_key=arguments.api_key, context_tokens=arguments.context_tokens)
    # handler_cancellation: the fake must see at once that a client disconnects, as a stopped turn only does that.
    web.run_app(fake.app(), host="127.0.0.1", port=arguments.port, handler_cancellation=True, access_log=None)
