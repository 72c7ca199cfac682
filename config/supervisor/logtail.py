"""Shows on the screen what a process logs as an error, and keeps log files from growing for ever."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import clock

_LARGEST = 20 * 1024 * 1024
_AT_ONCE = 256 * 1024
_QUIET_SECONDS = 60.0
_STARTING = b"the database system is starting up"  # whoever asks asks again


class LogTail:
    """Reads on from where it was in every `*.log` of a directory."""

    def __init__(self, directory: Path, say: Callable[[str], None]) -> None:
        self.directory = directory
        self.say = say
        self.seen: dict[Path, int] = {}
        self.said: dict[str, float] = {}

    def skip_what_is_there(self) -> None:
        """Report only lines that are written from now on."""
        for path in self.directory.glob("*.log"):
            self.seen[path] = path.stat().st_size

    def look(self) -> None:
        """Says new error lines; moves a file of more than 20 MB to `.log.1`."""
        for path in self.directory.glob("*.log"):
            with contextlib.suppress(OSError):
                self._read(path)

    def _read(self, path: Path) -> None:
        size = path.stat().st_size
        start = self.seen.get(path, 0)
        if size < start:
            start = 0
        if size > start:
            with open(path, "rb") as log:
                log.seek(max(start, size - _AT_ONCE))
                chunk = log.read(_AT_ONCE)
            whole = chunk.rfind(b"\n") + 1
            for line in chunk[:whole].splitlines():
                self._say_if_error(path.stem, line)
            start = size - len(chunk) + whole
        if size > _LARGEST:
            # The writers append, so they go on at the new end.
            shutil.copyfile(path, path.with_suffix(".log.1"))
            with open(path, "r+b") as log:
                log.truncate(0)
            start = 0
        self.seen[path] = start

    def _say_if_error(self, name: str, line: bytes) -> None:
        if line.startswith(b"{"):
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict) and entry.get("level") in {"error", "critical"}:
                    cause = str(entry.get("error", "")).strip().splitlines()[-1:]
                    self._say(name, " | ".join([str(entry.get("message")).strip(), *cause]))
        elif (b" FATAL: " in line or b" PANIC: " in line) and _STARTING not in line:
            # without its time and pid, so that ten backends say it once
            self._say(name, re.sub(r"^.* (?=FATAL: |PANIC: )", "", line.decode(errors="replace")))

    def _say(self, name: str, text: str) -> None:
        """One line, and the same one not again within a minute: the log has them all."""
        line = f"{name}: {' '.join(text.split())[:300]}"
        now = clock.monotonic()
        if now - self.said.get(line, -_QUIET_SECONDS) >= _QUIET_SECONDS:
            self.said = {old: at for old, at in self.said.items() if now - at < _QUIET_SECONDS}
            self.said[line] = now
            self.say(line)
