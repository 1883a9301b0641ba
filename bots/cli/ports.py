"""Ports that cannot be had: told before anything starts, with who has them and which setting moves them."""

from __future__ import annotations

import errno
import socket

import psutil

from chat_service.engine.process import free_port
from chat_service.errors import UserError
from chat_service.settings import Settings

ENGINE_PORTS = ("restate_ingress_port", "restate_admin_port", "restate_node_port")


def with_free_ports(settings: Settings) -> Settings:
    """The same settings with a free port in place of every 0: each part has to know where the others are."""
    zeros = [
        name
        for name in ("web_port", "chat_service_port", "slack_delivery_port", "discord_delivery_port", *ENGINE_PORTS)
        if getattr(settings, name) == 0
    ]
    return settings.model_copy(update={name: free_port() for name in zeros})


def listen_addresses(settings: Settings) -> dict[str, tuple[str, int]]:
    """The addresses that `threadwell up` will listen on, by the setting that moves each."""
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
    """Why one cannot listen there now, and what to do; None when one can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what a closed server left lingering is no owner
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"port {port} is taken by {find_port_owner(port)}: stop that, or set {variable} to a free port"
            if error.errno == errno.EACCES:
                return f"port {port} is not for ordinary programs: set {variable} to one above 1023"
            # A name that cannot be looked up, or an address of another machine.
            return f"{host} is no address of this machine ({error.strerror}): correct {variable[:-5]}_HOST"
    return None


def find_port_owner(port: int) -> str:
    """Who listens on a port, if that can be told."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
                return f"{psutil.Process(connection.pid).name()}, pid {connection.pid}" if connection.pid else "?"
    except (psutil.Error, OSError):
        pass  # not ours to see
    return "another program"


def check_ports(settings: Settings) -> None:
    """Raises a UserError for the first port that cannot be had."""
    seen: dict[int, str] = {}
    for variable, (host, port) in listen_addresses(settings).items():
        if port in seen:
            raise UserError(f"{seen[port]} and {variable} are both {port}: set one of them to another port")
        seen[port] = variable
        if line := find_port_problem(variable, host, port):
            raise UserError(line)
