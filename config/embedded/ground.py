"""Prepares the ground for the engines: their directory, its owner, the directory of their sockets."""

from __future__ import annotations

import os
import stat
import tempfile
import uuid
from pathlib import Path

from config.embedded import places
from config.embedded.engine import EngineError, own, reachable
from config.supervisor.launch import Owner

_ELSEWHERE = Path("/var/lib/callwright")


def prepare(data_dir: Path, owner: Owner | None) -> Path:
    """Creates the data directory and the engines' directory in it; returns the latter.

    As root the engines' user must be able to pass through: the data directory itself gets `x` for others
    (its files stay private). Above it no permission is touched: where the way is closed (a clone under
    /root), the engines' files go to /var/lib/callwright/<id> and a pointer file in the data directory
    says so.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    if owner is not None and not data_dir.stat().st_mode & 0o001:
        data_dir.chmod(stat.S_IMODE(data_dir.stat().st_mode) | 0o011)
    pointer = data_dir / places.POINTER
    if not pointer.exists() and not reachable(data_dir, owner):
        target = _ELSEWHERE / uuid.uuid4().hex
        target.mkdir(parents=True, mode=0o755)
        if not reachable(target, owner):
            raise EngineError(f"user `nobody` reaches neither {data_dir} nor {target}: set DATABASE_URL")
        pointer.write_text(f"{target}\n")
    directory = places.engines_directory(data_dir)
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o755)
    _sockets(data_dir, owner)
    return directory


def _sockets(data_dir: Path, owner: Owner | None) -> None:
    directory = places.socket_directory(data_dir)
    if len(os.fsencode(directory)) > places.LONGEST_SOCKET_DIRECTORY or not directory.parent.exists():
        # mkdtemp: a name nobody can have prepared for us.
        directory = Path(tempfile.mkdtemp(prefix="callwright-"))
        (data_dir / places.SOCKETS_POINTER).write_text(f"{directory}\n")
    status = own(directory, owner).lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != (owner.uid if owner else os.geteuid()):
        raise EngineError(f"{directory} belongs to someone else: choose another CALLWRIGHT_DATA_DIR")
