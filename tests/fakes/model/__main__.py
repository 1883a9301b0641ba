"""`python -m tests.fakes.model --port 4010`: the fake by hand, or for a process that must outlive others."""

from __future__ import annotations

import argparse

from aiohttp import web

from tests.fakes.model.server import FakeModel

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=4010)
    parser.add_argument("--api-key")
    parser.add_argument("--instant", action="store_true", help="200 characters at once, no records")
    parser.add_argument("--context-tokens", type=int, help="refuse prompts that are longer")
    given = parser.parse_args()
    fake = FakeModel(api_key=given.api_key, instant=given.instant, context_tokens=given.context_tokens)
    # A client that goes away must be seen at once: that is how a provider knows that a stop was pressed.
    web.run_app(fake.app(), host="127.0.0.1", port=given.port, handler_cancellation=True, access_log=None)
