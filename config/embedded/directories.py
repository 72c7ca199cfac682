"""Prepares the ground for the engines: their directory, its owner, the directory of their sockets."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import clock
from config.embedded import paths
from config.embedded.engine import EngineError, own, reachable
from config.process import Owner

_ELSEWHERE = Path("/var/lib/callwright")


def prepare(data_dir: Path, owner: Owner | None, name: str = "") -> Path:
    """Creates the data directory and the engines' directory in it; returns the latter.

    `name`: the engine that is to have a directory for its socket.

    As root the engines' users must be able to pass through: the data directory itself gets `x` for others
    (its files stay private). Above it no permission is touched: where the way is closed (a clone under
    /root), the engines' files go to /var/lib/callwright/<id> and a pointer file in the data directory
    says so.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    if owner is not None and not data_dir.stat().st_mode & 0o001:
        data_dir.chmod(stat.S_IMODE(data_dir.stat().st_mode) | 0o011)
    pointer = data_dir / paths.POINTER
    if not pointer.exists() and not reachable(data_dir, owner):
        target = _ELSEWHERE / clock.new_id().hex
        target.mkdir(parents=True)
        for passed in (target, _ELSEWHERE):
            passed.chmod(0o711)
        if not reachable(target, owner):
            raise EngineError(f"the engines reach neither {data_dir} nor {target}: set DATABASE_URL")
        pointer.write_text(f"{target}\n")
    directory = paths.engines_directory(data_dir)
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o711 if owner is not None else 0o700)
    _sockets(data_dir, owner, name)
    return directory


def _sockets(data_dir: Path, owner: Owner | None, name: str) -> None:
    directory = paths.socket_directory(data_dir)
    if len(os.fsencode(directory)) > paths.LONGEST_SOCKET_DIRECTORY or not directory.parent.exists():
        # mkdtemp: a name nobody can have prepared for us.
        directory = Path(tempfile.mkdtemp(prefix="callwright-"))
        (data_dir / paths.SOCKETS_POINTER).write_text(f"{directory}\n")
    # Ours, and each engine's socket in a directory of its own: the one cannot stand in for the other.
    directory.mkdir(exist_ok=True)
    if owner is not None and directory.stat().st_uid != os.geteuid():
        os.chown(directory, os.geteuid(), os.getegid())  # an older version's
    directory.chmod(0o711 if owner is not None else 0o700)
    _check(directory, os.geteuid())
    if name:
        _check(own(directory / name, owner), owner.uid if owner is not None else os.geteuid())


def _check(directory: Path, uid: int) -> None:
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != uid:
        raise EngineError(f"{directory} belongs to someone else: choose another CALLWRIGHT_DATA_DIR")
