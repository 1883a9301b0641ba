"""Ports that are taken: told before anything starts, with who has them."""

from __future__ import annotations

import socket

import psutil

from chat_service.errors import UserError
from chat_service.settings import Settings


def needed(settings: Settings) -> dict[str, tuple[str, int]]:
    """The addresses that `threadwell up` will listen on, by the setting that moves each."""
    ports = {
        "WEB_PORT": (settings.web_host, settings.web_port),
        "CHAT_SERVICE_PORT": (settings.chat_service_host, settings.chat_service_port),
    }
    if settings.embeds_engine:
        ports |= {
            "RESTATE_INGRESS_PORT": ("127.0.0.1", settings.restate_ingress_port),
            "RESTATE_ADMIN_PORT": ("127.0.0.1", settings.restate_admin_port),
            "RESTATE_NODE_PORT": ("127.0.0.1", settings.restate_node_port),
        }
    return ports


def is_free(host: str, port: int) -> bool:
    """Whether one could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what a closed server left lingering is no owner
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def owner(port: int) -> str:
    """Who listens on a port, if that can be told."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
                return f"{psutil.Process(connection.pid).name()}, pid {connection.pid}" if connection.pid else "?"
    except (psutil.Error, OSError):
        pass  # not ours to see
    return "another program"


def check_ports(settings: Settings) -> None:
    """Raises a UserError for the first port that is taken."""
    for variable, (host, port) in needed(settings).items():
        if port and not is_free(host, port):
            raise UserError(f"port {port} is taken by {owner(port)}: stop that, or set {variable} to a free port")
