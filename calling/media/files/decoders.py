"""The decoder's processes: one for each file, and one that is ready before it is asked for.

To start one takes half a second of a processor, ten times what a short announcement takes to be decoded, and
on a busy machine many times as long. So a worker keeps a spare, which has everything loaded and waits for its
file; it is for whoever has decoded little lately, and others start their own in their own time.
Must not live here: whose turn it is (`turns`), and what the process does (`decoder`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

from calling.media.files.aside import OWN_SESSION, end_process
from calling.runtime.priority import step_back

ROOT: Final = Path(__file__).resolve().parents[3]
AGAIN_SECONDS: Final = 1.0  # after a spare was taken: its file is decoded first


@dataclass(frozen=True)
class Decoder:
    """A process that waits for one file. It ends where this side of its line is closed before that."""

    process: asyncio.subprocess.Process
    line: socket.socket

    def give(self, source: int, target: int, words: Sequence[str]) -> None:
        """Its descriptors of the file and of the draft, and the decoder's arguments. Raises OSError."""
        with self.line:
            socket.send_fds(self.line, [json.dumps(words).encode()], [source, target])

    def end(self) -> None:
        self.line.close()
        end_process(self.process)


async def start() -> Decoder:
    mine, theirs = socket.socketpair()
    try:
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "calling.media.files.decoder_process", cwd=ROOT,
                stdin=theirs.fileno(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
                env={
                    "PATH": os.defpath, "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1",
                    "OPENBLAS_NUM_THREADS": "1",
                },
                **OWN_SESSION,
            )  # fmt: skip
    except BaseException:
        mine.close()
        raise
    step_back(process.pid)
    return Decoder(process, mine)


class Decoders:
    """The decoders of one event loop."""

    def __init__(self) -> None:
        self._kept = False
        self._spare: Decoder | None = None
        self._starting: asyncio.Task[None] | None = None

    async def keep_one(self) -> None:
        """From now on have a spare; returns when the first is started."""
        self._kept = True
        await self._start_spare(0.0)

    async def take(self, *, soon: bool) -> Decoder:
        """A decoder of one's own; `soon`: the spare, where there is one."""
        spare = self._spare
        if not soon or spare is None:
            return await start()
        self._spare = None
        self._starting = asyncio.create_task(self._start_spare(AGAIN_SECONDS))
        return spare if spare.process.returncode is None else await start()

    async def _start_spare(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        with contextlib.suppress(OSError):  # no memory, no descriptors: files are decoded without it
            made = await start()
            if self._kept:
                self._spare = made
            else:
                made.end()

    async def close(self) -> None:
        self._kept = False
        if self._starting is not None:
            self._starting.cancel()
        if self._spare is not None:
            spare, self._spare = self._spare, None
            spare.end()
            await spare.process.wait()


_decoders: WeakKeyDictionary[asyncio.AbstractEventLoop, Decoders] = WeakKeyDictionary()


def of_this_loop() -> Decoders:
    return _decoders.setdefault(asyncio.get_running_loop(), Decoders())
