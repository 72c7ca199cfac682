"""SIP traces on the staff pages: who may look, that each look is noted, and the switch of a project."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from calling import models, retention
from calling.sip.edge import trace_rows
from tests.dashboard.fixtures import trace
from tests.dashboard.test_staff_pages_open import signed_in


@pytest.fixture
def path(world) -> str:
    trace(world.calls["live"])
    return f"/dashboard/calls/{world.calls['live'].pk}/sip-trace"


def noted(action: str) -> list[tuple[str, dict[str, object]]]:
    rows = models.StaffAction.objects.filter(action=action).order_by("id")
    return [(row.name, row.detail) for row in rows]


def test_an_operator_reads_the_messages_and_each_look_is_noted(world, path):
    client = signed_in(world, "otto")
    page = client.get(path).content.decode()
    assert "INVITE sip:bob@example.com SIP/2.0" in page and "s=&lt;b&gt;-&lt;/b&gt;" in page
    assert "UDP 192.0.2.7:49152 → 198.51.100.2:5060" in page
    assert "WSS [2001:db8::2]:5060" in page and "to this party" in page and "from this party" in page
    capture = client.get(f"{path}.pcapng")
    assert b"".join(capture.streaming_content)[:4] == b"\x0a\x0d\x0d\x0a"
    assert ".pcapng" in capture["Content-Disposition"] and capture["Cache-Control"] == "no-store"
    text = b"".join(client.get(f"{path}.txt").streaming_content).decode()
    assert text.count("---- ") == 24 and "UTC UDP 192.0.2.7:49152 → 198.51.100.2:5060 (caller)" in text
    looks = noted("call.sip_trace")
    assert [name for name, _ in looks] == ["otto"] * 3
    assert [detail.get("downloaded") for _, detail in looks] == [None, "pcapng", "txt"]
    assert path in client.get(f"/dashboard/calls/{world.calls['live'].pk}").content.decode()


@pytest.mark.parametrize("tail", ["", ".pcapng", ".txt"])
def test_others_do_not(world, path, tail):
    assert signed_in(world, "vera").get(path + tail).status_code == 403
    assert signed_in(world, "mallory").get(path + tail).status_code == 404
    assert noted("call.sip_trace") == []
    assert (
        "sip-trace"
        not in signed_in(world, "vera").get(f"/dashboard/calls/{world.calls['live'].pk}").content.decode()
    )


def test_what_is_not_there_is_not_found(world, path):
    client = signed_in(world, "otto")
    bare = f"/dashboard/calls/{world.calls['over'].pk}/sip-trace"
    assert "No SIP message of this call is kept" in client.get(bare).content.decode()
    assert client.get(f"{bare}.pcapng").status_code == client.get(f"{path}.zip").status_code == 404


def test_a_long_trace_comes_in_pages(world):
    trace(world.calls["live"], 90)
    client = signed_in(world, "otto")
    path = f"/dashboard/calls/{world.calls['live'].pk}/sip-trace"
    counts = [
        client.get(f"{path}?from={first}").content.decode().count('<details class="full"')
        for first in (0, 40, 80)
    ]
    assert counts == [40, 40, 10]
    assert [detail.get("from") for _, detail in noted("call.sip_trace")] == [None, 40, 80]
    assert client.get(f"{path}?from=-1").status_code == client.get(f"{path}?from=x").status_code == 200


def test_an_owner_switches_it_on_for_a_while_and_deletes_what_is_kept(world, path):
    models.SipTracing.objects.all().delete()
    client = signed_in(world, "olga")
    switch = "/dashboard/project/sip-trace"
    assert trace_rows.rooms() == {}
    client.post(switch, {"for": "hour"})
    until = models.SipTracing.objects.get(project=world.project).until
    assert timedelta(minutes=59) < until - timezone.now() <= timedelta(hours=1)
    assert list(trace_rows.rooms()) == [str(world.project.pk)]
    assert "are kept until" in client.get("/dashboard/project").content.decode()
    client.post(switch, {"stop": "1", "for": "day"})
    assert trace_rows.rooms() == {} and models.SipMessage.objects.count() == 24
    assert client.post(switch, {"for": "ever"}).status_code == 404
    assert "Delete all SIP traces?" in client.get(f"{switch}/delete").content.decode()
    client.post(f"{switch}/delete")
    assert models.SipMessage.objects.count() == 0
    assert [detail["period"] for _, detail in noted("sip_trace.set")] == ["hour", "off"]
    assert [detail["messages"] for _, detail in noted("sip_trace.delete")] == [24]


def test_only_an_owner_does(world, path):
    client = signed_in(world, "otto")
    assert client.post("/dashboard/project/sip-trace", {"for": "hour"}).status_code == 403
    assert client.post("/dashboard/project/sip-trace/delete").status_code == 403
    assert models.SipMessage.objects.count() == 24


def test_a_project_and_an_instance_have_only_so_much_room(world, path, monkeypatch):
    row = models.SipTracing.objects.filter(project=world.project)
    row.update(bytes=trace_rows.PER_PROJECT - 10)
    assert trace_rows.rooms() == {str(world.project.pk): 10}
    row.update(bytes=trace_rows.PER_PROJECT)
    assert trace_rows.rooms() == {}
    assert "no room for more" in signed_in(world, "olga").get("/dashboard/project").content.decode()
    row.update(bytes=0)
    other = models.SipTracing.objects.create(project=world.other, until=timezone.now(), bytes=100)
    monkeypatch.setattr(trace_rows, "PER_INSTANCE", 107)
    assert trace_rows.rooms() == {str(world.project.pk): 7}, other.bytes


def test_traces_are_forgotten_by_age_and_with_their_calls(world, path):
    old = models.SipMessage.objects.order_by("at").first()
    models.SipMessage.objects.filter(pk=old.pk).update(at=timezone.now() - timedelta(days=400))
    orphan = models.SipMessage.objects.order_by("-at").first()
    models.SipMessage.objects.filter(pk=orphan.pk).update(call_id=world.project.pk)
    assert retention.forget_sip_messages(timezone.now() - timedelta(days=90)) == 2
    left = models.SipMessage.objects.all()
    assert left.count() == 22 and not left.filter(pk__in=[old.pk, orphan.pk]).exists()
    counted = models.SipTracing.objects.get(project=world.project).bytes
    assert counted == sum(len(row.data) for row in left)
