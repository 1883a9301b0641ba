"""Fixtures: the web server of the shared stack, one Chromium, and clients with new identities."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import Browser, BrowserContext

from chat_service.engine.process import free_port
from tests.fakes.model import ModelControl
from tests.processes import Stack
from tests.shared import SharedStack
from tests.web.api_client import ApiClient, open_client
from tests.web.browser import ReusedContext, open_context, running_browser
from tests.web.redis_server import running_redis
from tests.web.web_server import WebServer, running_engine_alone


@pytest.fixture
async def own_engine(engine_binary: Path, model: ModelControl, tmp_path: Path) -> AsyncIterator[Stack]:
    """A Restate server for one test, which may kill it."""
    await model.clear_script()
    async with running_engine_alone(engine_binary, tmp_path, model) as stack:
        yield stack


@pytest.fixture(scope="session")
def web_server(shared: SharedStack) -> WebServer:
    """The web server of the shared stack; tests must not kill it."""
    assert shared.process.process is not None
    return WebServer(shared.page, shared.process.process, shared.stack.data / "bot.log")


@pytest.fixture
async def client(web_server: WebServer, stack: Stack) -> AsyncIterator[ApiClient]:
    """An API client with a new identity."""
    await stack.model.clear_script()
    async with open_client(web_server.url) as client:
        yield client


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One Chromium for all tests; each test opens its own context."""
    async with running_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
async def reused_context(chromium: Browser, web_server: WebServer) -> AsyncIterator[ReusedContext]:
    """The browser context behind `context`; it keeps the HTTP cache, so that later tests load the page faster."""
    reused = await ReusedContext.open(chromium, web_server.url)
    yield reused
    await reused.context.close()


@pytest.fixture
async def context(reused_context: ReusedContext, stack: Stack) -> AsyncIterator[BrowserContext]:
    """A browser context with a new identity.

    Init scripts and fake clocks cannot be undone: tests that need them use `fresh_context`.
    """
    await stack.model.clear_script()
    yield reused_context.context
    await reused_context.clear()


@pytest.fixture(scope="session")
async def reused_second_context(chromium: Browser, web_server: WebServer) -> AsyncIterator[ReusedContext]:
    """The browser context behind `second_context`."""
    reused = await ReusedContext.open(chromium, web_server.url)
    yield reused
    await reused.context.close()


@pytest.fixture
async def second_context(reused_second_context: ReusedContext) -> AsyncIterator[BrowserContext]:
    """Another browser, with an identity of its own."""
    yield reused_second_context.context
    await reused_second_context.clear()


@pytest.fixture
async def fresh_context(chromium: Browser, web_server: WebServer, stack: Stack) -> AsyncIterator[BrowserContext]:
    """A browser context that no other test uses."""
    await stack.model.clear_script()
    async with open_context(chromium, web_server.url) as context:
        yield context


@pytest.fixture
def conversation() -> str:
    """A new conversation id in the page's format."""
    return uuid4().hex[:16]


@pytest.fixture
async def redis_port() -> AsyncIterator[int]:
    """The port of a Redis server for one test."""
    port = free_port()
    async with running_redis(port):
        yield port
