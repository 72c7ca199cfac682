"""What an instance stores is for its own user alone: the umask of every process, the modes of what is there.

`keep_private` is called by every entry point before it makes a file; `tighten` at each start, for a data
directory that an older version, a backup or a careless copy left open. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

UMASK: Final = 0o077
# Of other users only the engines', where there are some, and they pass through without looking around.
_PASSED_THROUGH: Final = 0o711
_ENGINES: Final = "engines"  # belongs to the engines' users; see config.embedded.directories


def keep_private() -> None:
    """From now on this process, and those it starts, make files and directories for their own user alone."""
    os.umask(UMASK)


def tighten(data_dir: Path) -> int:
    """Takes from group and others what they may do in `data_dir`; returns how many modes were changed.

    Symbolic links are not followed; what is not ours to change is left. A closed directory is not entered:
    nobody gets past it, whatever lies inside. A missing one: 0.
    """
    with contextlib.suppress(OSError):
        most = _PASSED_THROUGH if os.geteuid() == 0 else 0o700
        changed = sum(_tighten(entry) for entry in os.scandir(data_dir) if entry.name != _ENGINES)
        return changed + _close(data_dir, data_dir.stat(), most)
    return 0


def _tighten(entry: os.DirEntry[str]) -> int:
    with contextlib.suppress(OSError):
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            if not status.st_mode & UMASK:
                return 0
            # Inside first: a start that is interrupted finds the directory open, and looks again.
            inside = sum(_tighten(one) for one in os.scandir(entry.path))
            return inside + _close(Path(entry.path), status, 0o700)
        if stat.S_ISREG(status.st_mode):
            return _close(Path(entry.path), status, 0o700)
    return 0


def _close(path: Path, status: os.stat_result, most: int) -> int:
    mode = stat.S_IMODE(status.st_mode)
    if mode & most == mode:
        return 0
    try:
        path.chmod(mode & most)
    except OSError:
        return 0
    return 1
