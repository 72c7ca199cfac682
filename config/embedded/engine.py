"""An embedded server: as which user it runs and from which binaries.

Lives here: what PostgreSQL and Valkey have in common. Starting and stopping one is the supervisor's.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from config.process import Owner


class EngineError(Exception):
    """An engine that cannot be prepared or does not come up; `str()` is the one line to print."""


# Users of nothing else, by number alone: `nobody` is what half a machine runs as. Numbers that neither Debian
# nor systemd gives to anybody (60706 to 61183); 60811 is the decoder's of media files.
OWNERS: Final = {"postgres": Owner(60812, 60812), "valkey": Owner(60813, 60813)}


def engine_owner(name: str) -> Owner | None:
    """The user an engine runs as when we are root; None where we are unprivileged ourselves."""
    return OWNERS[name] if os.geteuid() == 0 else None


def take_over(path: Path, owner: Owner | None) -> None:
    """Gives a tree to `owner`, where it was another's: older versions ran engines as `nobody`."""
    if owner is None or not path.exists() or path.stat().st_uid == owner.uid:
        return
    for top, directories, files in os.walk(path):
        for name in (*directories, *files):
            os.chown(os.path.join(top, name), owner.uid, owner.gid, follow_symlinks=False)
    # Last: a start that is interrupted finds the tree another's, and begins again.
    os.chown(path, owner.uid, owner.gid)


def reachable(path: Path, owner: Owner | None) -> bool:
    """Whether `owner` may traverse every directory from / down to `path` and enter it."""
    if owner is None:
        return True
    path = path.resolve()
    for directory in (path, *path.parents):
        status = directory.stat()
        bit = 0o001
        if status.st_uid == owner.uid:
            bit = 0o100
        elif status.st_gid == owner.gid:
            bit = 0o010
        if not status.st_mode & bit:
            return False
    return True


def own(path: Path, owner: Owner | None, mode: int = 0o700) -> Path:
    """Makes a directory that only `owner` (or we, where None) may enter."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    if owner is not None:
        try:
            os.chown(path, owner.uid, owner.gid)
        except OSError as error:
            raise EngineError(f"root may not give {path} to user {owner.uid}: {error.strerror}") from None
    return path


def runnable(program: Path, owner: Owner | None, copies: Path, parts: Sequence[Path]) -> Path:
    """`program`, or a copy of it under `copies` where `owner` cannot reach the installed one.

    `parts` are the files and directories to copy, all below one parent that keeps their relative places.
    """
    if reachable(program.parent, owner):
        return program
    top = Path(os.path.commonpath([str(p) for p in (*parts, program.parent)]))
    target = copies / program.relative_to(top)
    if _is_copy(target, program):
        return target
    shutil.rmtree(copies, ignore_errors=True)
    copies.mkdir(parents=True)
    # The program itself comes last: it exists only in a complete copy.
    for part in sorted(parts, key=lambda p: p == program):
        place = copies / part.relative_to(top)
        place.parent.mkdir(parents=True, exist_ok=True)
        if part.is_dir():
            shutil.copytree(part, place, symlinks=True)
        else:
            shutil.copy2(part, place)
    # Whoever installs with a umask of 077 has packages that nobody else may read.
    for path in (copies, *copies.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    return target


def _is_copy(target: Path, program: Path) -> bool:
    """Whether `target` is a copy of `program` as it is now, and for everybody."""
    if not target.exists():
        return False
    copy = target.stat()
    return copy.st_mtime_ns == program.stat().st_mtime_ns and copy.st_mode & 0o005 == 0o005
