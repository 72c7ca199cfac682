"""Figures from Linux's process accounts, and a job that tells how fast the machine is now."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
REFERENCE_US = 310.0  # what one calibration round took where the reference figures were made


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        children = task / "children"
        if children.exists():
            for child in children.read_text().split():
                found += tree(int(child))
    return found


def fine_cpu_seconds(pid: int) -> float:
    """The same from the scheduler's nanosecond accounts."""
    total = 0
    for one in tree(pid):
        for task in Path(f"/proc/{one}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def waited_seconds(pid: int) -> float:
    """How long the threads of the tree stood ready without a core: other work on the machine."""
    total = 0
    for one in tree(pid):
        for task in Path(f"/proc/{one}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[1])
    return total / 1e9


def memory_kb(pid: int) -> int:
    """Proportional set size of the tree in kB."""
    total = 0
    for one in tree(pid):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total


def calibrate(seconds: float = 0.25) -> float:
    """Median CPU µs of a fixed job of arithmetic and UDP system calls."""
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind(("127.0.0.1", 0))
    address = one.getsockname()
    took = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.thread_time()
        value = 0
        for number in range(1500):
            value = (value * 31 + number) & 0xFFFFFFFF
        for _ in range(20):
            one.sendto(b"x" * 100, address)
            one.recv(200)
        took.append(time.thread_time() - begun)
    one.close()
    return sorted(took)[len(took) // 2] * 1e6
