"""`callwright`: the commands that a developer types, against an instance over HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from django.core.handlers.wsgi import WSGIHandler
from standardwebhooks import Webhook

from calling.calls import control
from calling.webhooks import publish
from tests.support import fake_worker, rest_client
from tests.support.people import Cast, make_cast
from tests.support.wait import wait_for
from tests.webhooks.receivers import Receiver

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 20.0


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_address = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


class Instance:
    """The REST API on a port of its own, which stays the same when it stops and starts."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start()

    def start(self) -> None:
        self.server = make_server("127.0.0.1", self.port, WSGIHandler(), _Server, _Quiet)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def instance(transactional_db: None) -> Iterator[Instance]:
    made = Instance()
    yield made
    made.stop()


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def environment(cast: Cast, instance: Instance) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CALLWRIGHT_")}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "CALLWRIGHT_URL": f"http://127.0.0.1:{instance.port}",
        "CALLWRIGHT_API_KEY": f"{cast.project.id}:{cast.api_token}",
    }


def callwright(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "clients.command", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS)


def happen(cast: Cast, *numbers: int) -> None:
    for number in numbers:
        control.record_project_event(cast.project.id, "project.suspended", {"n": number})
    publish.publish_round()


def test_token_prints_a_token_that_works(environment, cast):
    made = callwright(environment, "token", "dave", "--name", "Dave", "--minutes", "5")
    assert made.returncode == 0, made.stderr
    me = rest_client.client("Bearer " + made.stdout.strip()).get("/api/fabric/subscriber/info").json()
    assert me["display_name"] == "Dave"


def test_call_dials_and_says_how_it_went(environment, cast):
    made = callwright(environment, "call", "/private/bob", "--say", "Hello", "--name", "Acme", "--no-follow")
    assert made.returncode == 0, made.stderr
    call = cast.rest.get(f"/api/calls/{made.stdout.strip()}").json()
    assert (call["to"], call["from_name"]) == ("/private/bob", "Acme")
    refused = callwright(environment, "call", "bob@")
    assert refused.returncode == 1 and "callwright:" in refused.stderr and "Traceback" not in refused.stderr


def test_call_follows_to_the_end_and_tells_by_its_exit_status(environment, cast):
    fake_worker.online(cast.bob)
    command = [sys.executable, "-m", "clients.command", "--json", "call", "/private/bob"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        wait_for(lambda: cast.rest.get("/api/calls").json()["data"])
        (call,) = cast.rest.get("/api/calls").json()["data"]
        fake_worker.carry(call["id"])
        assert cast.bob.rest.post(f"/api/calls/{call['id']}/reject").status_code == 200
        publish.publish_round()
        assert process.stdout is not None
        types = [json.loads(line)["type"] for line in process.stdout]
    assert types[0] == "call.created" and types[-1] == "call.ended"
    assert process.returncode == 1, "nobody answered"


def test_events_are_listed_and_filtered(environment, cast):
    happen(cast, 1, 2)
    call_id = fake_worker.talking(cast)
    publish.publish_round()
    everything = callwright(environment, "events", "--json").stdout.splitlines()
    assert {json.loads(line)["event"]["type"] for line in everything} > {"project.suspended", "call.answered"}
    of_call = callwright(environment, "events", "list", "--json", "--call", call_id).stdout.splitlines()
    assert 0 < len(of_call) < len(everything)
    some = callwright(environment, "events", "--type", "project.*").stdout.splitlines()
    assert len(some) == 2 and all("project.suspended" in line for line in some)
    cursor = json.loads(everything[0])["cursor"]
    rest = callwright(environment, "events", "--after", cursor, "--type", "project.*").stdout.splitlines()
    assert len(rest) == 1


@pytest.mark.timing
def test_listen_signs_what_it_forwards_and_a_restart_loses_nothing(environment, cast, instance):
    happen(cast, 0)
    receiver = Receiver(lambda number, headers, body: 500 if number == 2 else "ok")
    command = [sys.executable, "-m", "clients.command", "listen", "--json", "--forward-to", receiver.url]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None and process.stdout is not None
        told = [process.stderr.readline() for _ in range(3)]
        secret = told[1].strip()
        assert secret.startswith("whsec_")
        happen(cast, 1, 2)
        wait_for(lambda: len(receiver.got) >= 2)
        instance.stop()
        happen(cast, 3, 4, 5)
        time.sleep(1.5)  # long enough for a request that fails
        assert len(receiver.got) == 2
        instance.start()
        happen(cast, 6)
        wait_for(lambda: len(receiver.got) >= 6)
        shown = [json.loads(process.stdout.readline()) for _ in range(6)]  # told after the answer
        process.terminate()
    for got in receiver.got:
        Webhook(secret).verify(got.body, got.headers)
    assert [got.json["data"]["n"] for got in receiver.got] == [1, 2, 3, 4, 5, 6]
    assert [each["event"]["data"]["n"] for each in shown] == [1, 2, 3, 4, 5, 6]
    assert sum(each["answer"].startswith("500") for each in shown) == 1
    receiver.close()


def test_init_writes_secrets_that_only_the_owner_reads_and_never_over_others(environment, tmp_path):
    path = tmp_path / "here" / ".env"
    arguments = (
        "init",
        "--domain",
        "calls.example.com",
        "--media-ip",
        "10.0.0.2/192.0.2.7",
        "--file",
        str(path),
    )
    assert callwright(environment, *arguments).returncode == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = dict(line.split("=", 1) for line in path.read_text().splitlines())
    wanted = [
        line.split("=")[0]
        for line in (ROOT / "docker/.env.example").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert sorted(first) == sorted(wanted), "every variable of the example, and no other"
    assert first["PUBLIC_IP"] == "192.0.2.7" and all(first.values())
    again = callwright(environment, *arguments)
    assert again.returncode == 2 and "already exists" in again.stderr
    assert dict(line.split("=", 1) for line in path.read_text().splitlines()) == first


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("listen", "--forward-to", "laptop"), "--forward-to is"),
        (("listen", "--forward-to", "http://127.0.0.1:9/", "--secret", "whsec_!"), "whsec_ and base64"),
        (("events", "--after", "yesterday"), "cursor"),
        (("events", "--type", "calls.*"), "unknown_parameter"),
        (("--url", "ftp://x", "events"), "no http://"),
        (("--url", "http://127.0.0.1:9", "events"), "cannot be reached: Connection refused. Is it running?"),
        (("events", "--call", "the last one"), "--call is the id of a call"),
        (("token", ""), "reference: This field may not be blank."),
        (("--key", "x:y", "events"), "(unauthorized)"),
        (("init", "--domain", "a b"), "no host name"),
        (("init", "--media-ip", "10.0.0.2/here"), "--media-ip is the address"),
        (("--url", "http://[::1", "events"), "no http://"),
        (("--url", "http://a b/", "events"), "no http://"),
        (("--url", "http://127.0.0.1:99999", "events"), "no http://"),
        (("listen", "--forward-to", "http://[::1"), "--forward-to is"),
        (("listen", "--forward-to", "http://127.0.0.1:9/", "--after", "x"), "--after is a cursor"),
        (("call", "/public/tone", "--connect", ""), "connect"),
        (("call", "/public/tone", "--say", ""), "script"),
        (("call", "/public/tone", "--play", ""), "script"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(environment, arguments, words):
    answer = callwright(environment, *arguments)
    assert answer.returncode in (1, 2)
    last = answer.stderr.strip().splitlines()[-1]
    assert last.startswith("callwright: ") and words in last, answer.stderr


class Stranger:
    """A server that is no Callwright: it reads a request and says the same to everybody."""

    def __init__(self, words: bytes) -> None:
        self.words = words
        self.door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.door.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self.door.accept()
            except OSError:
                return
            with caller, contextlib.suppress(OSError):  # it may have gone
                caller.recv(65536)
                caller.sendall(self.words)


def answer(body: bytes, status: str = "200 OK", length: int | None = None) -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n".encode()
        + body
    )


STRANGE = {
    "a server of another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a page": answer(b"<html>"),
    "no text": answer(b"\xff\xfe"),
    "JSON of somebody else": answer(b'{"hello": 1}'),
    "a list": answer(b"[]"),
    "an answer that is cut off": answer(b"{", length=100),
    "pieces without a size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a redirect": answer(b"", "301 Moved\r\nLocation: https://calls.example.com/api"),
}


@pytest.mark.parametrize("what", STRANGE)
@pytest.mark.parametrize(
    "arguments", [("events",), ("token", "dave"), ("call", "/public/tone")], ids=lambda a: a[0]
)
def test_a_server_that_is_no_callwright_is_named(tmp_path, arguments, what):
    stranger = Stranger(STRANGE[what])
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CALLWRIGHT_API_KEY": "a:b"}
    told = callwright(environment, "--url", stranger.url, *arguments)
    stranger.door.close()
    (line,) = told.stderr.splitlines()
    assert told.returncode == 1 and line.startswith(f"callwright: {stranger.url} "), told.stderr
    assert ("https://calls.example.com:" in line) == (what == "a redirect")


def test_the_output_may_be_full_closed_or_ascii(environment, cast):
    happen(cast, 1)
    words = [sys.executable, "-m", "clients.command"]
    listing = shlex.join([*words, "events"])
    for command, status, said in (
        (f"{listing} >/dev/full", 1, "callwright: the output cannot be written: No space left on device"),
        (f"{shlex.join([*words, 'completion', 'bash'])} >/dev/full", 1, "No space left on device"),
        (f"{listing} >&-", 0, ""),
    ):
        told = subprocess.run(
            ["sh", "-c", command], env=environment, capture_output=True, text=True, timeout=SECONDS
        )
        assert told.returncode == status and told.stderr.count("\n") == (1 if said else 0), told.stderr
        assert said in told.stderr
    ascii_alone = {**environment, "PYTHONIOENCODING": "ascii"}
    told = callwright(ascii_alone, "--url", "http://127.0.0.1:9/ü", "events")
    assert told.returncode == 2 and r"\xfc is no http://" in told.stderr, told.stderr


def test_without_credentials_it_says_what_to_set(environment, tmp_path):
    bare = {**environment, "CALLWRIGHT_DATA_DIR": str(tmp_path)}
    del bare["CALLWRIGHT_API_KEY"]
    answer = callwright(bare, "events")
    assert answer.returncode == 2 and "CALLWRIGHT_API_KEY" in answer.stderr


def test_credentials_of_this_machines_instance_are_found(environment, cast, tmp_path):
    kept = {"project_id": str(cast.project.id), "api_token": cast.api_token}
    (tmp_path / "credentials.json").write_text(json.dumps(kept))
    bare = {**environment, "CALLWRIGHT_DATA_DIR": str(tmp_path)}
    del bare["CALLWRIGHT_API_KEY"]
    assert callwright(bare, "events").returncode == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command(environment, shell):
    script = callwright(environment, "completion", shell).stdout
    for word in (
        "call",
        "listen",
        "events",
        "token",
        "init",
        "doctor",
        "loadtest",
        "rehearse",
        "speech",
        "forward-to",
    ):
        assert word in script
    if shell == "bash":
        asked = f"{script}\nCOMP_WORDS=(callwright listen --f); COMP_CWORD=2; _callwright; echo $COMPREPLY"
        assert subprocess.check_output(["bash", "-c", asked], text=True).strip() == "--forward-to"
