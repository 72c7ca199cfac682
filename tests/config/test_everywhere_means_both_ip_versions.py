"""CALLWRIGHT_BIND=:: is every address of the machine, and an IPv4 peer of it is known by its IPv4 address."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aioice import stun

from config import serve
from tests.support.ports import free_pair

EACH = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])


@pytest.fixture
def turn_port(child_environment: dict[str, str], tmp_path: Path) -> Iterator[int]:
    """The embedded TURN server, which stands at `::`."""
    port = free_pair()
    own = {"CALLWRIGHT_BIND": "::", "CALLWRIGHT_TURN_PORT": str(port), "CALLWRIGHT_DATA_DIR": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-m", "config.embedded.turn"], env=child_environment | own)
    yield port
    process.terminate()
    process.wait(10)


def binding() -> stun.Message:
    return stun.Message(stun.Method.BINDING, stun.Class.REQUEST)


@EACH
def test_turn_tells_a_device_the_address_it_has_over_udp(turn_port: int, host: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.settimeout(0.2)
        for _ in range(100):
            device.sendto(bytes(binding()), (host, turn_port))
            with contextlib.suppress(OSError):
                answer = stun.parse_message(device.recv(2000))
                break
        assert answer.attributes["XOR-MAPPED-ADDRESS"] == (host, device.getsockname()[1])


@EACH
def test_turn_tells_a_device_the_address_it_has_over_tcp(turn_port: int, host: str) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError):
            device = socket.create_connection((host, turn_port), 5)
            break
        time.sleep(0.1)
    with device:
        device.sendall(bytes(binding()))
        answer = stun.parse_message(device.recv(2000))
        assert answer.attributes["XOR-MAPPED-ADDRESS"] == (host, device.getsockname()[1])


@EACH
def test_the_web_knows_a_peer_by_the_address_it_has(host: str) -> None:
    port = free_pair()
    with contextlib.ExitStack() as held:
        doors = [
            held.enter_context(each) for each in serve._listen("::", port, "CALLWRIGHT_HTTP_PORT", False)
        ]
        for door in doors:
            door.listen()
            door.settimeout(5)
        peer = held.enter_context(socket.create_connection((host, port), 5))
        (door,) = (each for each in doors if each.family == peer.family)
        link, far = door.accept()
        link.close()
    assert far[0] == host
