"""Builds the forwarding loop's library: `python -m calling.media.loop.build`. Needs a C compiler alone.

The library knows nothing of Python, so its headers are not needed; its name bears a digest of the sources,
so another version of them is another file. Where it cannot be built media workers forward in Python. Only the
standard library may be imported here: this runs when the packages have just been installed.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

SOURCES = Path(__file__).parent / "src"
FLAGS = (
    "-std=c11", "-O2", "-fPIC", "-shared", "-pthread", "-fstack-protector-strong", "-U_FORTIFY_SOURCE",
    "-D_FORTIFY_SOURCE=2", "-Wl,-z,relro,-z,now",
)  # fmt: skip
SECONDS = 120.0  # for a compiler that hangs


def sources() -> list[Path]:
    return sorted(SOURCES.glob("*.[ch]"))


def place() -> Path:
    """Where the library of these sources is, built or not: beside the interpreter's packages."""
    digest = hashlib.sha256(" ".join((*FLAGS, platform.machine(), *platform.libc_ver())).encode())
    for source in sources():
        digest.update(source.name.encode() + source.read_bytes())
    return Path(sys.prefix) / "lib" / "callwright" / f"media-loop-{digest.hexdigest()[:16]}.so"


def why_not() -> str | None:
    """None where the library can be loaded, else why not."""
    if sys.platform != "linux":
        return "it takes Linux"
    target = place()
    if not target.exists():
        return "it was not built: there was no C compiler, or it failed"
    try:
        ctypes.CDLL(str(target))
    except OSError as error:
        return str(error)
    return None


def compiler() -> list[str] | None:
    """The command of a C compiler, None without one."""
    named = shlex.split(os.environ.get("CC", ""))
    if named:
        return named
    return next(([found] for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)


def compile_to(target: Path, command: Sequence[str], flags: Sequence[str] = FLAGS) -> str | None:
    """Build the library; what the compiler complained of, None if it did not."""
    files = [str(source) for source in sources() if source.suffix == ".c"]
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        fresh = Path(folder) / target.name
        try:
            done = subprocess.run(
                [*command, *flags, "-o", str(fresh), *files], capture_output=True, text=True, timeout=SECONDS
            )
        except (OSError, subprocess.SubprocessError) as error:
            return str(error)
        if done.returncode != 0:
            return done.stderr.strip() or f"{command[0]} failed"
        try:
            ctypes.CDLL(str(fresh))
        except OSError as error:
            return str(error)
        os.replace(fresh, target)
    return None


def main() -> int:
    if sys.platform != "linux":
        return 0
    target = place()
    if target.exists():
        return 0
    command = compiler()
    if command is None:
        print("Media are forwarded in Python: there is no C compiler (on Debian: apt install gcc libc6-dev).")
        return 0
    try:
        problem = compile_to(target, command)
    except OSError as error:
        problem = str(error)
    if problem is not None:
        print(f"Media are forwarded in Python: {problem.splitlines()[0][:200]}", file=sys.stderr)
        return 0
    print("Built the forwarding loop of media workers.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
