"""Read the state and the journals in Restate, which no handler shows."""

from __future__ import annotations

from chat_service.storage.state import Meta
from tests.processes import Stack


async def count_records_with(stack: Stack, key: str, text: str) -> int:
    """Return the number of state records of a conversation that contain a text."""
    rows = await stack.query(
        f"SELECT count(1) AS n FROM state WHERE service_key = '{key}' AND value_utf8 LIKE '%{text}%'"
    )
    return int(rows[0]["n"])


async def find_text(stack: Stack, text: str) -> list[str]:
    """Return the places in the tables of Restate that contain a text."""
    hexed = text.encode().hex()
    found = await stack.query(
        "SELECT concat('journal of ', id, ' ', entry_type) AS place FROM sys_journal "
        f"WHERE encode(raw, 'hex') LIKE '%{hexed}%' "
        f"UNION ALL SELECT concat('state of ', service_name, '/', service_key, ' ', key) FROM state "
        f"WHERE value_utf8 LIKE '%{text}%'"
    )
    if found:  # the tables below are large: read them only to prove that nothing is left
        return [str(row["place"]) for row in found]
    rows = [
        str(row) for table in ("sys_invocation", "sys_inbox") for row in await stack.query(f"SELECT * FROM {table}")
    ]
    return [row for row in rows if text in row]


async def read_summary(stack: Stack, key: str) -> dict[str, object]:
    """Return the summary of a conversation and the last message that it covers."""
    meta = await read_meta(stack, key)
    return {"text": meta.summary, "upto": meta.summary_upto}


async def read_meta(stack: Stack, key: str) -> Meta:
    """Return the metadata of a conversation in `Chat`."""
    rows = await stack.query(
        f"SELECT value_utf8 FROM state WHERE service_name = 'Chat' AND service_key = '{key}' AND key = 'meta'"
    )
    return Meta.model_validate_json(rows[0]["value_utf8"])
