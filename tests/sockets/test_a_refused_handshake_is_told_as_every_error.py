"""A WebSocket that is not opened gets an answer in the shape of docs/contract.md#errors, whatever was wrong
with it: its path, its method, its headers, or the page that it came from."""

from __future__ import annotations

import json
import socket

import pytest

KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
VERSION = "Sec-WebSocket-Version: 13"
ID = "X-Request-Id: of-a-test"


def answer(port: int, first: str, *headers: str) -> tuple[int, dict[str, str], dict[str, str]]:
    """(status, headers, the one error) of a handshake that is refused."""
    lines = [first, "Host: localhost", "Upgrade: websocket", "Connection: Upgrade", ID, *headers, "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=8) as raw:
        raw.sendall("\r\n".join(lines).encode("latin-1"))
        came = b""
        while more := raw.recv(65536):
            came += more
    head, _, body = came.decode().partition("\r\n\r\n")
    status, *told = head.split("\r\n")
    named = {name.lower(): value for name, value in (line.split(": ", 1) for line in told)}
    assert named["content-type"] == "application/json" and named["x-request-id"] == "of-a-test"
    assert int(named["content-length"]) == len(body)
    (error,) = json.loads(body)["errors"]
    assert set(error) == {"type", "code", "message", "attribute", "url", "request_id"}
    assert error["request_id"] == "of-a-test" and error["message"]
    assert error["url"] == f"http://localhost/api/docs#error-{error['code']}"
    return int(status.split()[1]), named, error


@pytest.mark.parametrize("path", ["/ws/nothing", "/ws/phone/", "/ws/phone%00", "/api/calls", "/ws/%ff", "*"])
def test_a_path_that_has_no_socket_is_404(port: int, path: str) -> None:
    status, _, error = answer(port, f"GET {path} HTTP/1.1", KEY, VERSION)
    assert (status, error["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/ws/phone", "/ws/events", "/ws/sip", "/", "/ws/nothing"])
def test_another_method_is_405_and_names_get(port: int, path: str) -> None:
    status, named, error = answer(port, f"POST {path} HTTP/1.1", KEY, VERSION, "Content-Length: 0")
    assert (status, error["code"], named["allow"]) == (405, "method_not_allowed", "GET")


@pytest.mark.parametrize(
    "headers",
    [(VERSION,), (KEY,), (KEY, "Sec-WebSocket-Version: 8"), ("Sec-WebSocket-Key: abc", VERSION)],
)
def test_headers_that_are_no_handshake_are_400_and_named(port: int, headers: tuple[str, ...]) -> None:
    status, _, error = answer(port, "GET /ws/phone HTTP/1.1", *headers)
    assert (status, error["code"]) == (400, "bad_request") and "Sec-WebSocket-" in error["message"]


def test_two_origins_are_400(port: int) -> None:
    origins = ("Origin: https://a.example", "Origin: https://b.example")
    assert answer(port, "GET /ws/phone HTTP/1.1", KEY, VERSION, *origins)[0] == 400


def test_staff_who_have_not_signed_in_are_403(port: int) -> None:
    status, _, error = answer(port, "GET /dashboard/events HTTP/1.1", KEY, VERSION)
    assert (status, error["code"], error["type"]) == (403, "not_permitted", "permission_error")


def test_sip_wants_its_subprotocol(port: int) -> None:
    status, _, error = answer(port, "GET /ws/sip HTTP/1.1", KEY, VERSION)
    assert (status, error["code"]) == (400, "bad_request") and "subprotocol" in error["message"]
