"""Webhooks: events a second delivered to a local receiver, and the time from commit to received when idle.

A private PostgreSQL and Valkey, one `manage.py sweep`, and a receiver that answers 204 at once. Events are
written as the door writes them. Run alone with `python -m bench.webhooks [--events N] [--calls N]`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from uuid import UUID

ROOT = Path(__file__).resolve().parent.parent
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


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


def write(project_id: UUID, streams: list[UUID], sequence: int) -> list[str]:
    """One event of each stream, in one transaction. Their ids."""
    from django.db import transaction
    from django.utils import timezone

    from calling.calls import event_log

    ids = []
    with transaction.atomic():
        for call_id in streams:
            filler = {"id": str(call_id), "legs": ["x" * 1000]}  # a call's usual kilobyte and a half
            row = event_log.append(
                project_id,
                str(call_id),
                "call.dtmf",
                {"call": filler},
                timezone.now(),
                sequence=sequence,
                call_id=call_id,
            )
            ids.append(str(row.event_id))
    return ids


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(events: int, calls: int) -> list[str]:
    """The lines of the report."""
    from calling import models
    from calling.models.ids import uuid7
    from calling.webhooks.signing import new_secret
    from subscribers.encryption import seal
    from tokens.issue import create_project

    arrivals, project = Arrivals(), create_project("bench")
    models.WebhookEndpoint.objects.create(
        project=project,
        url=f"http://127.0.0.1:{arrivals.port}/",
        events=["*"],
        secret=seal(new_secret()),
    )
    sweep = subprocess.Popen([sys.executable, "manage.py", "sweep"], cwd=ROOT, start_new_session=True)
    try:
        write(project.id, [uuid7()], 1)
        arrivals.wait(1, 30)
        waits = []
        for number in range(100):
            (one,) = write(project.id, [uuid7()], 1)
            committed = time.monotonic()
            arrivals.wait(number + 2, 10)
            waits.append((arrivals.at[one] - committed) * 1000)
            time.sleep(0.03)
        waits.sort()
        before, streams = len(arrivals.at), [uuid7() for _ in range(calls)]
        wanted = calls * (events // calls)
        for sequence in range(1, events // calls + 1):
            write(project.id, streams, sequence)
        behind, started = len(arrivals.at) - before, time.monotonic()
        burnt = cpu_seconds(sweep.pid)
        arrivals.wait(before + wanted, 300)
        took, burnt = time.monotonic() - started, cpu_seconds(sweep.pid) - burnt
    finally:
        sweep.terminate()
        sweep.wait(10)
    rate = (wanted - behind) / took
    return [
        f"webhooks  {rate:.0f} events/s delivered ({wanted - behind} waiting of {calls} calls, one endpoint)",
        f"webhooks  {burnt * 1000 / max(1, wanted - behind):.2f} ms CPU of the sweep per event",
        f"webhooks  commit to received, idle: p50 {waits[49]:.0f} ms, p99 {waits[98]:.0f} ms",
        f"webhooks  {arrivals.tries - len(arrivals.at)} of {len(arrivals.at)} events came twice",
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.webhooks")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--calls", type=int, default=1_000)
    chosen = parser.parse_args()
    prepare()
    print("\n".join(measure(chosen.events, chosen.calls)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
