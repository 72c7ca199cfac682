"""PostgreSQL away and back: never a 500, no sound missing, nothing acknowledged is lost."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from calling import models
from calling.machine import inputs
from tests.e2e import callers
from tests.e2e.relay import Relay, test_database
from tests.e2e.workers import WorkerProcess
from tests.faults.web_client import ask
from tests.media.phones import Phone
from tests.support.fake_worker import SCRIPT
from tests.support.people import Cast
from tests.support.rest_client import basic

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.timing]

# longer than the five seconds for which a request waits for a connection
OUTAGE_SECONDS = 7.0


class Crowd:
    """Clients that ask for lists and dial without end, and count what they are answered."""

    def __init__(self, port: int, cast: Cast) -> None:
        self.port, self.key = port, basic(cast.project.id, cast.api_token)
        self.statuses: Counter[int] = Counter()
        self.made: list[str] = []
        self.without_retry_after = 0
        self.ended = threading.Event()
        work = (self.read, self.dial, self.read)
        self.threads = [threading.Thread(target=self.repeat, args=(each,), daemon=True) for each in work]

    def __enter__(self) -> Crowd:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join(15)

    def repeat(self, work: Callable[[], None]) -> None:
        while not self.ended.wait(0.1):
            work()

    def read(self) -> None:
        self.count(ask(self.port, self.key, "GET", "/api/calls").status)

    def dial(self) -> None:
        body = {"from": "/private/alice", "to": "/private/bob", "script": SCRIPT}
        answer = ask(self.port, self.key, "POST", "/api/calls", body)
        self.count(answer.status)
        if answer.status == 201:
            self.made.append(answer.body["id"])
        elif answer.status == 503 and "retry-after" not in answer.headers:
            self.without_retry_after += 1

    def count(self, status: int) -> None:
        self.statuses[status] += 1


def stored(ids: list[str]) -> int:
    return models.Call.objects.filter(pk__in=ids).count()


async def test_a_restart_of_postgresql_is_503_for_clients_and_nothing_for_ears(
    cast: Cast,
    web: Callable[..., tuple[subprocess.Popen[bytes], int]],
    start_worker: Callable[..., WorkerProcess],
    sweep: Callable[..., subprocess.Popen[bytes]],
    figure: Callable[[int, int], int],
) -> None:
    alone = Phone(440.0)
    with Relay(os.environ["DATABASE_URL"]) as database:
        url = database.url_for(test_database())
        worker = await callers.in_thread(start_worker, DATABASE_URL=url)
        server, port = await callers.in_thread(web, DATABASE_URL=url)
        sweeps = [sweep(DATABASE_URL=url)]
        call_id = await callers.dial(cast.alice, alone, "/public/echo")
        await callers.hears(alone, 440.0)
        alone.longest_gap = 0.0
        with Crowd(port, cast) as crowd:
            await callers.pause(1)
            for _ in range(figure(1, 10)):
                database.cut()
                if len(sweeps) < 2:
                    sweeps.append(sweep(DATABASE_URL=url))  # one that never saw the workers' beats
                cut = time.monotonic()
                while time.monotonic() - cut < OUTAGE_SECONDS:
                    await callers.pause(0.1)
                    assert alone.hears(440.0)
                database.mend()
                mended, had = time.monotonic(), crowd.statuses[200]
                while crowd.statuses[200] == had:
                    assert time.monotonic() - mended < 10
                    await callers.pause(0.05)
                print(f"PostgreSQL back: first 200 after {time.monotonic() - mended:.2f} s")
                await callers.pause(1)
        print(f"statuses {dict(crowd.statuses)}; longest gap {alone.longest_gap * 1000:.0f} ms")
        assert not {status for status in crowd.statuses if status >= 500 and status != 503}
        assert crowd.statuses[503] and crowd.statuses[200]
        assert not crowd.without_retry_after
        assert await callers.in_thread(stored, crowd.made) == len(crowd.made)
        assert all(process.poll() is None for process in (server, *sweeps, worker.process))
        call = await callers.snapshot(call_id)
        assert (call.state, call.end_reason, call.end_cause) == ("answered", None, None)
        await callers.apply(call_id, inputs.Hangup())
        # the phone's own event loop shares the two cores with everything here: 200 ms and its scheduling
        assert alone.longest_gap < 0.4
    await alone.close()
