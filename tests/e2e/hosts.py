"""Hosts of a test: network namespaces on one bridge, each with an address of its own (needs root)."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator

NETWORK = "10.213.78"
OURS = f"{NETWORK}.1"


def obstacle() -> str | None:
    """None, or why there can be no hosts here."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return "network namespaces need root and iproute2"
    if "@127.0.0.1" in os.environ["DATABASE_URL"] or "127.0.0.1" in os.environ["REDIS_URL"]:
        return "the engines listen on loopback, where other hosts cannot reach them"
    made = subprocess.run(["ip", "netns", "add", _name(0)], capture_output=True, text=True, check=False)
    _ip("netns", "del", _name(0), may_fail=True)
    return f"no network namespace can be made: {made.stderr.strip()}" if made.returncode else None


def _name(number: int) -> str:
    return f"cwtest{os.getpid()}-{number}"


def _ip(*words: str, may_fail: bool = False) -> None:
    subprocess.run(["ip", *words], check=not may_fail, capture_output=True)


@contextlib.contextmanager
def hosts(count: int) -> Iterator[list[tuple[str, str]]]:
    """(namespace, address) of each; this process is on the same network as `OURS`."""
    bridge = f"cwt{os.getpid()}"
    made = [(_name(number), f"{NETWORK}.{number + 1}") for number in range(1, count + 1)]
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("addr", "add", f"{OURS}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for number, (space, address) in enumerate(made, 1):
            near = f"cwv{number}-{os.getpid()}"[:15]
            _ip("netns", "add", space)
            _ip("link", "add", near, "type", "veth", "peer", "name", "eth0", "netns", space)
            _ip("link", "set", near, "master", bridge, "up")
            _ip("-n", space, "addr", "add", f"{address}/24", "dev", "eth0")
            _ip("-n", space, "link", "set", "eth0", "up")
            _ip("-n", space, "link", "set", "lo", "up")
        yield made
    finally:
        for space, _ in made:
            _ip("netns", "del", space, may_fail=True)
        _ip("link", "del", bridge, may_fail=True)
