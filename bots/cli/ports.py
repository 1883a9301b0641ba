"""Check of the ports before the start: which program uses a port and which setting changes it."""

from __future__ import annotations

import errno
import socket

import psutil

from chat_service.engine.process import free_port
from chat_service.errors import UserError
from chat_service.settings import Settings

ENGINE_PORTS = ("restate_ingress_port", "restate_admin_port", "restate_node_port")


def with_free_ports(settings: Settings) -> Settings:
    """Return the settings with each port 0 replaced by a free port, so that all parts know each other's ports."""
    unset = [
        name
        for name in ("web_port", "chat_service_port", "slack_delivery_port", "discord_delivery_port", *ENGINE_PORTS)
        if getattr(settings, name) == 0
    ]
    return settings.model_copy(update={name: free_port() for name in unset})


def listen_addresses(settings: Settings) -> dict[str, tuple[str, int]]:
    """Return the addresses that `threadwell up` will listen on, by the variable of the port."""
    ports = {
        "WEB_PORT": (settings.web_host, settings.web_port),
        "CHAT_SERVICE_PORT": (settings.chat_service_host, settings.chat_service_port),
    }
    if settings.slack_bot_token is not None:
        ports["SLACK_DELIVERY_PORT"] = (settings.slack_delivery_host, settings.slack_delivery_port)
        if settings.slack_app_token is None:
            ports["SLACK_HTTP_PORT"] = (settings.slack_http_host, settings.slack_http_port)
    if settings.discord_token is not None:
        ports["DISCORD_DELIVERY_PORT"] = (settings.discord_delivery_host, settings.discord_delivery_port)
    if settings.embeds_engine:
        ports |= {name.upper(): ("127.0.0.1", getattr(settings, name)) for name in ENGINE_PORTS}
    return ports


def find_port_problem(variable: str, host: str, port: int) -> str | None:
    """Return why the address cannot be used and what to do, or None if it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ignore closed connections in TIME_WAIT
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"port {port} is taken by {find_port_owner(port)}: stop it, or set {variable} to a free port"
            if error.errno == errno.EACCES:
                return f"port {port} requires root: set {variable} to a port above 1023"
            # The host name cannot be resolved, or the address belongs to another machine.
            return f"{host} is not an address of this machine ({error.strerror}): correct {variable[:-5]}_HOST"
    return None


def find_port_owner(port: int) -> str:
    """Return the name and pid of the program that listens on a port, if this user may see it."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
                return f"{psutil.Process(connection.pid).name()}, pid {connection.pid}" if connection.pid else "?"
    except (psutil.Error, OSError):
        pass  # no permission
    return "another program"


def check_ports(settings: Settings) -> None:
    """Check all ports.

    Raises:
        UserError: for the first port that is used twice or cannot be used.
    """
    seen: dict[int, str] = {}
    for variable, (host, port) in listen_addresses(settings).items():
        if port in seen:
            raise UserError(f"{seen[port]} and {variable} are both {port}: set one of them to another port")
        seen[port] = variable
        if line := find_port_problem(variable, host, port):
            raise UserError(line)
