"""An attacker's code inside the decoder opens no file and no socket, and reaches no process: as any user."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
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

HOSTILE = Path(__file__).with_name("hostile.py")
PLAIN = 54321
IMAGE = ROOT / "docker/Dockerfile"
KERNELS = {
    "all the kernel has": (),
    "no namespaces": ("no-namespaces",),
    "neither namespaces nor Landlock": ("no-namespaces", "no-landlock"),
}
# In a mount namespace of its own: the image's root, its first argument, with the machine's programs under it.
ENTER = """
set -e
umask 022
root=$1 user=$2 base=$3 venv=$4
shift 4
for each in /usr "$base"; do mkdir -p "$root$each"; mount --rbind "$each" "$root$each"; done
mount --rbind "$venv" "$root/opt/venv"
for each in /dev /proc; do mount --rbind "$each" "$root$each"; done
exec chroot "$root" setpriv --reuid "$user" --regid "$user" --clear-groups "$@"
"""


def image_user() -> int:
    found = re.search(r"useradd .*--uid (\d+)", IMAGE.read_text())
    assert found and re.search(r"^USER callwright$", IMAGE.read_text(), re.M), "the image runs as a user"
    return int(found[1])


def image_root(root: Path) -> None:
    """What the image's steps copy, into `root`; the machine's own Python and libraries stand for its base."""
    for name in ("opt/venv", "data", "app", "dev", "proc", "tmp", "etc"):
        (root / name).mkdir(parents=True)
    for name in ("bin", "lib", "lib64", "sbin"):
        (root / name).symlink_to(f"usr/{name}")
    stages = re.split(r"^FROM \S+ AS ", IMAGE.read_text(), flags=re.M)
    (system,) = (each for each in stages if each.startswith("system\n"))
    copies = re.findall(r"^COPY (?!--from)(\S+) (\S+)$", system, re.M)
    assert "calling" in {source for source, _ in copies}
    for source, target in copies:
        to = root / ("" if target.startswith("/") else "app") / target.lstrip("/")
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, to, ignore=shutil.ignore_patterns("__pycache__"))
        elif to.parent.is_dir() and target.startswith("./"):
            shutil.copy(ROOT / source, to / source)
    user = image_user()
    (root / "etc/passwd").write_text(f"root:x:0:0::/:/bin/sh\ncallwright:x:{user}:{user}::/data:\n")


def command(tmp_path: Path, user: str, kept: Path) -> list[str]:
    """What runs the hostile code as that kind of user, up to its troubles."""
    if user != "the image's":
        return [sys.executable, str(HOSTILE), str(kept)]
    root = tmp_path / "root"
    image_root(root)
    kept.rename(root / "data/kept")
    shutil.copy(HOSTILE, root / "data/hostile.py")
    subprocess.run(["chmod", "-R", "go+rX", root], check=True)
    os.chown(root / "data", image_user(), image_user())
    python = ["env", "PYTHONPATH=/app", "/opt/venv/bin/python", "/data/hostile.py", "/data/kept"]
    enter = ["unshare", "--mount", "sh", "-c", ENTER, "enter", str(root), str(image_user())]
    return [*enter, sys.base_prefix, sys.prefix, *python]


def attacked(tmp_path: Path, user: str, kernel: str) -> dict[str, Any]:
    kept = tmp_path / "kept"
    kept.write_bytes(b"sound")
    kept.chmod(0o644)
    for directory in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        directory.chmod(0o755)
    troubles = [*KERNELS[kernel], *(["plain"] if user == "a plain user's" else [])]
    started = command(tmp_path, user, kept)
    done = subprocess.run(
        [*started, *troubles], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
        env={"PATH": os.defpath + ":/usr/sbin:/sbin", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    if user == "the image's":
        kept = tmp_path / "root/data/kept"
        assert sorted(path.name for path in kept.parent.iterdir()) == ["hostile.py", "kept"]
    else:
        assert sorted(tmp_path.iterdir()) == [kept]
    assert kept.read_bytes() == b"sound"
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@linux
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("user", ["ours", "a plain user's", "the image's"])
def test_an_attacker_inside_reaches_nothing(tmp_path: Path, kernel: str, user: str) -> None:
    """No file, no socket, no process: whose process it is, and what the kernel lacks, changes nothing.

    As root, "ours" is what root's instance runs; "the image's" is its user in the root file system that its
    steps make.
    """
    if user != "ours" and os.geteuid() != 0:
        pytest.skip("another user, and another root, are for root to enter")
    if user == "the image's" and not may_mount():
        pytest.skip("no mount namespace can be made here")
    found = attacked(tmp_path, user, kernel)
    assert found["done"] == {} and found["allowed"] == [] and found["signalled"] >= 1
    assert found["memory"] and found["code"] == [[-1, 1], [-1, 1]] and found["mapped file"] == [-1, 1]
    assert found["read"] == 5, "what was open stays readable"
    if os.geteuid() == 0:
        whose = {"ours": sandbox.USER, "a plain user's": PLAIN, "the image's": image_user()}
        assert set(found["ids"]) == {whose[user]}


def may_mount() -> bool:
    script = "mount --rbind /usr /mnt && chroot / setpriv --clear-groups true"
    try:
        tried = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, timeout=20)
    except OSError:
        return False
    return tried.returncode == 0


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
    mine, theirs = socket.socketpair()
    with (tmp_path / "a").open("rb") as source, (tmp_path / "b").open("wb") as target, mine:
        words = json.dumps(["wav", "none", "60"]).encode()
        socket.send_fds(mine, [words], [source.fileno(), target.fileno()])
        done = subprocess.run(
            [sys.executable, "-c", UNCONFINABLE], cwd=ROOT, stdin=theirs, capture_output=True, timeout=60
        )
    theirs.close()
    assert "cannot sandbox a decoder" in json.loads(done.stdout)["error"]["message"]
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
