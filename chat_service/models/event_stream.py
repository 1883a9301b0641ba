"""A parser for server-sent events (WHATWG HTML, 9.2.6) that accepts what providers really send.

Only the `data` field is used: the type of an event is also in its JSON. Lines that are no field are kept, since some
providers answer a streaming request with one JSON document.
"""

from __future__ import annotations

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MAX_OTHER_BYTES = 4_000_000


class EventStreamParser:
    """Splits a stream of bytes into the data of its events.

    Attributes:
        other: the bytes outside of events, at most `MAX_OTHER_BYTES`.
    """

    def __init__(self) -> None:
        self.other = b""
        self._is_first = True
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, received: bytes) -> list[bytes]:
        """Return the data of the events that these bytes complete. They may begin and end anywhere in a line."""
        # Trap: the last line stays until the next bytes arrive, also when it ends with CR, whose LF may follow.
        received = self._rest + received
        if b"\r" in received:
            ends_with_cr = received.endswith(b"\r")
            received = received.replace(b"\r\n", b"\n")
            received = received[:-1].replace(b"\r", b"\n") + b"\r" if ends_with_cr else received.replace(b"\r", b"\n")
        lines = received.split(b"\n")
        self._rest = lines.pop()
        return self._events(lines)

    def close(self) -> list[bytes]:
        """Return the data of an event at the end of the stream that no empty line follows."""
        line, self._rest = self._rest, b""
        return self._events([line.rstrip(b"\r"), b""])

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events = []
        for line in lines:
            if self._is_first:
                self._is_first = False
                line = line.removeprefix(BYTE_ORDER_MARK)
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line:
                if self._data:
                    events.append(b"\n".join(self._data))
                    self._data = []
            elif not line.startswith((b":", b"event:", b"id:", b"retry:")) and len(self.other) < MAX_OTHER_BYTES:
                self.other += line
        return events
