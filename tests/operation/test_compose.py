"""The containers of `docker-compose.yml` as processes: their commands, environments and health checks.

Containers have their own names and addresses. Here each gets an address of the loopback network, so that every port is
the one in the file. Only the page answers to no other host than 127.0.0.1: it gets that address and another port.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import shutil
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from chat_service.child_process import running_child
from chat_service.engine.binary import VERSION
from chat_service.engine.process import free_port
from chat_service.ingress import IngressClient
from tests.conversation.client import send_message
from tests.fakes.discord.running import running_discord
from tests.fakes.model import ModelControl
from tests.fakes.slack.running import running_slack
from tests.fork_server import ROOT, ForkedProcess, python_process
from tests.operation.page_client import open_page
from tests.operation.threadwell_process import clean_env, model_env
from tests.processes import SMALL_ENGINE, eventually

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PARTS = ("restate", "redis", "chat-service", "web")


def test_all_parts_run_without_a_profile_and_bots_only_with_theirs() -> None:
    without_profile = [name for name, service in SERVICES.items() if "profiles" not in service]
    assert sorted(without_profile) == sorted([*PARTS, "register"])
    for bot in ("slack", "discord"):
        assert SERVICES[bot]["profiles"] == [bot]
        assert SERVICES[bot]["command"] == ["bot", bot]


def test_ports_are_published_on_loopback_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(published) == 4
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_registration_waits_until_all_parts_are_healthy() -> None:
    conditions = SERVICES["register"]["depends_on"]
    assert conditions == {name: {"condition": "service_healthy"} for name in ("restate", "chat-service", "web")}
    for name in conditions:
        assert SERVICES[name]["healthcheck"]["test"]


def test_engine_has_the_tested_version_and_keeps_its_data() -> None:
    restate = SERVICES["restate"]
    assert restate["image"].endswith(f"/restate:{VERSION}")
    volume, _, inside = restate["volumes"][0].partition(":")
    assert volume in COMPOSE["volumes"]
    assert restate["environment"]["RESTATE_BASE_DIR"] == inside


def test_image_is_built_from_existing_files_and_starts_the_command() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.MULTILINE):
        for name in line.split():
            assert (ROOT / name).exists(), name
            assert f"!{name}\n" in (ROOT / ".dockerignore").read_text()
    assert 'ENTRYPOINT ["threadwell"]' in dockerfile


class Network:
    """The containers' host names as addresses of the loopback network that no other program uses."""

    def __init__(self, hosts: list[str]) -> None:
        block = f"127.{random.randint(16, 250)}.{random.randint(0, 250)}"
        self.address = {host: f"{block}.{number}" for number, host in enumerate(hosts, 2)}
        self.address["web"] = "127.0.0.1"
        self.web_port = str(free_port())

    def replace_hosts(self, host: str, text: str) -> str:
        """Replace the names of other containers, and the names by which `host` calls itself, with addresses."""
        for name, address in self.address.items():
            text = re.sub(rf"(?<=//){name}(?=:)", address, text)
        if host == "web":
            text = text.replace("8000", self.web_port)
        return re.sub(r"\b(127\.0\.0\.1|0\.0\.0\.0|localhost)\b", self.address[host], text)


class Container:
    """A service of the file, as a process."""

    def __init__(self, name: str, network: Network, folder: Path, engine: Path, env_file: dict[str, str]) -> None:
        self.name, self.network = name, network
        self.folder = folder
        self.folder.mkdir()
        self.service = SERVICES[name]
        variables = self.service.get("environment", {})
        self.env = clean_env(
            **(env_file if "env_file" in self.service else {}),
            **{key: network.replace_hosts(name, value) for key, value in variables.items()},
        )
        self.command = [network.replace_hosts(name, part) for part in self.service.get("command", [])]
        if name == "restate":
            self.command = [str(engine)]
            # The volume's folder, the container's own address, and less memory.
            self.env |= {"RESTATE_BASE_DIR": str(self.folder), "RESTATE_BIND_IP": network.address[name], **SMALL_ENGINE}
        elif name == "redis":
            self.command += ["--bind", network.address[name], "--dir", str(self.folder)]
        self.process: ForkedProcess | asyncio.subprocess.Process | None = None

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    async def start(self, exits: AsyncExitStack) -> None:
        """Run the image's command until the block of `exits` ends."""
        log = exits.enter_context((self.folder / "log").open("wb"))
        if self.name in ("restate", "redis"):
            running = running_child(self.command, env=self.env, cwd=self.folder, stdout=log, stderr=log)
            self.process = await exits.enter_async_context(running)
        else:  # the image's entry point is `threadwell`
            forked = python_process(
                "bots", *self.command, env=self.env, cwd=self.folder, stdout=log.fileno(), stderr=log.fileno()
            )
            self.process = await exits.enter_async_context(forked)

    async def wait_exit(self) -> int:
        """Wait for the end and return the exit status."""
        assert self.process is not None
        return await asyncio.wait_for(self.process.wait(), 60)

    async def wait_until_healthy(self) -> None:
        """Wait until the health check of the file succeeds."""
        await eventually(self._is_healthy, seconds=60)

    async def _is_healthy(self) -> bool:
        assert self.process is not None and self.process.returncode is None, self.log[-2000:]
        check = self.service["healthcheck"]
        test = check["test"]
        command = ["/bin/sh", "-c", test] if isinstance(test, str) else test[1:]
        command = [self.network.replace_hosts(self.name, part) for part in command]
        if command[0] == "python":
            command[0] = sys.executable
        discard = asyncio.subprocess.DEVNULL
        async with running_child(command, stdout=discard, stderr=discard, stop_seconds=1) as probe:
            with contextlib.suppress(TimeoutError):
                return await asyncio.wait_for(probe.wait(), float(check["timeout"].removesuffix("s"))) == 0
        return False


async def start_containers(containers: dict[str, Container], exits: AsyncExitStack) -> None:
    """Start each container when those that it depends on are healthy."""
    waiting, healthy = set(containers), set[str]()
    while waiting:
        ready = {name for name in waiting if set(SERVICES[name].get("depends_on", {})) <= healthy}
        assert ready, f"{waiting} wait for each other"
        for name in sorted(ready):
            await containers[name].start(exits)
        for name in ready:
            if "healthcheck" in SERVICES[name]:
                await containers[name].wait_until_healthy()
                healthy.add(name)
        waiting -= ready


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the whole loopback network without configuration")
@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")
async def test_containers_answer_in_the_page_at_the_ingress_and_in_both_bots(
    engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    """With the model's key (and, here, its address) and the bots' tokens in `.env`, and nothing else."""
    await model.clear_script()
    async with AsyncExitStack() as exits:
        slack = await exits.enter_async_context(running_slack())
        discord = await exits.enter_async_context(running_discord())
        env_file = {**model_env(model), **slack.env(), **discord.env()}
        names = [*PARTS, "register", "slack", "discord"]
        network = Network(names)
        containers = {name: Container(name, network, tmp_path / name, engine_binary, env_file) for name in names}
        await start_containers(containers, exits)
        assert await containers["register"].wait_exit() == 0
        assert "registered http" in containers["register"].log

        async with open_page(f"http://127.0.0.1:{network.web_port}") as page:
            assert await page.ask("my name is Ada") == "echo: my name is Ada"
            assert await page.ask("what is my name?") == "Your name is Ada."
        async with IngressClient.connected(f"http://{network.address['restate']}:8080") as ingress:
            assert (await send_message(ingress, "session123", "hi")).reply == "echo: hi"

        await discord.wait_connected()
        person = await discord.add_user("ada")
        direct = await discord.open_dm(person.id)
        question = await discord.post(person.id, direct.id, "are you there?")
        answer = await discord.wait_reply(direct.id, question, lambda message: "there?" in message.content)
        assert "echo: " in answer.content

        await slack.wait_connected()
        ada = await slack.add_user("ada")
        channel = await slack.add_channel("general", [ada.id])
        mention = await slack.mention(ada.id, channel.id, "are you there?")
        reply = await slack.wait_reply(channel.id, mention.ts, lambda message: "there?" in message.text)
        assert "echo: " in reply.text

        # The next `docker compose up` registers again.
        again = Container("register", network, tmp_path / "again", engine_binary, env_file)
        await again.start(exits)
        assert await again.wait_exit() == 0

        for name in ("slack", "discord", "web", "chat-service"):
            container = containers[name]
            assert container.process is not None
            container.process.terminate()  # as `docker compose stop` does
            assert await container.wait_exit() == 0, container.log


async def test_missing_model_key_is_one_line(engine_binary: Path, tmp_path: Path) -> None:
    container = Container("chat-service", Network(list(PARTS)), tmp_path / "service", engine_binary, {})
    async with AsyncExitStack() as exits:
        await container.start(exits)
        assert await container.wait_exit() == 1
    lines = container.log.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("threadwell: no model is configured: set OPENAI_API_KEY")
