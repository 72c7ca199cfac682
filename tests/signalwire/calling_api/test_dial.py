"""`dial`: the call of `/api/calls`, in SignalWire's words."""

from __future__ import annotations

import pytest

from calling import models
from tests.signalwire.calling_api.conftest import SWML, refusal
from tests.support import fake_worker, rest_client

FIELDS = {
    "id", "from", "to", "direction", "status", "duration", "duration_ms", "billing_ms", "url", "source",
    "type", "parent_id", "charge", "charge_details", "created_at",
}  # fmt: skip
WRONG = [
    ({"to": "nonsense"}, "to", "invalid_destination"),
    ({"from_": "nonsense"}, "from", "invalid_parameter"),
    ({"swml": None}, "url", "inline_swml_or_swml_webhook_required"),
    ({"url": "http://127.0.0.1/x"}, "swml", "inline_swml_or_swml_webhook_required"),
    ({"swml": {"sections": {"main": [{"dance": {}}]}}}, "swml", "invalid_script"),
    ({"swml": "sections: ["}, "swml", "invalid_script"),
    ({"swml": None, "url": "ftp://example.com/x"}, "url", "url_is_unsafe"),
    ({"fallback_url": 7}, "fallback_url", "url_is_unsafe"),
    ({"status_url": "file:///etc/passwd"}, "status_url", "url_is_unsafe"),
    ({"status_events": ["born"]}, "status_events", "invalid_parameter"),
    ({"status_events": [{}]}, "status_events", "invalid_parameter"),
    ({"codecs": "MP3"}, "codecs", "invalid_codecs_format"),
    ({"extras": {"timeout": 0}}, "timeout", "invalid_parameter"),
    ({"extras": {"custom_variables": {"1x": "y"}}}, "custom_variables", "invalid_parameter"),
    ({"extras": {"custom_variables": {"sw_x": "y"}}}, "custom_variables", "reserved_custom_variable_name"),
    ({"extras": {"custom_variables": {f"a{n}": "y" for n in range(21)}}}, "custom_variables",
     "too_many_custom_variables"),
    ({"extras": {"custom_variables": {"a": 7}}}, "custom_variables", "invalid_parameter"),
    ({"extras": {"to_script": "x"}}, "to_script", "not_supported"),
    ({"extras": {"region": "eu-west"}}, "region", "not_supported"),
    ({"extras": {"send_digits": "xyz"}}, "send_digits", "invalid_digits"),
    ({"url_method": "GET"}, "url_method", "not_supported"),
]  # fmt: skip


def test_a_subscriber_is_dialled_with_a_script(calling, cast):
    fake_worker.online(cast.bob)
    made = calling.dial(
        from_="/private/alice",
        to="/private/bob",
        swml=SWML,
        status_url="http://127.0.0.1:9/told",
        status_events=["queued", "answered", "ended"],
        codecs="PCMU,OPUS@48000h@20i",
        extras={"custom_variables": {"order": "7"}, "timeout": 30, "max_price_per_minute": 0.1},
    )
    assert set(made) == FIELDS
    assert (made["from"], made["to"]) == ("/private/alice", "/private/bob")
    assert made["direction"] == "outbound-api" and made["source"] == "realtime_api"
    assert made["type"] == "fabric_subscriber_device_leg" and made["status"] in ("created", "ringing")
    row = models.Call.objects.get(pk=made["id"])
    assert row.api_dialled and row.ring_seconds == 30
    assert row.status_events == ["created", "answered", "ended"]
    run = models.ScriptRun.objects.get(call_id=row.id)
    assert run.document == SWML and run.progress == {"envs": {"order": "7"}}


def test_the_status_default_is_the_end_alone(calling, cast):
    made = calling.dial(
        from_="+15550001",
        to="/private/bob",
        url="http://127.0.0.1:9/swml",
        fallback_url="http://127.0.0.1:9/b",
    )
    row = models.Call.objects.get(pk=made["id"])
    assert row.status_events == ["ended"] and made["url"] == "http://127.0.0.1:9/swml"
    assert models.ScriptRun.objects.get(call_id=row.id).fallback_url == "http://127.0.0.1:9/b"


def test_a_script_may_be_yaml_and_digits_go_first(calling, cast):
    yaml = "version: 1.0.0\nsections:\n  main:\n    - hangup\n"
    made = calling.dial(from_="+15550001", to="/private/bob", swml=yaml, extras={"send_digits": "12#"})
    document = models.ScriptRun.objects.get(call_id=made["id"]).document
    assert document["sections"]["main"][0] == {"send_digits": {"digits": "12#"}}
    assert len(document["sections"]["main"]) == 2


@pytest.mark.parametrize(("change", "attribute", "code"), WRONG)
def test_wrong_fields_are_refused_and_no_call_is_made(calling, change, attribute, code):
    words = {"from_": "/private/alice", "to": "/private/bob", "swml": SWML, **change}
    error = refusal(422, calling.dial, **words)
    assert (error["attribute"], error["code"]) == (attribute, code)
    assert not models.Call.objects.exists()


def test_phones_need_a_number_of_the_project_and_unknown_people_are_404(calling):
    error = refusal(422, calling.dial, from_="+15550001", to="+15557777777", swml=SWML)
    assert error["code"] == "invalid_from_number"
    refusal(404, calling.dial, from_="/private/alice", to="/private/nobody", swml=SWML)


def test_credentials_are_asked_for(post, cast, stranger):
    body = {"command": "dial", "params": {"from": "/private/alice", "to": "/private/bob", "swml": SWML}}
    assert post(body, None).status_code == 401
    assert post(body, (str(cast.project.id), "wrong")).status_code == 401
    rest_client.error_of(cast.alice.rest.post("/api/calling/calls", body), 403)
    refusal(404, stranger.dial, from_="/private/alice", to="/private/bob", swml=SWML)
    assert (
        post({"command": "dial", "params": {"to": "/private/bob", "swml": SWML}}).json()["errors"][0][
            "attribute"
        ]
        == "from"
    )
