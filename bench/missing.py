"""A row that cannot be measured on this machine: said in the report, never passed over."""

from __future__ import annotations


class Missing(Exception):
    """Why, and what to install."""
