"""Measurements of the machine: CPU load by other programs, memory of processes, size of folders."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Load:
    """The load of the machine during a measurement.

    Attributes:
        average: the load average over one minute.
        others: CPU cores that other programs kept busy.
    """

    average: float
    others: float


class LoadMeter:
    """Measures how busy other programs keep the machine, from its creation to `read`."""

    def __init__(self) -> None:
        self._busy, self._ours, self._idle = _busy_seconds(), _own_seconds(), _idle_seconds()

    def read(self) -> Load:
        """Return the load since the creation. Kernel time that belongs to no process counts as other programs'."""
        busy, idle = _busy_seconds() - self._busy, _idle_seconds() - self._idle
        own = _own_seconds() - self._ours
        total = max(busy + idle, 1e-9)
        cores = psutil.cpu_count() or 1
        return Load(average=os.getloadavg()[0], others=max(busy - own, 0.0) / total * cores)


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return sum(times) - _idle_seconds() - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)


def _idle_seconds() -> float:
    times = psutil.cpu_times()
    return float(times.idle + getattr(times, "iowait", 0.0))


def _own_seconds() -> float:
    """Return the CPU time of this process and its children."""
    this = psutil.Process()
    total = 0.0
    for process in (this, *this.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def process_memory(pid: int) -> int:
    """Return the memory of a process and its children in bytes.

    Memory that processes share, as those of PostgreSQL do, counts once where the kernel reports it (PSS).

    Raises:
        psutil.NoSuchProcess: when the process has exited.
    """
    root = psutil.Process(pid)
    total = 0
    for process in (root, *root.children(recursive=True)):
        info = process.memory_full_info()
        total += getattr(info, "pss", None) or info.rss
    return total


def folder_size(folder: Path) -> int:
    """Return the total length of the files in a folder in bytes. Files that are deleted meanwhile do not count.

    It sums lengths, not blocks: RocksDB reserves more blocks than it has written, which hides small growth.
    """
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(root) / name).stat().st_size
            except FileNotFoundError:
                continue
    return total
