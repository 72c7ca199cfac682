"""Ports are asked before anything starts."""

from __future__ import annotations

import socket

import pytest

from config.supervisor import ports
from config.supervisor.ports import Port, PortTaken


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_the_line_names_port_and_variable(kind: str) -> None:
    with socket.socket(type=socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == "tcp":
            taken.listen()
        number = taken.getsockname()[1]
        with pytest.raises(PortTaken) as refusal:
            ports.check([Port("CALLWRIGHT_SIP_PORT", "127.0.0.1", number, kind)])
    assert str(refusal.value) == (
        f"CALLWRIGHT_SIP_PORT: port {number} ({kind}) on 127.0.0.1 is taken, choose another"
    )


def test_an_address_of_another_machine_is_said() -> None:
    with pytest.raises(PortTaken, match=r"192\.0\.2\.1 is no address of this machine"):
        ports.check([Port("CALLWRIGHT_HTTP_PORT", "192.0.2.1", 8000, "tcp")])


def test_a_port_just_left_is_free() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        number = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", number)) as client:
            accepted, _ = server.accept()
            accepted.close()
            client.recv(1)
    ports.check([Port("CALLWRIGHT_HTTP_PORT", "127.0.0.1", number, "tcp")])
