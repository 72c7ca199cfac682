"""Code of somebody who took the decoder over: run as a program, it says as JSON what it could do.

    python hostile.py FILE [TROUBLE...]

It begins as the decoder does (its warm-up, then the sandbox), with FILE open. Then it goes the ways one would
go, and makes every system call by its number. TROUBLE is what it meets on top: "plain" (another user, given
up before), "no-namespaces", "no-landlock". It needs the product and the standard library alone, so that it
runs inside the image too.
"""

# ruff: noqa: SIM115 - what it opens is there to be found

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable

from calling.media.files import decoder, sandbox

PLAIN = 54321
KEPT = sys.argv[1]
PARENT, ME = os.getppid(), os.getpid()
OTHERS = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != ME]
UPROBES = (335, 336)  # pass every filter, and end whoever calls them from elsewhere than a probe

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
ids: list[int] = []


def beginning() -> None:
    """As the decoder's own: everything is loaded, then every right is given up."""
    decoder.warm()
    troubles = sys.argv[2:]
    if "plain" in troubles:
        os.setgroups([])
        os.setresgid(PLAIN, PLAIN, PLAIN)
        os.setresuid(PLAIN, PLAIN, PLAIN)
    if "no-namespaces" in troubles:
        sandbox._leave_network = lambda libc: None
    if "no-landlock" in troubles:
        sandbox._leave_files = lambda libc: 0
    set_filter = sandbox._filter

    def note_and_set(libc: ctypes.CDLL, machine: sandbox.Machine) -> None:
        ids.extend([*os.getresuid(), *os.getresgid(), *os.getgroups()])
        set_filter(libc, machine)

    sandbox._filter = note_and_set
    sandbox.give_up_rights()


def call(number: int, *arguments: int) -> tuple[int, int]:
    ctypes.set_errno(0)
    return libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments)), ctypes.get_errno()


FILES: dict[str, Callable[[], object]] = {
    "file": lambda: open("/etc/passwd"),
    "the same file again": lambda: open(KEPT),
    "new file": lambda: open(KEPT + ".new", "w"),
    "its own descriptor": lambda: open("/proc/self/fd/1"),
    "environment of the parent": lambda: open(f"/proc/{PARENT}/environ"),
    "memory of the parent": lambda: open(f"/proc/{PARENT}/mem", "r+b"),
    "directory": lambda: os.listdir("/"),
    "status": lambda: os.stat("/etc/passwd"),
    "link": lambda: os.symlink("/etc/passwd", KEPT + ".link"),
    "removal": lambda: os.unlink(KEPT),
    "mode": lambda: os.chmod(KEPT, 0o777),
    "copy of a descriptor": lambda: os.dup(1),
    "pipe": os.pipe,
    "memory file": lambda: os.memfd_create("x"),
} | {f"environment of {pid}": lambda pid=pid: open(f"/proc/{pid}/environ") for pid in OTHERS}
SOCKETS: dict[str, Callable[[], object]] = {
    "tcp": socket.socket,
    "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "raw": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "unix socket": lambda: socket.socket(socket.AF_UNIX),
    "socket pair": socket.socketpair,
    "connection": lambda: socket.create_connection(("127.0.0.1", 5432), 1),
}
PROCESSES: dict[str, Callable[[], object]] = {
    "process": lambda: os.fork() or os._exit(0),
    "program": lambda: os.execv("/bin/true", ["true"]),
    "signal to the parent": lambda: os.kill(PARENT, 0),
    "signal to all": lambda: os.kill(-1, 0),
    "signal to its group": lambda: os.killpg(0, 0),
    "signal to itself": lambda: os.kill(ME, 0),
    "handle of a process": lambda: signal.pidfd_send_signal(os.pidfd_open(PARENT), 0),
    "root": lambda: os.setuid(0),
    "limits": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
} | {f"signal to {pid}": lambda pid=pid: os.kill(pid, 0) for pid in OTHERS}


def tried(ways: dict[str, Callable[[], object]]) -> dict[str, str]:
    """What each way that worked gave back."""
    done = {}
    for name, way in ways.items():
        with contextlib.suppress(OSError, ValueError):
            done[name] = repr(way())
    return done


def main() -> None:
    kept = open(KEPT, "rb")
    machine, kind = sandbox._machine(), os.uname().machine
    beginning()
    done = tried(FILES | SOCKETS | PROCESSES)
    os.close(0)  # with a number free too
    done |= tried(FILES | SOCKETS | PROCESSES)
    free = {*machine.free.values(), machine.mmap, machine.mprotect}
    numbers = [number for number in range(600) if number not in free]
    if kind == "x86_64":
        numbers = [number for number in numbers if number not in UPROBES]
        numbers += [0x40000000 + number for number in range(600)]
    allowed = [number for number in numbers if call(number, 0, 0, 0, 0, 0, 0) != (-1, 1)]
    page = call(machine.mmap, 0, 4096, 3, 0x22, -1, 0)[0]
    found = {
        "done": done, "allowed": allowed, "ids": ids, "memory": page != -1, "signalled": len(OTHERS),
        "code": [call(machine.mmap, 0, 4096, 7, 0x22, -1, 0), call(machine.mprotect, page, 4096, 5)],
        "mapped file": call(machine.mmap, 0, 4096, 1, 2, kept.fileno(), 0), "read": len(kept.read()),
    }  # fmt: skip
    os.write(1, json.dumps(found).encode() + b"\n")
    os._exit(0)


main()
