"""URLs of hosts."""

from __future__ import annotations


def http_url(host: str, port: int) -> str:
    """Return the URL of an HTTP server. An IPv6 address is put in brackets, as URLs require."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
