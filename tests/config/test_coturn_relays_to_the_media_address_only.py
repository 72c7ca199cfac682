"""Debian's coturn with the configuration and command line of `docker/`, and the credentials devices get."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from aioice import stun, turn

from config import env as environment
from config import ice
from config.embedded.turn import credentials
from tests.run import find_program
from tests.support.ports import free_udp_and_tcp_port

pytestmark = [pytest.mark.needs("turnserver"), pytest.mark.processes]
DOCKER = Path(__file__).resolve().parents[2] / "docker"
MEDIA, ELSEWHERE = "127.0.0.1", "127.0.0.2"
SECRET = "a secret of the tests"
WORDS = {"TURN_SECRET": SECRET, "CALLWRIGHT_DOMAIN": "calls.example.com", "PUBLIC_IP": MEDIA}


def command_line() -> list[str]:
    """What the compose file starts coturn with, its variables filled in."""
    service = yaml.safe_load((DOCKER / "compose.yml").read_text())["services"]["coturn"]
    words = [re.sub(r"\$\{(\w+):\?\}", lambda found: WORDS[found[1]], word) for word in service["command"]]
    return [word.replace("/etc/coturn/", f"{DOCKER}/coturn/") for word in words]


@dataclass
class Coturn:
    port: int

    @property
    def address(self) -> tuple[str, int]:
        return MEDIA, self.port


@pytest.fixture(scope="module")
def coturn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    directory = tmp_path_factory.mktemp("coturn")
    port = free_udp_and_tcp_port(MEDIA)
    program = find_program("turnserver")
    assert program is not None
    # Only what a test on loopback needs besides: where to listen, and that loopback is a peer at all.
    here = [f"--listening-ip={MEDIA}", f"--relay-ip={MEDIA}", f"--listening-port={port}",
            "--allow-loopback-peers", f"--pidfile={directory}/pid", f"--userdb={directory}/db"]  # fmt: skip
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen([program, *command_line(), *here], stdout=log, stderr=log, cwd=directory)
    try:
        deadline = time.monotonic() + 20
        while not answers(port):
            assert process.poll() is None and time.monotonic() < deadline, (directory / "log").read_text()
        yield Coturn(port)
    finally:
        process.terminate()
        process.wait(10)


def answers(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(0.3)
        one.connect((MEDIA, port))
        try:
            one.send(bytes(stun.Message(stun.Method.BINDING, stun.Class.REQUEST)))
            return len(one.recv(2000)) > 19
        except OSError:
            return False


class Receiver(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[bytes, Any]] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.heard.put_nowait((data, addr))


async def allocate(coturn: Coturn, over: str = "udp", **login: str) -> tuple[Any, Any]:
    made = turn.create_turn_endpoint(Receiver, server_addr=coturn.address, transport=over, **login)
    return await asyncio.wait_for(made, 10)


def told_to_devices(coturn: Coturn, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The server as a device is told it, where the operator has set what `docker/compose.yml` sets."""
    servers = [{"urls": [f"turn:{MEDIA}:{coturn.port}?transport=udp"], "secret": SECRET}]
    set_so = replace(environment.load(), ice_servers=servers)
    monkeypatch.setattr(environment, "load", lambda: set_so)
    (server,) = ice.ice_servers("alice")
    return server


@pytest.mark.parametrize("over", ["udp", "tcp"])
async def test_a_device_relays_both_ways_to_the_media_address(
    coturn: Coturn, monkeypatch: pytest.MonkeyPatch, over: str
) -> None:
    told = told_to_devices(coturn, monkeypatch)
    assert "secret" not in told and int(told["username"].split(":")[0]) > time.time() + 3600
    transport, receiver = await allocate(coturn, over, username=told["username"], password=told["credential"])
    loop = asyncio.get_running_loop()
    peer_transport, peer = await loop.create_datagram_endpoint(Receiver, local_addr=(MEDIA, 0))
    transport.sendto(b"hello", peer_transport.get_extra_info("sockname"))
    heard, relay = await asyncio.wait_for(peer.heard.get(), 5)
    assert heard == b"hello" and 50000 <= relay[1] <= 59999
    peer_transport.sendto(b"well", relay)
    assert (await asyncio.wait_for(receiver.heard.get(), 5))[0] == b"well"
    transport.close()
    peer_transport.close()


async def test_it_relays_to_nobody_else(coturn: Coturn, monkeypatch: pytest.MonkeyPatch) -> None:
    told = told_to_devices(coturn, monkeypatch)
    transport, _ = await allocate(coturn, username=told["username"], password=told["credential"])
    protocol = transport._TurnTransport__inner_protocol
    for peer in ((ELSEWHERE, 4000), ("192.0.2.7", 443), ("10.0.0.1", 22), ("169.254.169.254", 80)):
        with pytest.raises(stun.TransactionFailed) as refusal:
            await protocol.channel_bind(0x4001, peer)
        assert refusal.value.response.attributes["ERROR-CODE"][0] == 403
    transport.close()


@pytest.mark.parametrize(
    "login",
    [credentials.issue(SECRET, "alice", 1_000_000), credentials.issue("other", "alice", 1 << 32)],
    ids=["expired", "another secret"],
)
async def test_wrong_or_expired_credentials_get_no_allocation(coturn: Coturn, login: tuple[str, str]) -> None:
    with pytest.raises(stun.TransactionFailed) as refusal:
        await allocate(coturn, username=login[0], password=login[1])
    assert refusal.value.response.attributes["ERROR-CODE"][0] == 401
