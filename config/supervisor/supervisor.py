"""The loop: start processes, notice deaths, restart with back-off, stop everything in order and in time.

One thread, woken by signals. Lives here: nothing that knows what the processes are.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import clock
from config.process import Launch, ending, last_line, spawn

# Seconds before the next start of a process that died; one that lived LONG_LIFE starts over.
BACKOFF = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
LONG_LIFE = 30.0
TICK = 0.5


class Stopping(Exception):
    """Raised out of a wait when somebody asked us to stop."""


@dataclass
class Child:
    """One supervised process and its history."""

    launch: Launch
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    restart_at: float | None = None


class Supervisor:
    """Owns the children. `say` prints one line for a human; `each_tick` runs about twice a second."""

    def __init__(self, say: Callable[[str], None], each_tick: Callable[[], None] = lambda: None) -> None:
        self.say = say
        self.each_tick = each_tick
        self.children: list[Child] = []
        self.stop_asked: signal.Signals | None = None
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.setblocking(False)

    def listen_to_signals(self) -> None:
        """Takes SIGINT, SIGTERM and SIGHUP as "stop"; SIGCHLD only wakes the loop."""
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _asked(self, number: int, frame: object) -> None:
        self.stop_asked = signal.Signals(number)

    def start(self, launch: Launch) -> Child:
        """Starts a process that is to run from now on."""
        child = Child(launch)
        self.children.append(child)
        self._spawn(child)
        return child

    def run_once(self, launch: Launch, patience: float) -> int:
        """Runs a process to its end beside the others; returns its status, raises TimeoutError."""
        process = spawn(launch)
        try:
            self.wait_until(lambda: process.poll() is not None, patience, launch.name)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(5)
        return process.returncode

    def wait_until(self, condition: Callable[[], bool], patience: float, what: str) -> None:
        """Keeps everything running until `condition`; raises TimeoutError or Stopping."""
        deadline = clock.monotonic() + patience
        while not condition():
            if clock.monotonic() > deadline:
                raise TimeoutError(f"{what} is not there after {patience:.0f} s")
            self._tick(0.05)
            if self.stop_asked is not None:
                raise Stopping

    def run(self) -> None:
        """Keeps everything running until somebody asks to stop."""
        while self.stop_asked is None:
            self._tick(TICK)

    def _tick(self, patience: float) -> None:
        due = [c.restart_at - clock.monotonic() for c in self.children if c.restart_at is not None]
        with contextlib.suppress(InterruptedError):
            if select.select([self._reader], [], [], max(0.0, min([patience, *due])))[0]:
                with contextlib.suppress(BlockingIOError):
                    self._reader.recv(4096)
        if self.stop_asked is None:
            for child in self.children:
                self._look_after(child)
        self.each_tick()

    def _look_after(self, child: Child) -> None:
        now = clock.monotonic()
        if child.restart_at is not None:
            if now >= child.restart_at:
                self._spawn(child)
            return
        if child.process is None or child.process.poll() is None:
            return
        end_session(child.process)
        child.deaths = 0 if now - child.started > LONG_LIFE else child.deaths
        wait = BACKOFF[min(child.deaths, len(BACKOFF) - 1)]
        child.deaths += 1
        child.restart_at = now + wait
        how = ending(child.process.returncode)
        why = f" ({last_line(child.launch.log)})" if child.deaths > 1 else ""
        pause = f" in {wait:g} s" if wait else ""
        who = f"process {child.launch.name} ({child.process.pid})"
        self.say(f"{who} ended with {how}, restarting{pause}{why}")

    def _spawn(self, child: Child) -> None:
        child.restart_at = None
        child.started = clock.monotonic()
        try:
            child.process = spawn(child.launch)
        except OSError as error:
            child.deaths += 1
            child.restart_at = child.started + BACKOFF[min(child.deaths, len(BACKOFF) - 1)]
            self.say(f"process {child.launch.name} cannot be started: {error}")

    def stop(self, groups: Sequence[tuple[Callable[[Launch], bool], float]]) -> None:
        """Ends the children group by group: `(which, seconds)`; who is not gone by then is killed."""
        for which, patience in groups:
            group = [c.process for c in self.children if c.process is not None and which(c.launch)]
            launches = {c.process: c.launch for c in self.children if c.process is not None}
            deadline = clock.monotonic() + patience
            asked: dict[subprocess.Popen[bytes], float] = {}
            while alive := [p for p in group if p.poll() is None]:
                now = clock.monotonic()
                if now > deadline:
                    break
                for process in alive:
                    launch = launches[process]
                    if process not in asked or (launch.insist and now - asked[process] >= 1.0):
                        process.send_signal(launch.stop_signal)
                        asked[process] = now
                select.select([], [], [], 0.03)
            for process in group:
                if process.poll() is None:
                    self.say(f"process {launches[process].name} ({process.pid}) did not stop in time, killed")
                end_session(process)
                process.wait(2)


def end_session(process: subprocess.Popen[bytes]) -> None:
    """Kills what is left of the process's session: a dead parent's children must not stay behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
