"""Webhooks: events a second delivered to a local receiver, and the time from commit to received when idle.

A private PostgreSQL and Valkey, `manage.py sweep`, and a receiver in this process that answers 204 at once.
Events are written as the door writes them, while the sweep is stopped; its rate is from when it goes on to
when the last has come, publication included. To one endpoint, to many, and with one and two sweeps that are
each held to a share of a core. Run alone with `python -m bench.webhooks [--events N] [--calls N]`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

ROOT = Path(__file__).resolve().parent.parent
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
PROMISED_RATE = 2000  # events a second with one sweep
PROMISED_GAIN = 1.7  # of a second sweep
MANY = 50  # endpoints, each of a project of its own
SHARE = 0.25  # of a core, for each sweep that is held
HELD_EVENTS = 3  # so many times fewer of them


class Arrivals:
    """When each webhook-id first came."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}
        self.tries = 0
        self.port = 0
        ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True).start()
        ready.wait(10)

    async def _serve(self, ready: threading.Event) -> None:
        server = await asyncio.get_running_loop().create_server(lambda: _Peer(self), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await server.serve_forever()

    def wait(self, count: int, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while len(self.at) < count:
            if time.monotonic() > deadline:
                raise SystemExit(f"only {len(self.at)} of {count} events came within {seconds:.0f} s")
            time.sleep(0.002)


class _Peer(asyncio.Protocol):
    """As little HTTP as a receiver needs, so that it costs next to nothing."""

    def __init__(self, arrivals: Arrivals) -> None:
        self.arrivals, self.held = arrivals, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.held += data
        while (end := self.held.find(b"\r\n\r\n")) >= 0:
            fields = {}
            for line in self.held[:end].split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                fields[name.strip().lower()] = value.strip()
            size = end + 4 + int(fields.get(b"content-length", b"0"))
            if len(self.held) < size:
                return
            self.held = self.held[size:]
            self.arrivals.tries += 1
            self.arrivals.at.setdefault(fields[b"webhook-id"].decode(), time.monotonic())
            self.transport.write(ANSWER)


def prepare() -> None:
    """A private database with our tables, and Django set up for it."""
    from tests import engines

    for name in ("DATABASE_URL", "REDIS_URL", "CALLWRIGHT_DATA_DIR"):
        os.environ.pop(name, None)
    engines.start()
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def write(projects: list[UUID], streams: list[UUID], sequence: int) -> list[str]:
    """One event of each stream, in one transaction, the projects in turns. Their ids."""
    from django.db import transaction
    from django.utils import timezone

    from calling.calls import event_log

    made = []
    for number, call_id in enumerate(streams):
        filler = {"id": str(call_id), "legs": ["x" * 1000]}  # a call's usual kilobyte and a half
        project_id = projects[number % len(projects)]
        made.append(
            event_log.event(
                project_id,
                str(call_id),
                "call.dtmf",
                {"call": filler},
                timezone.now(),
                sequence=sequence,
                call_id=call_id,
            )
        )
    with transaction.atomic():
        event_log.keep(made)
    return [str(each.event_id) for each in made]


def cpu_seconds(pid: int) -> float:
    """By the process's own clock, which counts finer than its account."""
    return time.clock_gettime(~pid << 3 | 2)


@contextlib.contextmanager
def sweeping(count: int = 1) -> Iterator[list[int]]:
    """So many sweeps; their process ids."""
    made = [
        subprocess.Popen([sys.executable, "manage.py", "sweep"], cwd=ROOT, start_new_session=True)
        for _ in range(count)
    ]
    try:
        yield [each.pid for each in made]
    finally:
        for each in made:
            each.send_signal(signal.SIGCONT)
            each.terminate()
        for each in made:
            each.wait(10)


def tell(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)


def hold(pids: list[int], share: float, over: threading.Event) -> None:
    """Let each process have so much of a core and no more."""
    began, burnt = time.monotonic(), {pid: cpu_seconds(pid) for pid in pids}
    while not over.wait(0.005):
        for pid in pids:
            allowed = burnt[pid] + (time.monotonic() - began) * share
            os.kill(pid, signal.SIGSTOP if cpu_seconds(pid) > allowed else signal.SIGCONT)


def new_projects(arrivals: Arrivals, count: int) -> list[UUID]:
    """Projects with one endpoint each, and no others."""
    from calling import models
    from calling.models.ids import uuid7
    from calling.webhooks.signing import new_secret
    from subscribers.encryption import seal
    from tokens.issue import create_project

    models.WebhookEndpoint.objects.all().delete()
    made = [create_project(f"bench-{uuid7()}").id for _ in range(count)]
    for project_id in made:
        models.WebhookEndpoint.objects.create(
            project_id=project_id,
            url=f"http://127.0.0.1:{arrivals.port}/",
            events=["*"],
            secret=seal(new_secret()),
        )
    return made


def flood(
    arrivals: Arrivals, endpoints: int, events: int, calls: int, sweeps: int = 1, share: float | None = None
) -> tuple[float, float]:
    """(events a second, ms of CPU of the sweeps for each)."""
    from calling.models.ids import uuid7

    projects, streams = new_projects(arrivals, endpoints), [uuid7() for _ in range(calls)]
    with sweeping(sweeps) as pids:
        before = len(arrivals.at)
        write(projects[:1], [uuid7()], 1)
        arrivals.wait(before + 1, 30)
        time.sleep(2.0)  # the others start up too
        tell(pids, signal.SIGSTOP)
        for sequence in range(1, events // calls + 1):
            write(projects, streams, sequence)
        wanted, over = calls * (events // calls), threading.Event()
        before, burnt, started = len(arrivals.at), sum(map(cpu_seconds, pids)), time.monotonic()
        tell(pids, signal.SIGCONT)
        if share is not None:
            threading.Thread(target=hold, args=(pids, share, over), daemon=True).start()
        arrivals.wait(before + wanted, 120)
        took, burnt = time.monotonic() - started, sum(map(cpu_seconds, pids)) - burnt
        over.set()
        time.sleep(0.1)
    return wanted / took, burnt * 1000 / wanted


def waits_of(arrivals: Arrivals) -> list[float]:
    """ms from commit to received, of events that come alone."""
    from calling.models.ids import uuid7

    projects, waits = new_projects(arrivals, 1), []
    with sweeping():
        for number in range(101):
            before = len(arrivals.at)
            (one,) = write(projects, [uuid7()], 1)
            committed = time.monotonic()
            arrivals.wait(before + 1, 30)
            if number:  # the first waits for the sweep to start
                waits.append((arrivals.at[one] - committed) * 1000)
            time.sleep(0.03)
    return sorted(waits)


def measure(events: int, calls: int) -> tuple[list[str], bool]:
    """The lines of the report, and whether the promises hold."""
    arrivals = Arrivals()
    waits = waits_of(arrivals)
    one, cpu = flood(arrivals, 1, events, calls)
    many, cpu_of_many = flood(arrivals, MANY, events, calls)
    alone, _ = flood(arrivals, MANY, events // HELD_EVENTS, calls, 1, SHARE)
    both, _ = flood(arrivals, MANY, events // HELD_EVENTS, calls, 2, SHARE)
    promise = f"(promise {PROMISED_RATE})"
    held = f"webhooks  two sweeps, each held to {SHARE:.0%} of a core: {both:.0f} events/s, "
    held += f"{both / alone:.2f} times one"
    return [
        f"webhooks  load {os.getloadavg()[0]:.1f}, {events} events of {calls} calls",
        f"webhooks  {one:.0f} events/s to one endpoint {promise}, {cpu:.2f} ms CPU of the sweep each",
        f"webhooks  {many:.0f} events/s to {MANY} {promise}, {cpu_of_many:.2f} ms CPU of the sweep each",
        f"{held} (promise {PROMISED_GAIN})",
        f"webhooks  commit to received, idle: p50 {waits[49]:.0f} ms, p99 {waits[98]:.0f} ms",
        f"webhooks  {arrivals.tries - len(arrivals.at)} of {len(arrivals.at)} events came twice",
    ], min(one, many) >= PROMISED_RATE and both >= PROMISED_GAIN * alone


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.webhooks")
    parser.add_argument("--events", type=int, default=12_000)
    parser.add_argument("--calls", type=int, default=1_000)
    chosen = parser.parse_args()
    prepare()
    lines, kept = measure(chosen.events, chosen.calls)
    print("\n".join(lines), flush=True)
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
