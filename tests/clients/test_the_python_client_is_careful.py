"""`callwright-client`: retries have one effect, webhooks are verified, the package is typed and builds."""

from __future__ import annotations

import asyncio
import base64
import datetime
import json
import os
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "clients" / "python"
sys.path.insert(0, str(PACKAGE / "src"))

from callwright_client import (  # noqa: E402
    ApiError,
    AsyncCallwright,
    Callwright,
    CallwrightError,
    InvalidSignature,
    Unreachable,
    verify,
)
from callwright_client.request import path_of  # noqa: E402

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()
BODY = '{"id":"e1","type":"call.ended","timestamp":"2026-11-21T06:13:45Z","data":{"name":"王"}}'


class Scripted(ThreadingHTTPServer):
    """Answers with the given (status, headers, body) one after the other, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self, *answers: tuple[int, dict[str, str], object]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = list(answers)
        self.got: list[tuple[str, str, dict[str, str], bytes]] = []
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Scripted

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.got.append((self.command, self.path, headers, body))
        status, more, told = self.server.answers.pop(0)
        text = told if isinstance(told, bytes) else json.dumps(told).encode()
        self.send_response(status)
        for name, value in {**more, "Content-Length": str(len(text))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = do_PATCH = answer

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def refusal(code: str) -> dict[str, Any]:
    return {"errors": [{"code": code, "message": "No.", "attribute": "to", "url": "u", "request_id": "r"}]}


@pytest.fixture
def client() -> Iterator[Any]:
    made: list[Callwright] = []

    def connect(server: Scripted, **options: Any) -> Callwright:
        made.append(Callwright(server.url, "project", "key", **options))
        return made[-1]

    yield connect
    for each in made:
        each.close()


def test_every_attempt_of_a_post_has_the_same_key(client: Any) -> None:
    again = {"Retry-After": "0"}
    server = Scripted(
        (503, again, refusal("unavailable")),
        (429, again, refusal("rate_limit_exceeded")),
        (409, again, refusal("request_in_progress")),
        (502, again, b"<html>bad gateway</html>"),
        (201, {}, {"id": "c1"}),
    )
    assert client(server).calls.dial({"to": "/private/bob"}) == {"id": "c1"}
    keys = {headers["idempotency-key"] for _, _, headers, _ in server.got}
    assert len(server.got) == 5 and len(keys) == 1
    assert {body for _, _, _, body in server.got} == {b'{"to": "/private/bob"}'}


def test_another_request_has_another_key_and_ones_own_is_kept(client: Any) -> None:
    server = Scripted(*[(200, {}, {})] * 3)
    one = client(server)
    one.calls.hangup("c1")
    one.calls.hangup("c1")
    one.calls.hangup("c1", idempotency_key="mine")
    keys = [headers["idempotency-key"] for _, _, headers, _ in server.got]
    assert len(set(keys)) == 3 and keys[2] == "mine"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 500])
def test_what_another_attempt_cannot_help_is_an_error_at_once(client: Any, status: int) -> None:
    server = Scripted((status, {}, refusal("not_allowed")))
    with pytest.raises(ApiError) as caught:
        client(server).calls.dial({"to": "x"})
    error = caught.value
    assert (error.status, error.code, error.attribute, error.request_id) == (status, "not_allowed", "to", "r")
    assert len(server.got) == 1


def test_it_gives_up_after_its_retries(client: Any) -> None:
    again = {"Retry-After": "0"}
    server = Scripted(*[(503, again, refusal("unavailable"))] * 3)
    with pytest.raises(ApiError):
        client(server, retries=2).calls.list()
    assert len(server.got) == 3
    with pytest.raises(Unreachable):
        Callwright("http://127.0.0.1:9", "p", "k", retries=0).calls.list()


def test_the_client_for_asyncio_does_the_same() -> None:
    server = Scripted((503, {"Retry-After": "0"}, refusal("unavailable")), (200, {}, {"id": "c1"}))

    async def dial() -> Any:
        async with AsyncCallwright(server.url, "p", "k") as client:
            return await client.calls.dial({"to": "x"})

    assert asyncio.run(dial()) == {"id": "c1"}
    assert len({headers["idempotency-key"] for _, _, headers, _ in server.got}) == 1


def test_every_page_is_read_from_the_instance_that_was_asked(client: Any) -> None:
    links = {"self": "", "first": None, "prev": None}
    away = "https://elsewhere.example.com/api/calls?page_token=t2"
    server = Scripted(
        (200, {}, {"data": [{"id": "1"}, {"id": "2"}], "links": {**links, "next": away}}),
        (200, {}, {"data": [{"id": "3"}], "links": {**links, "next": None}}),
    )
    one = client(server)
    assert [each["id"] for each in one.every(one.calls.list(page_size=2, state=None))] == ["1", "2", "3"]
    assert [path for _, path, _, _ in server.got] == ["/api/calls?page_size=2", "/api/calls?page_token=t2"]


def test_a_value_stays_one_segment_of_its_path() -> None:
    assert path_of("/api/rooms/{name}/{verb}", "a/b?c#é", "lock") == "/api/rooms/a%2Fb%3Fc%23%C3%A9/lock"


def test_without_a_key_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CALLWRIGHT_URL", "CALLWRIGHT_API_KEY", "CALLWRIGHT_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(CallwrightError, match="CALLWRIGHT_API_KEY"):
        Callwright()
    with pytest.raises(CallwrightError, match="http://"):
        Callwright("calls.example.com", "p", "k")


def signed(secret: str = SECRET, body: str = BODY, at: int | None = None) -> dict[str, str]:
    when = (
        datetime.datetime.now(datetime.UTC)
        if at is None
        else datetime.datetime.fromtimestamp(at, datetime.UTC)
    )
    signature = Webhook(secret).sign("e1", when, body)
    return {
        "Webhook-Id": "e1",
        "webhook-timestamp": str(int(when.timestamp())),
        "webhook-signature": signature,
    }


def test_what_the_standards_own_library_signs_is_verified() -> None:
    assert verify(SECRET, BODY.encode(), signed())["type"] == "call.ended"
    assert verify([OTHER, SECRET], BODY, signed())["id"] == "e1"
    both = signed() | {
        "webhook-signature": signed(OTHER)["webhook-signature"] + " " + signed()["webhook-signature"]
    }
    assert verify(SECRET, BODY, both)["id"] == "e1"


@pytest.mark.parametrize(
    ("secret", "body", "headers"),
    [
        (OTHER, BODY, {}),
        (SECRET, BODY + " ", {}),
        (SECRET, BODY, {"Webhook-Id": "e2"}),
        (SECRET, BODY, {"webhook-timestamp": "1"}),
        (SECRET, BODY, {"webhook-timestamp": "soon"}),
        (SECRET, BODY, {"webhook-timestamp": "\u00b2"}),
        (SECRET, BODY, {"webhook-timestamp": "1" * 5000}),
        (SECRET, BODY, {"webhook-signature": ""}),
        (SECRET, BODY, {"webhook-signature": "v1,"}),
        (SECRET, BODY, {"webhook-signature": "v1a,AAAA v2,AAAA"}),
        ("whsec_!", BODY, {}),
        (SECRET, "[]", {}),
    ],
)
def test_what_is_not_signed_so_is_refused(secret: str, body: str, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidSignature):
        verify(secret, body, signed() | headers)


def test_an_old_delivery_is_refused_and_the_tolerance_is_ones_own() -> None:
    with pytest.raises(InvalidSignature):
        verify(SECRET, BODY, signed(at=1_000_000_000))
    assert verify(SECRET, BODY, signed(at=1_000_000_000), now=1_000_000_100.0)["id"] == "e1"
    with pytest.raises(InvalidSignature):
        verify(SECRET, BODY, signed(at=1_000_000_000), now=1_000_000_100.0, tolerance=60)


@pytest.mark.slow
def test_the_package_is_typed_strictly_and_builds_as_a_wheel(tmp_path: Path) -> None:
    (tmp_path / "use.py").write_text(
        "from callwright_client import Callwright\n\n"
        "with Callwright() as client:\n"
        "    for each in client.every(client.calls.list()):\n"
        '        client.calls.dial({"to": each["to"]})\n'
        '        client.calls.dial({"too": each["to"]})\n'
    )
    blocks = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    (tmp_path / "readme.py").write_text("\n".join(blocks))
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--explicit-package-bases",
         f"--cache-dir={tmp_path / 'cache'}", "-p", "callwright_client", "-m", "use", "-m", "readme"],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": f"{PACKAGE / 'src'}:{tmp_path}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )  # fmt: skip
    errors = [line for line in checked.stdout.splitlines() if ": error:" in line]
    assert errors and all(line.startswith("use.py:6") for line in errors), checked.stdout
    built = subprocess.run(
        [
            sys.executable,
            "-m",
            "uv",
            "build",
            "--wheel",
            "--offline",
            "--out-dir",
            str(tmp_path),
            str(PACKAGE),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("callwright_client-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"callwright_client/{name}" for name in ("py.typed", "types.py", "client.py")} <= names
