"""A Redis server for one test."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chat_service.child_process import running_child
from tests.processes import eventually


@asynccontextmanager
async def running_redis(port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a Redis server on loopback without persistence."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("no redis-server on this machine: install Debian's redis-server")
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    async with running_child(command, stdout=asyncio.subprocess.DEVNULL) as process:
        client = Redis.from_url(f"redis://127.0.0.1:{port}")

        async def is_ready() -> bool:
            try:
                return bool(await client.ping())
            except (OSError, RedisError):
                return False

        await eventually(is_ready)
        await client.aclose()
        yield process
