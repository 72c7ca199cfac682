"""An attacker's code inside the decoder opens no file and no socket, and reaches no process: as any user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from calling.media.files import prepare as preparing
from calling.media.files import sandbox
from calling.media.sources import tones
from config.doctor import findings, probes
from config.env import ROOT
from tests.media.files.made import media

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the filter is Linux's")

# The decoder's own beginning, and then code of somebody who took it over: the ways one would go, and every
# system call by its number. SETUP stands before the sandbox: another user, a kernel without namespaces.
ATTACK = """
import ctypes, json, os, resource, socket, sys
from calling.media.files import decoder, sandbox
decoder.warm()
kept_path = sys.argv[1]
kept = open(kept_path, "rb")
SETUP
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
machine, parent, me = sandbox._machine(), os.getppid(), os.getpid()
name_of_machine = os.uname().machine
set_filter, ids = sandbox._filter, []
def note_and_set(libc, machine):
    ids.extend([*os.getresuid(), *os.getresgid(), *os.getgroups()])
    set_filter(libc, machine)
sandbox._filter = note_and_set
sandbox.give_up_rights()

def call(number, *arguments):
    ctypes.set_errno(0)
    return libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments)), ctypes.get_errno()

ways = {
    "file": lambda: open("/etc/passwd"),
    "new file": lambda: open(kept_path + ".new", "w"),
    "its own descriptor": lambda: open("/proc/self/fd/1"),
    "environment of the parent": lambda: open(f"/proc/{parent}/environ"),
    "directory": lambda: os.listdir("/"),
    "status": lambda: os.stat("/etc/passwd"),
    "link": lambda: os.symlink("/etc/passwd", kept_path + ".link"),
    "removal": lambda: os.unlink(kept_path),
    "mode": lambda: os.chmod(kept_path, 0o777),
    "copy of a descriptor": lambda: os.dup(1),
    "pipe": lambda: os.pipe(),
    "memory file": lambda: os.memfd_create("x"),
    "tcp": lambda: socket.socket(),
    "unix socket": lambda: socket.socket(socket.AF_UNIX),
    "socket pair": lambda: socket.socketpair(),
    "process": lambda: os.fork() or os._exit(0),
    "program": lambda: os.execv("/bin/true", ["true"]),
    "signal to the parent": lambda: os.kill(parent, 0),
    "signal to all": lambda: os.kill(-1, 0),
    "signal to itself": lambda: os.kill(me, 0),
    "handle of a process": lambda: os.pidfd_open(parent),
    "root": lambda: os.setuid(0),
    "limits": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
}
done = {}
for closed in (False, True):  # with a number free too
    for name, way in ways.items():
        try:
            done[name] = repr(way())
        except (OSError, ValueError):
            pass
    if not closed:
        os.close(0)
free = {*machine.free.values(), machine.mmap, machine.mprotect}
numbers = [n for n in range(600) if n not in free]
if name_of_machine == "x86_64":
    # uretprobe and uprobe pass every filter, and end whoever calls them from elsewhere than a probe.
    numbers = [n for n in numbers if n not in (335, 336)] + [0x40000000 + n for n in range(600)]
allowed = [n for n in numbers if call(n, 0, 0, 0, 0, 0, 0) != (-1, 1)]
page = call(machine.mmap, 0, 4096, 3, 0x22, -1, 0)[0]
found = {
    "done": done, "allowed": allowed, "ids": ids, "memory": page != -1,
    "code": [call(machine.mmap, 0, 4096, 7, 0x22, -1, 0), call(machine.mprotect, page, 4096, 5)],
    "mapped file": call(machine.mmap, 0, 4096, 1, 2, kept.fileno(), 0), "read": len(kept.read()),
}
os.write(1, json.dumps(found).encode())
os._exit(0)
"""
NO_NAMESPACES = "sandbox._leave_network = lambda libc: None"
NO_LANDLOCK = "sandbox._leave_files = lambda libc: 0"
PLAIN = "os.setgroups([]); os.setresgid(54321, 54321, 54321); os.setresuid(54321, 54321, 54321)"
KERNELS = {
    "all the kernel has": "",
    "no namespaces": NO_NAMESPACES,
    "neither namespaces nor Landlock": f"{NO_NAMESPACES}; {NO_LANDLOCK}",
}


def attacked(tmp_path: Path, setup: str) -> dict[str, Any]:
    kept = tmp_path / "kept"
    kept.write_bytes(b"sound")
    kept.chmod(0o644)
    for directory in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        directory.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", ATTACK.replace("SETUP", setup), str(kept)],
        cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    assert sorted(tmp_path.iterdir()) == [kept] and kept.read_bytes() == b"sound"
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@linux
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("user", ["ours", "a plain user"])
def test_an_attacker_inside_reaches_nothing(tmp_path: Path, kernel: str, user: str) -> None:
    if user == "a plain user" and os.geteuid() != 0:
        pytest.skip("we are one")
    found = attacked(tmp_path, f"{PLAIN if user == 'a plain user' else ''}; {KERNELS[kernel]}".strip("; "))
    assert found["done"] == {} and found["allowed"] == []
    assert found["memory"] and found["code"] == [[-1, 1], [-1, 1]] and found["mapped file"] == [-1, 1]
    assert found["read"] == 5, "what was open stays readable"
    if os.geteuid() == 0:
        assert set(found["ids"]) == ({54321} if user == "a plain user" else {sandbox.USER})


def test_its_user_is_nobody_s() -> None:
    import pwd

    from config.embedded import engine

    assert sandbox.USER not in {one.pw_uid for one in pwd.getpwall()}
    assert sandbox.USER not in {owner.uid for owner in engine.OWNERS.values()}


@pytest.mark.parametrize("name", sandbox.MACHINES)
def test_the_program_says_what_each_machine_may_call(name: str) -> None:
    """The BPF program itself, stepped through: also for the architecture that this is not."""
    machine = sandbox.MACHINES[name]
    program = sandbox.program(machine)

    def judged(number: int, *arguments: int, arch: int = machine.audit) -> int:
        at, held = 0, 0
        while True:
            code, yes, no, operand = program[at]
            if code == sandbox._RETURN:
                return operand
            if code == sandbox._LOAD:
                held = {0: number, 4: arch}.get(operand, 0)
                held = arguments[(operand - 16) // 8] if operand >= 16 else held
                at += 1
                continue
            holds = {
                sandbox._EQUAL: held == operand, sandbox._AT_LEAST: held >= operand,
                sandbox._ANY_BIT: bool(held & operand),
            }[code]  # fmt: skip
            at += 1 + (yes if holds else no)

    refused = sandbox._ERRNO | 1
    for number in range(1000):
        free = number in machine.free.values() or number in (machine.mmap, machine.mprotect)
        assert judged(number, 0, 0, 0, 0x20) == (sandbox._ALLOW if free else refused), number
        assert judged(0x40000000 + number, 0, 0, 0, 0x20) == refused
        assert judged(number, 0, 0, 0, 0x20, arch=0x40000003) == sandbox._KILL  # 32 bits
    for call in (machine.mmap, machine.mprotect):
        for protection in range(8):
            code = bool(protection & 4)
            assert judged(call, 0, 0, protection, 0x22) == (refused if code else sandbox._ALLOW)
    assert judged(machine.mmap, 0, 0, 1, 0x02) == refused, "a file"


UNCONFINABLE = """
import platform, sys
platform.machine = lambda: "another"
from calling.media.files import decoder
decoder.main()
"""


def test_without_the_filter_a_file_from_outside_is_refused_and_the_doctor_says_so(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(media("wav", 0.3))
    with (tmp_path / "a").open("rb") as source, (tmp_path / "b").open("wb") as target:
        numbers = (source.fileno(), target.fileno())
        done = subprocess.run(
            [sys.executable, "-c", UNCONFINABLE, *map(str, numbers), "wav", "none", "60"],
            cwd=ROOT, pass_fds=numbers, capture_output=True, timeout=60,
        )  # fmt: skip
    assert "cannot confine a decoder" in json.loads(done.stdout)["error"]["message"]
    assert (tmp_path / "b").read_bytes() == b""
    finding = findings.decoder("there is no filter for linux on another")
    assert finding.level == "note" and "refused" in finding.advice and "another" in finding.fact


@linux
def test_the_doctor_finds_it_confined_here() -> None:
    assert probes.confinement() is None
    assert findings.decoder(None).level == "good"


def test_built_in_sounds_need_no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: Any, **__: Any) -> None:
        raise AssertionError("a decoder was asked")

    monkeypatch.setattr(preparing, "prepare", never)
    tones.announcement_pcm.cache_clear()
    assert len(tones.announcement_pcm(8000)) > 8000
