"""What each container of `docker-compose.yml` would start, started as a process: command, environment, health check.

Containers have names and addresses of their own; here each gets an address of the loopback network, so that every
port may stay what the file says. The page alone answers to no name but 127.0.0.1, as through its published port: it
stays there, on another port. Nothing else is changed.
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
from tests.conversation.talk import send_message
from tests.fakes.discord.running import running_discord
from tests.fakes.model import ModelControl
from tests.fakes.slack.running import running_slack
from tests.fork_server import ROOT
from tests.operation.page import browser
from tests.operation.up import answering, clean_env
from tests.processes import SMALL_ENGINE, eventually

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PARTS = ("restate", "redis", "chat-service", "web")


def without_profile() -> list[str]:
    return [name for name, service in SERVICES.items() if "profiles" not in service]


def test_the_parts_are_all_there_and_bots_wait_for_their_profile() -> None:
    assert sorted(without_profile()) == sorted([*PARTS, "register"])
    for bot in ("slack", "discord"):
        assert SERVICES[bot]["profiles"] == [bot]
        assert SERVICES[bot]["command"] == ["bot", bot]


def test_nothing_is_published_but_on_loopback() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(published) == 4
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_registration_waits_until_all_are_healthy() -> None:
    waits = SERVICES["register"]["depends_on"]
    assert waits == {name: {"condition": "service_healthy"} for name in ("restate", "chat-service", "web")}
    for name in waits:
        assert SERVICES[name]["healthcheck"]["test"]


def test_the_engine_is_the_version_we_know_and_keeps_its_data() -> None:
    restate = SERVICES["restate"]
    assert restate["image"].endswith(f"/restate:{VERSION}")
    volume, _, inside = restate["volumes"][0].partition(":")
    assert volume in COMPOSE["volumes"]
    assert restate["environment"]["RESTATE_BASE_DIR"] == inside


def test_the_image_is_built_from_files_that_exist_and_starts_the_command() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.MULTILINE):
        for name in line.split():
            assert (ROOT / name).exists(), name
            assert f"!{name}\n" in (ROOT / ".dockerignore").read_text()
    assert 'ENTRYPOINT ["threadwell"]' in dockerfile


class Network:
    """The containers' names, as addresses of the loopback network that nobody else uses."""

    def __init__(self, hosts: list[str]) -> None:
        block = f"127.{random.randint(16, 250)}.{random.randint(0, 250)}"
        self.address = {host: f"{block}.{number}" for number, host in enumerate(hosts, 2)}
        self.address["web"] = "127.0.0.1"
        self.web_port = str(free_port())

    def seen_from(self, host: str, text: str) -> str:
        """Names of other hosts, and what this one calls itself."""
        for name, address in self.address.items():
            text = re.sub(rf"(?<=//){name}(?=:)", address, text)
        if host == "web":
            text = text.replace("8000", self.web_port)
        return re.sub(r"\b(127\.0\.0\.1|0\.0\.0\.0|localhost)\b", self.address[host], text)


class Container:
    """A service of the file, as a process."""

    def __init__(self, name: str, network: Network, folder: Path, engine: Path, env_file: dict[str, str]) -> None:
        self.name, self.network = name, network
        self.folder = folder / name
        self.folder.mkdir()
        self.service = SERVICES[name]
        given = env_file if "env_file" in self.service else {}
        inside = {key: network.seen_from(name, value) for key, value in self.service.get("environment", {}).items()}
        self.env = clean_env(**given, **inside)
        self.command = [network.seen_from(name, part) for part in self.service.get("command", [])]
        if name == "restate":
            self.command = [str(engine)]
            # The volume's place, the container's own address, and a smaller appetite.
            self.env |= {"RESTATE_BASE_DIR": str(self.folder), "RESTATE_BIND_IP": network.address[name], **SMALL_ENGINE}
        elif name == "redis":
            self.command += ["--bind", network.address[name], "--dir", str(self.folder)]
        else:
            self.command = [sys.executable, "-m", "bots", *self.command]  # the image's entrypoint

    async def start(self, exits: AsyncExitStack) -> None:
        sink = exits.enter_context((self.folder / "log").open("wb"))
        running = running_child(self.command, env=self.env, cwd=self.folder, stdout=sink, stderr=sink)
        self.process = await exits.enter_async_context(running)

    async def becomes_healthy(self) -> None:
        await eventually(self._is_healthy, seconds=60)

    async def _is_healthy(self) -> bool:
        assert self.process.returncode is None, (self.folder / "log").read_text()[-2000:]
        test = self.service["healthcheck"]["test"]
        command = ["/bin/sh", "-c", test] if isinstance(test, str) else test[1:]
        command = [self.network.seen_from(self.name, part) for part in command]
        if command[0] == "python":
            command[0] = sys.executable
        nowhere = asyncio.subprocess.DEVNULL
        async with running_child(command, stdout=nowhere, stderr=nowhere, stop_seconds=1) as probe:
            with contextlib.suppress(TimeoutError):
                seconds = float(self.service["healthcheck"]["timeout"].removesuffix("s"))
                return await asyncio.wait_for(probe.wait(), seconds) == 0
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the whole loopback network at hand")
@pytest.mark.skipif(shutil.which("redis-server") is None, reason="there is no redis-server on this machine")
@pytest.mark.parametrize("profile", [None, "slack", "discord"])
async def test_what_the_containers_would_start_answers(
    profile: str | None, engine_binary: Path, model: ModelControl, tmp_path: Path
) -> None:
    """Through the page, with nothing but the model's key (and, here, its address) in `.env`; with the bot's tokens
    there too, and its profile, in Slack or Discord."""
    await model.clear_script()
    async with AsyncExitStack() as exits:
        env_file = answering(model)
        if profile == "slack":
            slack = await exits.enter_async_context(running_slack())
            env_file |= slack.env()
        if profile == "discord":
            discord = await exits.enter_async_context(running_discord())
            env_file |= discord.env()
        names = [*PARTS, "register", *([profile] if profile else [])]
        network = Network(names)
        containers = {name: Container(name, network, tmp_path, engine_binary, env_file) for name in names}
        waiting = set(containers)
        healthy: set[str] = set()
        while waiting:
            ready = {name for name in waiting if set(SERVICES[name].get("depends_on", {})) <= healthy}
            assert ready, f"{waiting} wait for each other"
            for name in sorted(ready):
                await containers[name].start(exits)
                if "healthcheck" in SERVICES[name]:
                    await containers[name].becomes_healthy()
                    healthy.add(name)
            waiting -= ready
        assert await asyncio.wait_for(containers["register"].process.wait(), 60) == 0
        assert "registered http" in (containers["register"].folder / "log").read_text()

        async with browser(f"http://127.0.0.1:{network.web_port}") as page:
            assert await page.ask("my name is Ada") == "echo: my name is Ada"
            assert await page.ask("what is my name?") == "Your name is Ada."
        async with IngressClient.connected(f"http://{network.address['restate']}:8080") as ingress:
            assert (await send_message(ingress, "session123", "hi")).reply == "echo: hi"

        if profile == "discord":
            await discord.wait_connected()
            person = await discord.add_user("ada")
            place = await discord.direct(person.id)
            said = await discord.post(person.id, place.id, "are you there?")
            told = await discord.wait_reply(place.id, said, lambda message: "there?" in message.content)
            assert "echo: " in told.content
        if profile == "slack":
            await slack.wait_connected()
            ada = await slack.add_user("ada")
            channel = await slack.add_channel("general", [ada.id])
            asked = await slack.mention(ada.id, channel.id, "are you there?")
            reply = await slack.wait_reply(channel.id, asked.ts, lambda message: "there?" in message.text)
            assert "echo: " in reply.text

        # The next `up` runs it again.
        again = Container("register", network, _folder(tmp_path, "again"), engine_binary, answering(model))
        await again.start(exits)
        assert await asyncio.wait_for(again.process.wait(), 60) == 0

        for name in (*([profile] if profile else []), "web", "chat-service"):
            process = containers[name].process
            process.terminate()  # as `docker compose stop` does
            assert await asyncio.wait_for(process.wait(), 20) == 0, (containers[name].folder / "log").read_text()


async def test_no_key_in_the_env_file_is_one_clear_line(engine_binary: Path, tmp_path: Path) -> None:
    network = Network(list(PARTS))
    async with AsyncExitStack() as exits:
        service = Container("chat-service", network, tmp_path, engine_binary, {})
        service.env["LIVE_BUS_URL"] = "memory"
        await service.start(exits)
        assert await asyncio.wait_for(service.process.wait(), 60) == 1
    said = (service.folder / "log").read_text().splitlines()
    assert len(said) == 1, said
    assert said[0].startswith("threadwell: no model is configured: set OPENAI_API_KEY")


def _folder(base: Path, name: str) -> Path:
    folder = base / name
    folder.mkdir()
    return folder
