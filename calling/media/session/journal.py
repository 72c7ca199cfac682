"""Signals kept on disk while PostgreSQL is unavailable, so that a worker that dies then loses none of them.

One file per worker process in the data directory, locked while its process lives, fsynced per write and
bounded. SDP is never written: a description of a dead worker is worth nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from calling.machine import inputs

MAX_BYTES = 4 * 1024 * 1024
KEPT: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        inputs.SessionTaken,
        inputs.MediaConnected,
        inputs.MediaFailed,
        inputs.MediaLost,
        inputs.DigitReceived,
        inputs.ScriptRunEnded,
        inputs.WorkerLost,
    )
}
Entry = tuple[str, int, str, Any]  # session id, epoch, call id, input


class Journal:
    """Append-only; `clear` once everything in it was delivered."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.size = os.fstat(self._fd).st_size

    def append(self, entries: list[Entry]) -> None:
        """Write what is worth keeping; beyond the bound nothing more is kept on disk."""
        lines = [line(entry) for entry in entries if type(entry[3]).__name__ in KEPT]
        data = "".join(lines).encode()
        if not data or self.size + len(data) > MAX_BYTES:
            return
        os.write(self._fd, data)
        os.fsync(self._fd)
        self.size += len(data)

    def clear(self) -> None:
        if self.size:
            os.ftruncate(self._fd, 0)
            os.fsync(self._fd)
            self.size = 0

    def close(self) -> None:
        """Forget the file if nothing is left in it."""
        if self.size == 0:
            with contextlib.suppress(OSError):
                self.path.unlink()
        os.close(self._fd)


def line(entry: Entry) -> str:
    session, epoch, call, value = entry
    words = {"session": session, "epoch": epoch, "call": call, "input": type(value).__name__}
    return json.dumps(words | {"fields": asdict(value)}) + "\n"


def leftovers(directory: Path) -> Iterator[tuple[Path, list[Entry]]]:
    """Journals of workers that are gone, with their entries; torn or foreign lines are passed over."""
    for path in sorted(directory.glob("*.jsonl")) if directory.is_dir() else []:
        try:
            handle = path.open("rb")
        except OSError:
            continue
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue  # its worker lives
            entries: list[Entry] = []
            for text in handle.read(MAX_BYTES).splitlines():
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    words = json.loads(text)
                    value = KEPT[words["input"]](**words["fields"])
                    entries.append((str(words["session"]), int(words["epoch"]), str(words["call"]), value))
            yield path, entries
