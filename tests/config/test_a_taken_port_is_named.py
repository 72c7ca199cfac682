"""Ports are asked before anything starts."""

from __future__ import annotations

import socket

import pytest

from config import env
from config.supervisor import plan, ports
from config.supervisor.ports import Port, PortTaken
from tests.support.ports import free_port


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


def test_all_taken_ports_are_named_at_once() -> None:
    with socket.socket() as one, socket.socket() as two, socket.socket(type=socket.SOCK_DGRAM) as three:
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
            each.listen()
        first, second = one.getsockname()[1], two.getsockname()[1]
        three.bind(("127.0.0.1", second))  # the same number over UDP is one fault, not two
        with pytest.raises(PortTaken) as refusal:
            ports.check(
                [
                    Port("CALLWRIGHT_HTTP_PORT", "127.0.0.1", first, "tcp"),
                    Port("CALLWRIGHT_HTTPS_PORT", "127.0.0.1", 0, "tcp"),
                    Port("CALLWRIGHT_SIP_PORT", "127.0.0.1", second, "udp"),
                    Port("CALLWRIGHT_SIP_PORT", "127.0.0.1", second, "tcp"),
                ]
            )
    assert str(refusal.value) == (
        f"CALLWRIGHT_HTTP_PORT: port {first} (tcp) on 127.0.0.1 is taken, choose another; "
        f"CALLWRIGHT_SIP_PORT: port {second} (udp) on 127.0.0.1 is taken, choose another"
    )


def test_sip_over_tls_is_asked_for_where_there_is_a_certificate() -> None:
    given = {"CALLWRIGHT_SIP_PORT": "5060", "CALLWRIGHT_BIND": "127.0.0.1"}
    numbers = [port.number for port in plan.ports(env.read(given))]
    assert numbers.count(5061) == 1
    assert 5061 not in [port.number for port in plan.ports(env.read(given | {"CALLWRIGHT_HTTPS_PORT": "0"}))]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        before = env.read(given | {"CALLWRIGHT_SIP_PORT": str(number - 1)})
        with pytest.raises(PortTaken, match=rf"CALLWRIGHT_SIP_PORT: port {number} \(tcp\) for SIP over TLS"):
            ports.check([port for port in plan.ports(before) if port.number == number])


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("HTTP", "SIP", "CALLWRIGHT_SIP_PORT: port {} (tcp) is that of CALLWRIGHT_HTTP_PORT, choose another"),
        (
            "HTTP",
            "TURN",
            "CALLWRIGHT_TURN_PORT: port {} (tcp) is that of CALLWRIGHT_HTTP_PORT, choose another",
        ),
        ("SIP", "TURN", "CALLWRIGHT_TURN_PORT: port {} (udp) is that of CALLWRIGHT_SIP_PORT, choose another"),
    ],
)
def test_two_variables_with_one_port_are_named(first: str, second: str, said: str) -> None:
    port = free_port()
    given = {f"CALLWRIGHT_{first}_PORT": str(port), f"CALLWRIGHT_{second}_PORT": str(port)}
    others = {f"CALLWRIGHT_{each}_PORT": str(free_port()) for each in ("HTTP", "HTTPS", "SIP", "TURN")}
    with pytest.raises(PortTaken) as refusal:
        ports.check(plan.ports(env.read({**others, **given})))
    assert str(refusal.value) == said.format(port)


def test_sip_over_tls_is_beside_https_and_not_on_it() -> None:
    port = free_port()
    given = {"CALLWRIGHT_HTTPS_PORT": str(port), "CALLWRIGHT_SIP_PORT": str(port - 1)}
    others = {f"CALLWRIGHT_{each}_PORT": str(free_port()) for each in ("HTTP", "TURN")}
    with pytest.raises(PortTaken, match=r"SIP over TLS, the SIP port \+ 1, is that of CALLWRIGHT_HTTPS_PORT"):
        ports.check(plan.ports(env.read({**others, **given})))
