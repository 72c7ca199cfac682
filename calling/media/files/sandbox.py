"""What the decoder's process gives up before it looks at a single byte of a file from outside.

First the kernel's filter of system calls: what stays is reading and writing what is open, memory without
code, time and the end. Nothing is opened, nobody is signalled or started, whatever user it runs as: the
filter needs no right. Then, where the kernel has them, a network namespace of its own, Landlock without a
single path, a user of its own where it was root, no descriptor and no process more, limits on time, memory
and output. Without the filter no file from outside is decoded (`Unconfined`). Standard library only.

`python -m calling.media.files.sandbox` says as JSON whether a decoder can be confined here.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Iterator
from typing import Final

CPU_SECONDS: Final = 120
MEMORY: Final = 1536 * 1024 * 1024
OUTPUT: Final = 256 * 1024 * 1024
USER: Final = 60811
"""Nobody else's: no file belongs to it, neither `nobody` nor an engine of config.embedded runs as it."""

_CLONE_NEWUSER, _CLONE_NEWNET, _CLONE_NEWIPC = 0x10000000, 0x40000000, 0x08000000
_PR_SET_NO_NEW_PRIVS, _PR_SET_DUMPABLE, _PR_SET_PDEATHSIG = 38, 4, 1
_PROT_EXEC, _MAP_ANONYMOUS = 0x4, 0x20
_EPERM = 1

# System calls by architecture: (AUDIT_ARCH_* of linux/audit.h, number of seccomp(2), what is free).
_FREE_X86: Final = {
    "read": 0, "write": 1, "close": 3, "fstat": 5, "lseek": 8, "munmap": 11, "brk": 12,
    "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "pread64": 17, "pwrite64": 18,
    "readv": 19, "writev": 20, "sched_yield": 24, "mremap": 25, "madvise": 28, "nanosleep": 35,
    "getpid": 39, "exit": 60, "ftruncate": 77, "gettimeofday": 96, "getrusage": 98, "sigaltstack": 131,
    "gettid": 186, "futex": 202, "restart_syscall": 219, "clock_gettime": 228, "clock_getres": 229,
    "clock_nanosleep": 230, "exit_group": 231, "getrandom": 318,
}  # fmt: skip
_FREE_ARM: Final = {
    "read": 63, "write": 64, "close": 57, "fstat": 80, "lseek": 62, "munmap": 215, "brk": 214,
    "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "pread64": 67, "pwrite64": 68,
    "readv": 65, "writev": 66, "sched_yield": 124, "mremap": 216, "madvise": 233, "nanosleep": 101,
    "getpid": 172, "exit": 93, "ftruncate": 46, "gettimeofday": 169, "getrusage": 165, "sigaltstack": 132,
    "gettid": 178, "futex": 98, "restart_syscall": 128, "clock_gettime": 113, "clock_getres": 114,
    "clock_nanosleep": 115, "exit_group": 94, "getrandom": 278,
}  # fmt: skip


class Unconfined(Exception):
    """The filter cannot be set on this machine; `str()` says why."""


class Machine:
    """The numbers of one architecture. `mmap` and `mprotect` are free for anonymous memory without code."""

    def __init__(self, audit: int, seccomp: int, mmap: int, mprotect: int, free: dict[str, int]) -> None:
        self.audit, self.seccomp, self.mmap, self.mprotect, self.free = audit, seccomp, mmap, mprotect, free


MACHINES: Final = {
    "x86_64": Machine(0xC000003E, 317, 9, 10, _FREE_X86),
    "aarch64": Machine(0xC00000B7, 277, 222, 226, _FREE_ARM),
}
NICENESS = 5  # what the phones hear goes before what is made ready


TIED: Final = b","


def end_with_parent() -> None:
    """Be killed when the thread that started this process ends, also while it is stopped."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def give_up_rights() -> None:
    """Everything above, in this process, for good. Call it with all imports done and all files open.

    Raises Unconfined where the filter cannot be set.
    """
    os.setpriority(os.PRIO_PROCESS, 0, max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
    _limit(resource.RLIMIT_CPU, CPU_SECONDS)
    _limit(resource.RLIMIT_FSIZE, OUTPUT)
    _limit(resource.RLIMIT_CORE, 0)
    with contextlib.suppress(ValueError, OSError):
        _limit(resource.RLIMIT_AS, MEMORY)
    machine = _machine()
    libc = ctypes.CDLL(None, use_errno=True)
    _leave_network(libc)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise Unconfined("the kernel knows no PR_SET_NO_NEW_PRIVS")
    _leave_files(libc)
    _leave_root()
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)  # after the user: changing it sets this anew
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # so does this
    _no_more()
    _filter(libc, machine)


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(what, (most, most))


def _no_more() -> None:
    """No descriptor of any number, no process: 0 counts for the ones to come, not for those that are."""
    _limit(resource.RLIMIT_NOFILE, 0)
    with contextlib.suppress(ValueError, OSError):
        _limit(resource.RLIMIT_NPROC, 0)


def _machine() -> Machine:
    found = MACHINES.get(platform.machine()) if sys.platform.startswith("linux") else None
    if found is None or sys.byteorder != "little" or struct.calcsize("P") != 8:
        raise Unconfined(f"there is no filter for {sys.platform} on {platform.machine()}")
    return found


def _leave_network(libc: ctypes.CDLL) -> None:
    """Where the kernel lets us; the filter does without."""
    if libc.unshare(_CLONE_NEWNET | _CLONE_NEWIPC) != 0:
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWIPC)


def _leave_root() -> None:
    if os.geteuid() != 0:
        return
    try:
        os.setgroups([])
        os.setresgid(USER, USER, USER)
        os.setresuid(USER, USER, USER)
    except OSError as problem:
        raise Unconfined(f"root cannot become user {USER}: {problem.strerror}") from None


# Landlock (linux/landlock.h), the same numbers everywhere: what each version of it can forbid.
_LANDLOCK_CREATE, _LANDLOCK_RESTRICT, _LANDLOCK_VERSION = 444, 446, 1
_FILES_BY_VERSION: Final = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP, _SCOPES = 0b11, 0b11


def _leave_files(libc: ctypes.CDLL) -> int:
    """Landlock with nothing allowed; its version, 0 where there is none."""
    version = int(libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), _LANDLOCK_VERSION))
    if version < 1:
        return 0
    files = max(bits for since, bits in _FILES_BY_VERSION.items() if since <= version)
    words = [files, *([_TCP] if version >= 4 else []), *([_SCOPES] if version >= 6 else [])]
    rules = struct.pack(f"={len(words)}Q", *words)
    descriptor = int(libc.syscall(_LANDLOCK_CREATE, rules, ctypes.c_size_t(len(rules)), 0))
    if descriptor < 0:
        return 0
    done = libc.syscall(_LANDLOCK_RESTRICT, descriptor, 0)
    os.close(descriptor)
    return version if done == 0 else 0


# Classic BPF (linux/filter.h, linux/seccomp.h): a program over {int nr; u32 arch; u64 ip; u64 args[6]}.
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NR, _ARCH, _ARGUMENTS = 0, 4, 16
_KILL, _ERRNO, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_X32 = 0x40000000  # the same numbers under another name


def program(machine: Machine) -> list[tuple[int, int, int, int]]:
    """(code, jump if true, jump if false, operand) of every instruction."""
    return list(_program(machine))


def _program(machine: Machine) -> Iterator[tuple[int, int, int, int]]:
    refuse, allow = (_RETURN, 0, 0, _ERRNO | _EPERM), (_RETURN, 0, 0, _ALLOW)
    yield _LOAD, 0, 0, _ARCH
    yield _EQUAL, 1, 0, machine.audit
    yield _RETURN, 0, 0, _KILL
    yield _LOAD, 0, 0, _NR
    yield _AT_LEAST, 0, 1, _X32
    yield refuse
    for number in machine.free.values():
        yield _EQUAL, 0, 1, number
        yield allow
    yield _EQUAL, 0, 3, machine.mprotect
    yield _LOAD, 0, 0, _ARGUMENTS + 8 * 2
    yield _ANY_BIT, 0, 7, _PROT_EXEC
    yield refuse
    yield _EQUAL, 0, 4, machine.mmap
    yield _LOAD, 0, 0, _ARGUMENTS + 8 * 2
    yield _ANY_BIT, 2, 0, _PROT_EXEC
    yield _LOAD, 0, 0, _ARGUMENTS + 8 * 3
    yield _ANY_BIT, 1, 0, _MAP_ANONYMOUS
    yield refuse
    yield allow


def _filter(libc: ctypes.CDLL, machine: Machine) -> None:
    code = b"".join(struct.pack("=HBBI", *one) for one in program(machine))
    text = ctypes.create_string_buffer(code, len(code))
    head = ctypes.create_string_buffer(struct.pack("@HP", len(code) // 8, ctypes.addressof(text)), 16)
    set_filter, all_threads = 1, 1
    if libc.syscall(machine.seccomp, set_filter, all_threads, head) != 0:
        raise Unconfined(f"the kernel takes no filter: {os.strerror(ctypes.get_errno())}")


def main() -> int:
    """Confines this process and says how."""
    try:
        give_up_rights()
        said = {"confined": True, "why": ""}
    except Unconfined as problem:
        said = {"confined": False, "why": str(problem)}
    os.write(1, json.dumps(said).encode() + b"\n")
    os._exit(0)


if __name__ == "__main__":
    main()
