"""Hosts in addresses."""

from __future__ import annotations


def http(host: str, port: int) -> str:
    """The address of a server on this host. An IPv6 address stands in brackets there, or its end is taken for the
    port."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
