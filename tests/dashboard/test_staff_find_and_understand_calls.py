"""What a lead reads: names on both sides, lengths, times with their zone, and why a delivery waits."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils import timezone

from calling import models
from tests.dashboard import sample_data
from tests.dashboard.fixtures import furnish
from tests.dashboard.test_staff_pages_open import signed_in


def name_callee(world, key: str, name: str) -> models.Call:
    call = world.calls[key]
    models.Leg.objects.filter(call=call, role="callee").update(name=name)
    return call


def found(client: Client, query: str) -> list[str]:
    return [str(call.pk) for call in client.get(f"/dashboard/calls?{query}").context["page"].rows]


def test_a_call_is_found_by_the_callees_name(world):
    call = name_callee(world, "over", "王小明")
    foreign = name_callee(world, "foreign", "王小明")
    vera = signed_in(world, "vera")
    assert found(vera, "q=王小明") == [str(call.pk)] != [str(foreign.pk)]
    assert "王小明" in vera.get("/dashboard/calls?q=王小明").content.decode()


def test_both_ends_are_named_in_every_list(world):
    name_callee(world, "live", "Bob Builder")
    vera = signed_in(world, "vera")
    for path in ("/dashboard/", "/dashboard/calls", f"/dashboard/calls/{world.calls['live'].pk}"):
        text = vera.get(path).content.decode()
        # alice has no name in the call (a dial by REST): the directory has one.
        assert "Alice" in text and "Bob Builder" in text, path


def test_who_is_in_a_room_is_named(world):
    furnish(world)
    text = signed_in(world, "vera").get("/dashboard/rooms").content.decode()
    assert "<bdi>Alice</bdi>" in text and "<bdi>Bob</bdi>" in text


def test_the_live_list_is_filtered_and_sorted(world):
    vera = signed_in(world, "vera")

    def listed(query: str) -> list[models.Call]:
        return [call.pk for call in vera.get(f"/dashboard/?part&{query}").context["calls"]]

    live, ringing = world.calls["live"].pk, world.calls["ringing"].pk
    assert listed("") == [ringing, live] and listed("sort=oldest") == [live, ringing]
    assert listed("state=ringing") == [ringing] and listed("q=555123") == [ringing]
    assert "No live call matches" in vera.get("/dashboard/?q=nobody").content.decode()


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("direction=outbound", {"ringing", "failed"}),
        ("direction=internal", {"live", "over"}),
        ("direction=inbound", set()),
        ("longer=300", {"over", "failed"}),
        ("longer=5000", set()),
    ],
)
def test_calls_are_found_by_direction_and_length(world, query, keys):
    assert set(found(signed_in(world, "vera"), query)) == {str(world.calls[key].pk) for key in keys}


def test_only_a_call_that_somebody_dialled_comes_from_the_number_it_names(world):
    """A call of the API has no caller's leg: `from` is the number that it shows."""
    dialled = sample_data.call(world.project, "+15550100", "/private/bob", "ended", 50)
    shown = sample_data.call(world.project, "+15550100", "+15551234567", "ended", 60, kind="pstn")
    shown.legs.filter(role="caller").delete()
    vera = signed_in(world, "vera")
    assert found(vera, "direction=inbound") == [str(dialled.pk)]
    assert str(shown.pk) in found(vera, "direction=outbound")
    for row, words in ((dialled, "inbound"), (shown, "outbound")):
        assert f"<dd>{words}</dd>" in vera.get(f"/dashboard/calls/{row.pk}").content.decode()


def test_who_came_into_a_call_later_is_named_wherever_it_is_listed(world):
    live = world.calls["live"]
    models.Leg.objects.create(
        call=live, position=2, role="target", party="device", address="/private/carol", name="Carol Danvers",
        state="answered",
    )  # fmt: skip
    vera = signed_in(world, "vera")
    for path in ("/dashboard/", "/dashboard/calls?q=danvers", f"/dashboard/calls/{live.pk}"):
        text = vera.get(path).content.decode()
        assert "<bdi>Carol Danvers</bdi>" in text and "joined by" in text.lower(), path
    models.Leg.objects.filter(call=live, role="target").update(state="ended", end_reason="hangup")
    models.Call.objects.filter(pk=live.pk).update(
        state="ended", end_reason="hangup", ended_by="target", ended_at=timezone.now(), deadline=None
    )
    assert "hung up by Carol Danvers" in vera.get("/dashboard/calls?q=danvers").content.decode()


def test_a_call_that_went_on_in_another_leads_to_it(world):
    over, other = world.calls["over"], world.calls["live"]
    sample_data.event(
        over, "call.transferred", 9, timezone.now(), new_call_id=str(other.pk), to="/private/carol"
    )
    text = signed_in(world, "vera").get(f"/dashboard/calls/{over.pk}").content.decode()
    assert "Continues in" in text and f'<dd><a href="/dashboard/calls/{other.pk}">' in text


def test_how_a_call_ended_is_chosen_in_words(world):
    vera = signed_in(world, "vera")
    text = vera.get("/dashboard/calls?reason=sip_503").content.decode()
    assert '<option value="no-answer">not answered</option>' in text
    assert '<option value="no_device">no device was online</option>' in text
    assert '<option value="sip_503" selected>SIP 503</option>' in text
    assert (
        '<option value="sip_499" selected>SIP 499</option>'
        in vera.get("/dashboard/calls?reason=sip_499").content.decode()
    )


def test_a_wrong_filter_is_told(world):
    text = signed_in(world, "vera").get("/dashboard/calls?direction=up&longer=x").content.decode()
    assert "no such direction" in text and "not a number of seconds" in text


def test_the_call_page_says_how_long_and_how_it_ended(world):
    call = world.calls["over"]
    models.Call.objects.filter(pk=call.pk).update(
        answered_at=datetime(2026, 1, 5, 12, 0, tzinfo=UTC),
        ended_at=datetime(2026, 1, 5, 13, 1, 2, tzinfo=UTC),
    )
    text = signed_in(world, "vera").get(f"/dashboard/calls/{call.pk}").content.decode()
    assert "1:01:02" in text and "hung up by Bob" in text
    failed = signed_in(world, "vera").get(f"/dashboard/calls/{world.calls['failed'].pk}").content.decode()
    assert "failed: SIP 503" in failed


def test_times_are_in_the_viewers_zone_which_is_named(world):
    call = world.calls["over"]
    models.Call.objects.filter(pk=call.pk).update(created_at=datetime(2026, 1, 5, 12, 0, tzinfo=UTC))
    vera, path = signed_in(world, "vera"), f"/dashboard/calls/{call.pk}"
    assert "2026-01-05 12:00:00 UTC" in vera.get(path).content.decode()
    vera.cookies["callwright_zone"] = "Europe%2FStockholm"
    assert "2026-01-05 13:00:00 CET" in vera.get(path).content.decode()
    # What is typed is in the same zone.
    assert found(vera, "after=2026-01-05T12:59&before_time=2026-01-05T13:01") == [str(call.pk)]
    vera.cookies["callwright_zone"] = "../../etc/passwd"
    assert "12:00:00 UTC" in vera.get(path).content.decode()


def test_facts_of_the_ladder_are_words_and_the_whole_is_folded_away(world):
    call = world.calls["over"]
    event = models.Event.objects.filter(call_id=call.pk, type="call.ended").get()
    body = '{"data": {"call": {"end_reason": "hangup", "end_cause": "device_lost", "ended_by": "callee",'
    body += ' "sip_headers": {"x-a": "1"}}}}'
    models.Event.objects.filter(pk=event.pk).update(body=body)
    page = signed_in(world, "vera").get(f"/dashboard/calls/{call.pk}")
    row = next(row for row in page.context["rows"] if row.what == "call.ended")
    assert row.facts == "hung up: the device lost its connection · by callee"
    assert '"x-a": "1"' in row.full and "<details" in page.content.decode()


def test_a_delivery_that_is_held_back_says_by_what(world):
    endpoint = models.WebhookEndpoint.objects.get()
    models.Delivery.objects.all().delete()
    for event in models.Event.objects.filter(call_id=world.calls["over"].pk).order_by("sequence")[:2]:
        models.Delivery.objects.create(
            endpoint=endpoint, event=event, stream=event.stream, state="pending", tries=0,
            created_at=event.created_at, next_at=event.created_at,
        )  # fmt: skip
    first, second = models.Delivery.objects.order_by("event__sequence")
    models.DeliveryAttempt.objects.create(
        delivery=first, at=first.created_at, status=500, duration_ms=3, answer="oops"
    )
    vera = signed_in(world, "vera")
    text = vera.get(f"/dashboard/webhooks/{endpoint.pk}").content.decode()
    assert "waits for call.created #1, which is sent first" in text and "500" in text
    page = vera.get(f"/dashboard/deliveries/{second.pk}").content.decode()
    assert "waits for call.created #1" in page and f"/dashboard/deliveries/{first.pk}" in page
    models.WebhookEndpoint.objects.update(disabled_at=first.created_at)
    assert "the webhook is disabled" in vera.get(f"/dashboard/deliveries/{second.pk}").content.decode()


def test_ending_a_live_call_asks_first(world):
    call = world.calls["live"]
    otto, path = signed_in(world, "otto"), f"/dashboard/calls/{call.pk}/hangup"
    asked = otto.get(path, HTTP_REFERER="http://testserver/dashboard/").content.decode()
    assert "End the call of Alice to Bob?" in asked and 'name="back" value="/dashboard/"' in asked
    call.refresh_from_db()
    assert call.state == "answered", "a question changes nothing"
    assert path in otto.get("/dashboard/").content.decode()
    opened = otto.get(f"/dashboard/calls/{call.pk}/transfer", headers={"accept": "text/html,*/*;q=0.8"})
    assert opened.status_code == 405 and opened["Allow"] == "POST"
    words = "<p>405: This path does not support this method.</p>"
    assert words in opened.content.decode(), "JSON is for programs"
    assert signed_in(world, "vera").get(path).status_code == 403


def test_a_refused_transfer_keeps_what_was_typed(world):
    path = f"/dashboard/calls/{world.calls['live'].pk}"
    page = signed_in(world, "otto").post(
        f"{path}/transfer", {"leg": "caller", "to": "not a place", "back": path}, follow=True
    )
    assert 'value="not a place"' in page.content.decode()


def test_the_audit_log_leads_to_what_it_is_about(world):
    olga, call = signed_in(world, "olga"), str(world.calls["over"].pk)
    models.StaffAction.objects.create(project=world.project, name="olga", action="call.hangup", subject=call)
    olga.post("/dashboard/new/rooms", {"name": "board"})
    text = olga.get("/dashboard/audit").content.decode()
    assert f'href="/dashboard/calls/{call}"' in text and "/dashboard/edit/rooms/" in text
    assert call not in text.replace(f"/dashboard/calls/{call}", ""), "no bare id"


def test_sign_ins_right_and_wrong_are_in_the_audit_log_of_ones_own_project(world):
    for password in ("a wrong password", "a long enough password"):
        Client().post("/dashboard/login", {"username": "otto", "password": password})
    text = signed_in(world, "olga").get("/dashboard/audit").content.decode()
    assert "login.failed" in text and ">login<" in text
    assert "login" not in signed_in(world, "mallory").get("/dashboard/audit?q=otto").content.decode().split(
        "<tbody>"
    )[-1].replace("/dashboard/logout", "")


def test_a_wrong_password_leaves_the_name(world):
    answer = Client().post("/dashboard/login", {"username": "otto", "password": "a wrong password"})
    assert answer.status_code == 403 and 'value="otto"' in answer.content.decode()
