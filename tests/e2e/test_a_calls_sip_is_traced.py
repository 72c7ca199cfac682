"""The SIP of whole calls, kept by a real edge while their project is traced, and what staff see of it."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

import clock
from calling import models
from calling.sip.stack.events import Answered, Confirmed, Finished
from subscribers.models import Address, PhoneNumber
from tests.e2e import callers
from tests.e2e.desk import Desk, endpoint, notice
from tests.e2e.edges import EdgeProcess
from tests.e2e.test_gateways_lead_out_and_in import gateway
from tests.e2e.workers import WorkerProcess
from tests.support.people import Cast
from tests.support.wait import wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

NUMBER = "+15557654321"


@pytest.fixture
def traced(cast: Cast) -> Cast:
    models.SipTracing.objects.create(project=cast.project, until=clock.now() + timedelta(hours=1))
    return cast


def number_of_bob(cast: Cast, port: int) -> str:
    """bob's desk phone has a number, which a gateway at that port leads to."""
    gateway(cast, port, 1)
    address = Address.objects.get(resource_id=cast.bob.subscriber.id)
    PhoneNumber.objects.create(project=cast.project, number=NUMBER, address=address)
    return endpoint(cast.bob)


async def conversation(cast: Cast, edge: EdgeProcess) -> str:
    """A call from a gateway, over TCP, to bob's phone, over UDP: a hold, a digit, a failed transfer, BYE."""
    async with Desk(edge.port, "trunk", "-", 500.0) as trunk:
        name = await callers.in_thread(number_of_bob, cast, trunk.port)
        async with Desk(edge.port, name, "secret", 660.0) as bob:
            assert await bob.register() == 200
            uri = f"sip:{NUMBER}@127.0.0.1:{edge.port};transport=tcp"
            call = trunk.agent.invite(uri, trunk.sound.sdp(), from_=trunk.address, networks=["127.0.0.0/8"])
            ringing = await bob.rung()
            await bob.answer(ringing)
            await notice(ringing, Confirmed)
            trunk.sound.agree((await notice(call, Answered)).sdp)
            await bob.hears(500.0)
            row = await callers.in_thread(models.Call.objects.get)
            code, _ = await ringing.reinvite(bob.sound.sdp("sendonly"))
            assert code == 200
            await call.send_digit("7")
            refused = await ringing.ask("REFER", extra=[("Refer-To", "<sip:nobody@callwright>")])
            assert refused is not None and refused.code == 404
            await ringing.hangup()
            await notice(call, Finished)
            await callers.state(str(row.id), lambda call: call.state == "ended")
    return str(row.id)


def kept(call_id: str) -> list[models.SipMessage]:
    return list(models.SipMessage.objects.filter(call_id=call_id).order_by("at", "id"))


def firsts(rows: list[models.SipMessage]) -> list[tuple[str, bool]]:
    words = [bytes(row.data).split()[:2] for row in rows]
    return [((two[1] if two[0] == b"SIP/2.0" else two[0]).decode(), row.outgoing)
            for two, row in zip(words, rows, strict=True)]  # fmt: skip


@pytest.mark.needs("tshark")
async def test_both_legs_are_kept_from_invite_to_bye_and_tshark_reads_them(
    traced: Cast, edge: EdgeProcess, worker: WorkerProcess, tmp_path: Path
) -> None:
    call_id = await conversation(traced, edge)

    def whole() -> bool:
        return len([row for row in kept(call_id) if bytes(row.data).startswith(b"BYE ")]) == 2

    await callers.in_thread(wait_for, whole, 5.0)
    await callers.in_thread(wait_for, lambda: firsts(kept(call_id))[-1] == ("200", False), 5.0)
    rows = await callers.in_thread(kept, call_id)
    legs = {leg.role: leg.pk for leg in await callers.in_thread(list, models.Leg.objects.all())}
    caller = firsts([row for row in rows if row.leg_id == legs["caller"]])
    callee = firsts([row for row in rows if row.leg_id == legs["callee"]])
    for one in (
        ("INVITE", False),
        ("180", True),
        ("200", True),
        ("ACK", False),
        ("INFO", False),
        ("BYE", True),
    ):
        assert one in caller, one
    for one in (("INVITE", True), ("180", False), ("200", False), ("ACK", True), ("INVITE", False),
                ("REFER", False), ("404", True), ("BYE", False)):  # fmt: skip
        assert one in callee, one
    assert caller[0] == ("INVITE", False) and callee[0] == ("INVITE", True)
    assert {(row.transport, row.local_port) for row in rows} >= {("TCP", edge.port), ("UDP", edge.port)}
    assert {row.remote_host for row in rows} == {"127.0.0.1"} and rows[-1].at - rows[0].at > timedelta(0)
    digits = next(bytes(row.data) for row in rows if bytes(row.data).startswith(b"INFO "))
    assert b"Signal=7" not in digits and b"Signal=x" in digits
    bytes_kept = await callers.in_thread(models.SipTracing.objects.get)
    assert bytes_kept.bytes == sum(len(row.data) for row in rows)

    capture = tmp_path / "call.pcapng"
    capture.write_bytes(await callers.in_thread(downloaded, call_id))
    lines = await callers.in_thread(by_tshark, capture)
    assert len(lines) == len(rows)
    for row, line, (word, outgoing) in zip(rows, lines, firsts(rows), strict=True):
        port = row.local_port if outgoing else row.remote_port
        assert line.split("\t") == [str(port), *(("", word) if word.isdigit() else (word, ""))]
    assert "malformed" not in str(await callers.in_thread(page_of, call_id)).lower()


def by_tshark(capture: Path) -> list[str]:
    """Source port, method and status of each SIP message."""
    command = ["tshark", "-n", "-r", str(capture), "-Y", "sip", "-T", "fields", "-e", "udp.srcport",
               "-e", "sip.Method", "-e", "sip.Status-Code"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


def page_of(call_id: str) -> str:
    return signed_in().get(f"/dashboard/calls/{call_id}/sip-trace").content.decode()


def downloaded(call_id: str) -> bytes:
    answer: Any = signed_in().get(f"/dashboard/calls/{call_id}/sip-trace.pcapng")
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


def signed_in() -> Client:
    user = User.objects.filter(username="root").first() or User.objects.create_superuser("root", password="-")
    client = Client()
    client.force_login(user)
    return client


async def test_without_the_switch_nothing_is_kept(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess
) -> None:
    await conversation(cast, edge)
    assert await callers.in_thread(models.SipMessage.objects.count) == 0
