"""Media by URL: fetched through the guard, prepared once, cached under the data directory with validators.

`get(url)` is what `play` uses. A second call for the same URL asks the server whether the file has changed
(its ETag or date); while an answer's max-age lasts, and for 10 s in any case, not even that. The cache is
bounded; the project with most in it loses its least recently used first. Several players of a project wait
for one download.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

from django.conf import settings

import clock
from calling.media.files.prepare import Picture, Unplayable, prepare
from calling.media.files.prepared import NotPrepared, Prepared, open_prepared
from calling.media.files.turns import Ask, Asker, nobody
from calling.outbound_http.client import Client, FetchFailed, client
from calling.outbound_http.url_text import UnsafeUrl

CACHE_BYTES: Final = 2 * 1024**3
FRESH_SECONDS: Final = 10
FETCH_SECONDS: Final = 30.0
MAX_FILE: Final = 100 * 1024 * 1024

MOST_FOR_ONE: Final = 16  # files of one project that are fetched, decoded or wait for it in one worker

Pending = dict[tuple[str, str], asyncio.Task[Prepared]]  # by project and file
_busy: WeakKeyDictionary[asyncio.AbstractEventLoop, Counter[str]] = WeakKeyDictionary()
_pending: WeakKeyDictionary[asyncio.AbstractEventLoop, Pending] = WeakKeyDictionary()


def media_directory() -> Path:
    """Where prepared media lie: `media/` under CALLWRIGHT_DATA_DIR."""
    return Path(settings.DATA_DIR) / "media"


@dataclass
class Library:
    """The cache in one directory, filled by one outbound client (None: the running loop's)."""

    directory: Path
    http: Client | None = None
    room: int = CACHE_BYTES

    async def get(self, url: str, *, picture: Picture = "vp8", ask: Ask = nobody) -> Prepared:
        """The prepared media behind a URL. Raises Unplayable, whose text may be shown; it says nothing about
        what is behind a URL that is not allowed. `ask` tells for whom, where there is something to do."""
        name = hashlib.sha256(f"{picture} {url}".encode()).hexdigest()
        path = self.directory / f"{name}.cwp"
        if (kept := self._fresh(path)) is not None:
            return kept
        asker = await ask()
        # Each project waits for its own: in another's turn it would wait as long as that one has to.
        pending = _pending.setdefault(asyncio.get_running_loop(), {})
        key = (asker.project, name)
        task = pending.get(key)
        if task is None:
            task = asyncio.create_task(self._get(url, picture, asker, path))
            pending[key] = task
            task.add_done_callback(lambda _: pending.pop(key, None))
        return await asyncio.shield(task)

    def _fresh(self, path: Path) -> Prepared | None:
        """What is in the cache and need not be asked for again."""
        known = _known(path)
        if known and clock.time() < known.get("fresh_until", 0):
            with contextlib.suppress(NotPrepared, OSError):
                return self._open(path)
        return None

    async def _get(self, url: str, picture: Picture, asker: Asker, path: Path) -> Prepared:
        notes = path.with_suffix(".json")
        known = _known(path)
        busy = _busy.setdefault(asyncio.get_running_loop(), Counter())
        if busy[asker.project] >= MOST_FOR_ONE:
            raise Unplayable("the project is fetching and decoding too many files")
        busy[asker.project] += 1
        try:
            return await self._bring(url, picture, asker, path, notes, known)
        finally:
            busy[asker.project] -= 1
            if not busy[asker.project]:
                del busy[asker.project]

    async def _bring(
        self, url: str, picture: Picture, asker: Asker, path: Path, notes: Path, known: dict[str, Any]
    ) -> Prepared:
        """Fetch and decode what is not here, or not surely the newest."""
        self.directory.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=self.directory, prefix=".fetch-")
        try:
            status, validators = await self._fetch(url, handle, known)
            os.close(handle)
            handle = -1
            if status == 304:
                with contextlib.suppress(NotPrepared, OSError):
                    opened = self._open(path)
                    _note(notes, {**known, **validators})
                    return opened
                raise Unplayable("the file could not be fetched")
            await prepare(Path(draft), path, picture=picture, asker=asker)
            _note(notes, {**validators, "project": asker.project})
            await asyncio.to_thread(self._prune, path)
            return self._open(path)
        except OSError as problem:
            raise Unplayable("the file could not be stored") from problem
        except NotPrepared:
            raise Unplayable("the file could not be decoded") from None
        finally:
            if handle >= 0:
                os.close(handle)
            with contextlib.suppress(OSError):
                os.unlink(draft)

    def _open(self, path: Path) -> Prepared:
        opened = open_prepared(path)
        os.utime(path)
        return opened

    async def _fetch(self, url: str, handle: int, known: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        headers = {"Accept": "audio/*, video/*, */*;q=0.1"}
        if known.get("etag"):
            headers["If-None-Match"] = known["etag"]
        elif known.get("date"):
            headers["If-Modified-Since"] = known["date"]

        async def keep(piece: bytes) -> None:
            os.write(handle, piece)

        try:
            http = self.http or client()
            answer = await http.fetch(
                url,
                headers=headers,
                purpose="media",
                max_bytes=MAX_FILE,
                total_timeout=FETCH_SECONDS,
                sink=keep,
            )
        except UnsafeUrl as problem:
            raise Unplayable(str(problem)) from None
        except FetchFailed as problem:
            raise Unplayable(f"the file could not be fetched: {problem}") from None
        if answer.status not in (200, 304) or (answer.status == 304 and not known):
            raise Unplayable(f"the file could not be fetched: status {answer.status}")
        age = re.search(r"max-age=(\d{1,9})", answer.headers.get("cache-control", ""))
        fresh = min(86400, max(FRESH_SECONDS, int(age.group(1)) if age else 0))
        found = {
            "etag": answer.headers.get("etag", "")[:500],
            "date": answer.headers.get("last-modified", "")[:100],
        }
        kept = {name: value for name, value in found.items() if value}
        return answer.status, {**kept, "fresh_until": clock.time() + fresh}

    def _prune(self, keep: Path) -> None:
        """Delete until the cache fits: of the project that has most in it, the least recently used. Files
        being played stay readable while mapped."""
        found = []
        for path in self.directory.glob("*.cwp"):
            with contextlib.suppress(OSError):
                found.append((path.stat().st_mtime, path.stat().st_size, path))
        total = sum(size for _, size, _ in found)
        if total <= self.room:
            return
        held: Counter[str] = Counter()
        shelves: dict[str, list[tuple[float, int, Path]]] = defaultdict(list)
        for each in sorted(found, reverse=True):
            project = str(_notes(each[2].with_suffix(".json")).get("project", ""))
            held[project] += each[1]
            if each[2] != keep:
                shelves[project].append(each)
        while total > self.room and any(shelves.values()):
            project = max((name for name, shelf in shelves.items() if shelf), key=lambda name: held[name])
            _, size, path = shelves[project].pop()
            with contextlib.suppress(OSError):
                path.unlink()
                path.with_suffix(".json").unlink(missing_ok=True)
            total -= size
            held[project] -= size


def _notes(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _known(path: Path) -> dict[str, Any]:
    """What was noted of a prepared file; nothing where the file is gone."""
    return _notes(path.with_suffix(".json")) if path.exists() else {}


def _note(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(values))


async def get(url: str, *, picture: Picture = "vp8", ask: Ask = nobody) -> Prepared:
    """The prepared media behind a URL, from the installation's cache. Raises Unplayable."""
    return await Library(media_directory()).get(url, picture=picture, ask=ask)
