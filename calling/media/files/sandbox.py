"""What the decoder's process gives up before it looks at a single byte of a file from outside.

No network (a namespace of its own where the kernel allows it), no user's rights (nobody, where it was
root), no new file descriptors at all: with the limit at what is open already, neither a file nor a socket
can be opened by anything FFmpeg could be talked into. Plus limits on time, memory and output. Linux has all
of it; elsewhere the descriptor, time and memory limits remain. Standard library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import sys
from typing import Final

CPU_SECONDS: Final = 120
MEMORY: Final = 1536 * 1024 * 1024
OUTPUT: Final = 256 * 1024 * 1024
NOBODY: Final = 65534
_CLONE_NEWUSER, _CLONE_NEWNET, _CLONE_NEWIPC = 0x10000000, 0x40000000, 0x08000000
_PR_SET_NO_NEW_PRIVS, _PR_SET_DUMPABLE = 38, 4


def give_up_rights() -> None:
    """Everything above, in this process, for good. Call it with all imports done and all files open."""
    _limit(resource.RLIMIT_CPU, CPU_SECONDS)
    _limit(resource.RLIMIT_FSIZE, OUTPUT)
    _limit(resource.RLIMIT_CORE, 0)
    with contextlib.suppress(ValueError, OSError):
        _limit(resource.RLIMIT_AS, MEMORY)
    if sys.platform.startswith("linux"):
        _leave_network()
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if os.geteuid() == 0:
        with contextlib.suppress(OSError):
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
    _limit(resource.RLIMIT_NOFILE, _first_free())


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(what, (most, most))


def _leave_network() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET | _CLONE_NEWIPC) != 0:
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWIPC)


def _first_free() -> int:
    """The lowest number no descriptor has; gaps below are closed to newcomers by filling them."""
    while True:
        number = os.open(os.devnull, os.O_RDONLY)
        highest = (
            max(int(name) for name in os.listdir("/proc/self/fd"))
            if os.path.isdir("/proc/self/fd")
            else number
        )
        if number >= highest - 1:
            os.close(number)
            return number
