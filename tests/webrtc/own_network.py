"""A network namespace with an address of its own, as a machine on a network has one (needs root)."""

from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import itertools
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

ADDRESS = "10.213.79.2"
_CLONE_NEWNET = 0x40000000
_serial = itertools.count()


@dataclass(frozen=True)
class Network:
    """The namespace `name`: loopback and one interface with `ADDRESS`, which leads nowhere else."""

    name: str

    def command(self, *words: str) -> list[str]:
        """The same command inside; `ip netns exec` becomes that command, so its pid is the command's."""
        return ["ip", "netns", "exec", self.name, *words]

    def connect(self, port: int, host: str = "127.0.0.1", seconds: float = 10.0) -> socket.socket:
        """A TCP connection inside: only the thread that opens it enters the namespace."""

        def inside() -> socket.socket:
            libc = ctypes.CDLL(None, use_errno=True)
            with open(f"/run/netns/{self.name}") as space:
                if libc.setns(space.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), f"the namespace {self.name} cannot be entered")
            return socket.create_connection((host, port), seconds)

        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            return thread.submit(inside).result()


def obstacle() -> str | None:
    """None, or why there can be no such network here."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return "a network namespace needs root and iproute2"
    probe = new_name()
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"no network namespace can be made: {made.stderr.strip()}"
    ip("netns", "del", probe)
    return None


@contextlib.contextmanager
def network() -> Iterator[Network]:
    name = new_name()
    ip("netns", "add", name)
    try:
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", "far0")
        ip("-n", name, "addr", "add", f"{ADDRESS}/24", "dev", "eth0")
        for link in ("eth0", "far0"):
            ip("-n", name, "link", "set", link, "up")
        ip("-n", name, "route", "add", "default", "via", "10.213.79.1")
        yield Network(name)
    finally:
        ip("netns", "del", name)


def new_name() -> str:
    return f"cwown{os.getpid()}-{next(_serial)}"


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
