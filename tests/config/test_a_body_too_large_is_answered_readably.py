"""413 reaches every client, whatever it sends and when it looks: over real sockets, TLS left out."""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import requests
import uvicorn
from django.conf import settings

from config.asgi import application
from config.web.header_limits import BoundedHead

BIG = b'{"reference":"' + b"x" * 800_000 + b'"}'
FIELDS = {"type", "code", "message", "attribute", "url", "request_id"}
PATH = "/api/fabric/subscribers/tokens"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The ASGI application behind the server and the settings of `config.serve`."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        settings = {"lifespan": "off", "log_config": None, "access_log": False, "http": BoundedHead}
        server = uvicorn.Server(uvicorn.Config(application, **settings))  # type: ignore[arg-type]
        serving = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[listening])), name="uvicorn", daemon=True
        )
        serving.start()
        yield listening.getsockname()[1]
        server.should_exit = True
        serving.join(10)


def refused(status: int, body: bytes, request_id: str | None) -> None:
    assert status == 413
    (error,) = json.loads(body)["errors"]
    assert set(error) == FIELDS and error["code"] == "body_too_large"
    assert error["request_id"] == request_id


def test_requests_reads_it_each_time(port: int) -> None:
    for count in range(10):
        answer = requests.post(f"http://127.0.0.1:{port}{PATH}", data=BIG, timeout=10, headers=own(count))
        refused(answer.status_code, answer.content, f"try-{count}")
        assert answer.headers["X-Request-Id"] == f"try-{count}" and answer.headers["connection"] == "close"


def test_requests_reads_it_where_the_body_comes_in_chunks(port: int) -> None:
    for _ in range(5):
        pieces = iter([b"x" * 20_000] * 60)
        answer = requests.post(f"http://127.0.0.1:{port}{PATH}", data=pieces, timeout=10)
        refused(answer.status_code, answer.content, answer.headers["X-Request-Id"])


def test_a_client_that_sends_all_of_seven_megabytes_first_reads_it(port: int) -> None:
    for _ in range(3):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        client.request("POST", PATH, b"y" * 7_000_000, own(1))
        answer = client.getresponse()
        refused(answer.status, answer.read(), "try-1")
        client.close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl, which is not installed")
@pytest.mark.parametrize(
    "more", [[], ["-H", "Expect:"], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"]]
)
def test_curl_reads_it(port: int, more: list[str]) -> None:
    url = f"http://127.0.0.1:{port}{PATH}"
    for _ in range(3):
        command = ["curl", "-sS", "-i", "--http1.1", "--data-binary", "@-", *more, url]
        done = subprocess.run(command, input=BIG, capture_output=True, timeout=20, check=False)
        head, _, body = done.stdout.rpartition(b"\r\n\r\n")
        assert done.returncode == 0, done.stderr
        assert b" 413 " in head and json.loads(body)["errors"][0]["code"] == "body_too_large"


def test_who_waits_for_100_continue_is_refused_before_sending_anything(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as one:
        fields = "Host: x\r\nContent-Length: 800000\r\nExpect: 100-continue\r\n"
        one.sendall(f"POST {PATH} HTTP/1.1\r\n{fields}\r\n".encode())
        assert one.recv(12) == b"HTTP/1.1 413"


def test_an_endless_body_is_not_read_for_ever(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as one:
        one.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        began, sent = time.monotonic(), 0
        with suppress(OSError):
            while time.monotonic() - began < 20:
                one.sendall(b"10000\r\n" + b"z" * 65536 + b"\r\n")
                sent += 65536
        assert time.monotonic() - began < 20, f"still taken after {sent} bytes"


def test_a_page_of_another_origin_may_read_it(port: int) -> None:
    headers = own(1) | {"Origin": "https://shop.example"}
    answer = requests.post(f"http://127.0.0.1:{port}{PATH}", data=BIG, timeout=10, headers=headers)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    refused(answer.status_code, answer.content, "try-1")


def test_the_admin_site_refuses_it_too(port: int) -> None:
    answer = requests.post(f"http://127.0.0.1:{port}/admin/login/", data=BIG, timeout=10)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"BREW /api/calls HTTP/1.1\r\nHost: {host}\r\nX-Request-Id: try-1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: {host}\r\nX-Y: " + b"z" * 66_000 + b"\r\n\r\n", 431),
    ],
)
@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("127.0.0.1:{port}", "http://127.0.0.1:{port}"),
        ("localhost:{port}", "http://localhost:{port}"),
        ("evil.example", "https://{domain}"),
        ("localhost:99999", "https://{domain}"),
    ],
)
def test_what_the_parser_refuses_has_a_link_that_opens(
    port: int, sent: bytes, status: int, host: str, base: str
) -> None:
    """By the Host header of a head that could not be read, where that names this instance."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as one:
        with suppress(OSError):
            one.sendall(sent.replace(b"{host}", host.format(port=port).encode()))
        answer = http.client.HTTPResponse(one)
        answer.begin()
        (error,) = json.loads(answer.read())["errors"]
    assert answer.status == status and set(error) == FIELDS
    base = base.format(port=port, domain=settings.CALLWRIGHT_DOMAIN)
    assert error["url"] == f"{base}/api/docs#error-{error['code']}"
    assert error["request_id"] == answer.headers["X-Request-Id"]
    assert status != 400 or error["request_id"] == "try-1"
    if base.startswith("http://"):
        page = requests.get(error["url"], timeout=10)
        assert page.status_code == 200 and f'id="error-{error["code"]}"' in page.text


def own(count: int) -> dict[str, str]:
    return {"X-Request-Id": f"try-{count}", "Content-Type": "application/json"}
