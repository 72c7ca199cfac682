"""Of one source only so many sockets may be open that have not said who they are."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from calling.sockets import strangers
from calling.sockets.strangers import Stranger
from tests.sockets.phones import Phone

Dial = Callable[..., ClientConnection]


@pytest.fixture
def dial(port: int) -> Iterator[Dial]:
    """Opens sockets, and closes them in the end."""
    opened: list[ClientConnection] = []

    def one(path: str = "/", source: str = "127.0.0.1") -> ClientConnection:
        address = f"ws://127.0.0.1:{port}{path}"
        opened.append(
            connect(address, open_timeout=20, legacy=True, close_timeout=0.3, source_address=(source, 0))
        )
        return opened[-1]

    yield one
    for each in opened:
        each.close()


def closed_with(socket: ClientConnection, seconds: float) -> int | None:
    """The code the server closed it with; None where it stays open for so long."""
    with contextlib.suppress(TimeoutError):
        try:
            socket.recv(seconds)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006
    return None


def test_one_stranger_too_many_is_closed_4429_and_others_are_not(port: int, cast, dial: Dial) -> None:
    several = [dial() for _ in range(strangers.MOST)]
    for path in ("/", "/ws/phone", "/ws/events"):
        assert closed_with(dial(path), 5) == 4429, path
    elsewhere = dial("/ws/phone", "127.0.0.2")
    elsewhere.send(json.dumps({"type": "auth", "token": cast.alice.token}))
    assert json.loads(elsewhere.recv(5))["type"] == "auth.ok"
    for each in several[:3]:
        each.close()
    deadline = time.monotonic() + 10
    while closed_with(late := dial("/ws/phone"), 0.3) is not None and time.monotonic() < deadline:
        time.sleep(0.2)
    late.send(json.dumps({"type": "auth", "token": cast.bob.token}))
    assert json.loads(late.recv(5))["type"] == "auth.ok", "who left made room"


def test_who_said_who_it_is_counts_no_longer(port: int, cast, dial: Dial) -> None:
    Phone(port, cast.alice)
    _ = [dial() for _ in range(strangers.MOST)]
    assert closed_with(dial(), 5) == 4429, "alice takes none of the places"


def test_a_place_is_given_back_once() -> None:
    address = "198.51.100.7"
    known = [Stranger(address) for _ in range(strangers.MOST)]
    assert not Stranger(address).waits
    known[0].leave()
    known[0].leave()
    assert strangers.waiting(address) == strangers.MOST - 1
    known.append(Stranger(address))
    assert known[-1].waits and not Stranger(address).waits
    for each in known:
        each.leave()
    assert strangers.waiting(address) == 0


def test_the_addresses_of_one_ipv6_network_are_one_source() -> None:
    several = [Stranger(f"2001:db8::{n:x}") for n in range(strangers.MOST)]
    other = Stranger("2001:db8:0:1::1")
    assert not Stranger("2001:db8::ffff").waits and other.waits
    for each in (*several, other):
        each.leave()
    assert strangers.waiting("2001:db8::1") == 0
