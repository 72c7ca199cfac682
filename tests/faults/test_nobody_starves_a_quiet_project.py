"""Greedy projects decode, dial and deliver all they can: a quiet one's calls are made all the same, and soon.

On a whole instance with one media worker and few legs. Alone and beside them are measured in one run, on a
machine of its own: a call whose media never come up lives for half a minute, and all must be done by then.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import io
import itertools
import json
import os
import socketserver
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import wave
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from bench.instance import Instance
from tests.support.fake_worker import SDP

pytestmark = [
    pytest.mark.processes, pytest.mark.slow, pytest.mark.timing, pytest.mark.family, pytest.mark.timeout(900),
]  # fmt: skip

ENDPOINTS, LONG_SECONDS = 12, 1500
ROUNDS, MOST_MOVED = 5, 2.0
JUDGED = ("dial", "play", "delivery")
LEGS = 60  # of the worker: ten greedy projects want more than this
MAKE = """
import json
import os
from tokens.issue import create_project, issue_api_token
rows = [create_project(f"p{n}") for n in range(COUNT)]
print("made " + json.dumps([[str(row.pk), issue_api_token(row)] for row in rows]))
"""


class Project:
    """One project's key and its one subscriber."""

    def __init__(self, one: Instance, id: str, api_token: str) -> None:
        self.one, self.numbers, self.refused = one, itertools.count(), Counter[int]()
        self.key = "Basic " + base64.b64encode(f"{id}:{api_token}".encode()).decode()
        made = self.ask("POST", "/api/fabric/subscribers/tokens", {"reference": "alice"})
        self.bearer = f"Bearer {made['token']}"

    def ask(self, method: str, path: str, body: Any = None, *, device: bool = False) -> Any:
        """The answer's JSON. Raises HTTPError."""
        head = {"Authorization": self.bearer if device else self.key, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.one.url + path, data, head, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer) if answer.status != 204 else None

    def dial(self) -> str:
        """The id of a call of a device that is answered; its media never come up."""
        call_id = self.dialled()
        self.until(call_id, lambda call: call["state"] == "answered")
        return call_id

    def dialled(self) -> str:
        """The id of a call that somebody has still to answer."""
        made = self.ask("POST", "/api/calls", {"to": "/public/echo", "sdp": SDP}, device=True)
        return str(made["id"])

    def times(self, call_id: str) -> dict[str, float]:
        """When each type of event of a call first happened, in seconds of the clock."""
        found: dict[str, float] = {}
        for each in self.ask("GET", f"/api/calls/{call_id}/events")["data"]:
            found.setdefault(each["type"], datetime.fromisoformat(each["timestamp"]).timestamp())
        return found

    def until(self, call_id: str, good: Any, seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not good(call := self.ask("GET", f"/api/calls/{call_id}")):
            assert call["state"] != "ended" and time.monotonic() < deadline, json.dumps(call)
            time.sleep(0.05)

    def play(self, call_id: str, url: str) -> str:
        body = {"play": [{"type": "audio", "params": {"url": f"{url}?{next(self.numbers)}"}}]}
        return str(self.ask("POST", f"/api/calls/{call_id}/play", body)["control_id"])

    def until_told(self, call_id: str, type: str, seconds: float = 60.0) -> None:
        """Until the call's events have one of that type."""
        deadline = time.monotonic() + seconds
        while True:
            events = self.ask("GET", f"/api/calls/{call_id}/events")["data"]
            types = [each["type"] for each in events]
            if type in types:
                return
            assert time.monotonic() < deadline and "call.ended" not in types, json.dumps(events)
            time.sleep(0.05)


def sound(seconds: float, kind: str) -> bytes:
    out = io.BytesIO()
    if kind == "wav":
        with wave.open(out, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(b"\0\1" * int(8000 * seconds))
        return out.getvalue()
    with av.open(out, "w", format="flac") as container:
        stream: Any = container.add_stream("flac", rate=48000, layout="mono")
        for _ in range(int(seconds)):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 48000), np.int16), "s16", "mono")
            frame.sample_rate = 48000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """`/short` and `/long` are files, `/hook` notes what is delivered, `/tar` never answers."""

    daemon_threads, request_queue_size = True, 512

    def __init__(self) -> None:
        files = {"/short": sound(0.3, "wav"), "/long": sound(LONG_SECONDS, "flac")}
        self.late: list[float] = []  # how long after their time events were delivered, in seconds
        self.fetched = 0.0  # when the quiet project's file was last asked for, in seconds of the clock
        self.held = self.most_held = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                name = self.path.partition("?")[0]
                body = files[name]
                if name == "/short":
                    outer.fetched = time.time()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/tar":
                    outer.held += 1
                    outer.most_held = max(outer.held, outer.most_held)
                    time.sleep(30)
                    outer.held -= 1
                    self.close_connection = True
                    return
                happened = datetime.fromisoformat(json.loads(body)["timestamp"])
                outer.late.append(time.time() - happened.timestamp())
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing is said."""

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Waits:
    """How long each step took, in seconds: what is judged, and the parts that say where it was waited."""

    def __init__(self) -> None:
        self.found: dict[str, list[float]] = defaultdict(list)

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.found[name].append(time.monotonic() - began)

    def medians(self) -> dict[str, float]:
        return {name: statistics.median(values) for name, values in self.found.items()}


def measured(quiet: Project, server: Server, rounds: int) -> dict[str, float]:
    """Medians in seconds of what the quiet project waits for, and of the parts of that."""
    waits = Waits()
    server.late.clear()
    for _ in range(rounds):
        with waits.of("dial"):
            with waits.of("dial: its request"):
                call_id = quiet.dialled()
            quiet.until(call_id, lambda call: call["state"] == "answered")
        with waits.of("play"):
            with waits.of("play: its request"):
                quiet.play(call_id, f"{server.url}/short")
            quiet.until_told(call_id, "play.finished")
        with waits.of("any request"):
            times = quiet.times(call_id)
        waits.found["dial: until it was answered"].append(times["call.answered"] - times["call.created"])
        waits.found["play: until a worker had it"].append(server.fetched - times["call.answered"])
        waits.found["play: fetched, decoded, heard"].append(times["play.finished"] - server.fetched)
        with waits.of("20 ms of a processor"):
            busy_until = time.thread_time() + 0.02
            while time.thread_time() < busy_until:
                pass
        quiet.ask("POST", f"/api/calls/{call_id}/hangup", {})
        time.sleep(1)
    deadline = time.monotonic() + 60
    while len(server.late) < 5 * rounds and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(server.late) >= 5 * rounds, "its events are delivered"
    waits.found["delivery"] = list(server.late)
    return waits.medians()


def processor_seconds(parent: int) -> Counter[str]:
    """What the instance's processes have used so far, by what they are; "machine": what everybody has."""
    tick, found, family = os.sysconf("SC_CLK_TCK"), Counter[str](), {parent}
    stats = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            name, _, rest = (place / "stat").read_text().partition("(")[2].rpartition(")")
            words = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            numbers = rest.split()
            stats.append(
                (int(place.name), int(numbers[1]), sum(map(int, numbers[11:15])) / tick, name, words)
            )
    while more := {pid for pid, above, *_ in stats if above in family} - family:
        family |= more
    for pid, _, used, name, words in stats:
        if pid in family:
            kinds = ("media-", "config.serve", "sweep", "supervisor", "tasks@", "beat", "decoder")
            found[next((kind for kind in kinds if kind in words), name)] += used
    user, nice, system, *_ = map(int, Path("/proc/stat").read_text().split()[1:5])
    found["machine"] = (user + nice + system) / tick
    return found


@contextmanager
def greedy(projects: list[Project], server: Server, seconds: float) -> Iterator[None]:
    """Each dials and plays a long file again and again, and a dozen endpoints of its own never answer."""
    ended = threading.Event()

    def one(project: Project) -> None:
        for _ in range(ENDPOINTS):
            project.ask("POST", "/api/webhooks", {"url": f"{server.url}/tar", "events": ["*"]})
        while not ended.is_set():
            try:
                call_id = project.dial()
                for _ in range(3):
                    project.play(call_id, f"{server.url}/long")
            except urllib.error.HTTPError as error:
                project.refused[error.code] += 1
            except (AssertionError, OSError):
                project.refused[0] += 1
            ended.wait(4)

    threads = [threading.Thread(target=one, args=(project,), daemon=True) for project in projects]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join(60)


@pytest.mark.soak_only
def test_ten_greedy_projects_move_a_quiet_one_by_two_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    many, rounds, seconds = 10, ROUNDS, 20
    server = Server()
    with Instance(CALLWRIGHT_MEDIA_LEGS=str(LEGS)) as one:
        made = subprocess.run(
            [sys.executable, "manage.py", "shell", "-c", MAKE.replace("COUNT", str(many + 1))],
            env=one.environment, capture_output=True, text=True, timeout=240, check=True,
        )  # fmt: skip
        rows = json.loads(made.stdout.partition("made ")[2])
        print("rows", rows[0][0])
        quiet, *others = [Project(one, *row) for row in rows]
        quiet.ask("POST", "/api/webhooks", {"url": f"{server.url}/hook", "events": ["*"]})
        measured(quiet, server, 1)
        alone = measured(quiet, server, rounds)
        with greedy(others, server, seconds):
            assert one.process is not None
            before, began = processor_seconds(one.process.pid), time.monotonic()
            try:
                beside = measured(quiet, server, rounds)
            finally:
                spent = processor_seconds(one.process.pid)
                spent.subtract(before)
                took = time.monotonic() - began
                cores = {name: round(used / took, 2) for name, used in spent.most_common()}
                print("\ncores used:", {name: used for name, used in cores.items() if used >= 0.01})
        refused = sum((project.refused for project in others), Counter[int]())
    with capsys.disabled():
        for name in alone:
            print(f"\n{name:30} alone {alone[name]:6.2f} s, beside {many} {beside[name]:6.2f} s", end="")
        print(f"\nthe greedy ones: refused {dict(refused)}, tries held {server.most_held}")
    assert not {code for code in refused if code >= 500 and code != 503}
    assert all(beside[name] - alone[name] <= MOST_MOVED for name in JUDGED), (alone, beside)
