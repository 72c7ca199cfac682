"""play, record, collect, stream, tap and send_digits: rows of the engine's own operations."""

from __future__ import annotations

import json

import pytest

from calling.calls import status_urls
from calling.calls.status_urls import StatusUrl
from calling.commands import operations
from calling.models import Delivery, Event, Operation, WebhookEndpoint
from calling.speech import installed
from calling.webhooks import publish
from calling.webhooks.status_callbacks import callback_body
from tests.signalwire.calling_api.conftest import refusal, to_strangers
from tests.support import fake_worker

PLAY = [
    {"type": "tts", "params": {"text": "hello"}},
    {"type": "silence", "params": {"duration": 1}},
    {"type": "audio", "params": {"url": "https://example.com/a.mp3"}},
    {"type": "ringtone", "params": {"name": "us"}},
]
TAP = {"tap": {"type": "audio", "params": {"direction": "both"}},
       "device": {"type": "ws", "params": {"uri": "wss://example.com/t"}}}  # fmt: skip
RIGHT = {
    "play": {"play": PLAY},
    "record": {"audio": {"format": "mp3"}},
    "collect": {"digits": {"max": 4}},
    "stream": {"url": "wss://example.com/s"},
    "tap": TAP,
}
WRONG = {
    "play": [{"play": []}, {"play": 7}, {"play": [{"type": "film"}]}, {"play": [7]},
             {"play": PLAY, "volume": 99},
             {"play": PLAY, "loop": -1}, {"play": PLAY, "direction": "up"}, {"play": PLAY, "status_url": "x"},
             {"play": [{"type": "audio", "params": {"url": "file:///etc/passwd"}}]}],
    "record": [{"audio": {"format": "exe"}}, {"audio": {"format": "mp4"}}, {"audio": 7},
               {"audio": {"stereo": "yes"}}, {"audio": {"terminators": "xyz"}},
               {"audio": {"input_sensitivity": 101}}],
    "collect": [{}, {"digits": 7}, {"digits": {"max": 0}}, {"digits": {"max": 1}, "initial_timeout": -1},
                {"speech": {"language": "en"}}, {"digits": {"max": 1}, "continuous": True}],
    "stream": [{"url": "https://example.com"}, {"url": 7},
               {"url": "wss://e.com", "custom_parameters": {"a": 1}},
               {"url": "wss://e.com", "track": "sideways"}, {"url": "wss://e.com", "codec": "OPUS"},
               {"url": "wss://e.com", "codec": "L16@24000h"}],
    "tap": [{**TAP, "tap": 7}, {**TAP, "device": 7}, {**TAP, "device": {"type": "ws", "params": {}}},
            {**TAP, "device": {"type": "rtp", "params": {"addr": "192.0.2.1", "port": 1}}},
            {**TAP, "device": {"type": "ws", "params": {"uri": "wss://example.com/t", "codec": "PCMA"}}},
            {**TAP, "tap": {"type": "video", "params": {}}}, {**TAP, "tap": {"type": [], "params": {}}},
            {**TAP, "tap": {"type": "audio", "params": {"direction": "up"}}}],
}  # fmt: skip


def row(call_id, verb, control_id="c-1"):
    return Operation.objects.get(call_id=call_id, verb=verb, control_id=control_id)


@pytest.mark.parametrize("verb", RIGHT)
def test_an_operation_goes_on_under_its_control_id(calling, answered, verb):
    made = getattr(calling, verb)(answered, control_id="c-1", **RIGHT[verb])
    assert made["id"] == answered and made["control_id"] == "c-1"
    error = refusal(409, getattr(calling, verb), answered, control_id="c-1", **RIGHT[verb])
    assert error["code"] == "control_id_in_use"
    assert getattr(calling, verb)(answered, **RIGHT[verb])["control_id"] != "c-1"


@pytest.mark.parametrize("verb", RIGHT)
def test_wrong_fields_people_and_moments_are_refused(calling, stranger, post, cast, answered, verb):
    act = getattr(calling, verb)
    for words in WRONG[verb]:
        refusal(422, act, answered, **words)
    refusal(422, act, answered, **{**RIGHT[verb], "control_id": "a b"})
    to_strangers(stranger, post, verb, answered, **RIGHT[verb])
    calling.end(answered)
    assert "ended" in refusal(409, act, answered, **RIGHT[verb])["message"]
    assert not Operation.objects.filter(call_id=answered).exists()


def test_several_items_play_in_their_order_to_the_party_that_was_dialled(calling, answered):
    calling.play(answered, control_id="c-1", play=PLAY, volume=-3, loop=0)
    found = row(answered, "play")
    assert [item["type"] for item in found.params["items"]] == ["tts", "silence", "audio", "ringtone"]
    assert (found.params["volume"], found.params["loop"]) == (-3, 0)
    assert str(found.leg_id) == fake_worker.leg_of(answered, "callee").id


def test_a_recording_takes_both_parties_and_signalwires_time_outs(calling, answered):
    calling.record(answered, control_id="c-1")
    found = row(answered, "record")
    assert found.leg_id is None
    assert (found.params["initial_timeout"], found.params["end_silence_timeout"]) == (4, 0.5)
    assert found.params["terminators"] == "#"
    audio = {"direction": "speak", "end_silence_timeout": 0, "input_sensitivity": 60}
    calling.record(answered, control_id="c-2", audio=audio)
    other = row(answered, "record", "c-2")
    assert (found.params["input_sensitivity"], other.params["input_sensitivity"]) == (None, 60)
    assert (
        str(other.leg_id) == fake_worker.leg_of(answered, "callee").id
        and other.params["end_silence_timeout"] == 0
    )


def test_a_tap_only_listens_and_digits_go_to_the_party_itself(calling, post, answered):
    calling.tap(answered, control_id="c-1", **TAP)
    found = row(answered, "stream")
    assert found.params["track"] == "both_tracks" and found.params["bidirectional"] is False
    sent = post({"command": "calling.send_digits", "id": answered, "params": {"digits": "12#"}})
    assert sent.status_code == 200, sent.text
    digits = Operation.objects.get(call_id=answered, verb="digits")
    assert digits.params == {"digits": "12#", "own": True}
    for digits in ("", "xyz", 7, None):
        wrong = post({"command": "calling.send_digits", "id": answered, "params": {"digits": digits}})
        assert wrong.status_code == 422 and wrong.json()["errors"][0]["attribute"] == "digits"


def test_what_goes_on_is_paused_resumed_turned_down_and_stopped(calling, stranger, post, answered):
    calling.play(answered, control_id="c-1", play=PLAY)
    calling.play_pause(answered, control_id="c-1")
    assert row(answered, "play").wish == "pause"
    calling.play_resume(answered, control_id="c-1")
    calling.play_volume(answered, control_id="c-1", volume=-6)
    assert (row(answered, "play").wish, row(answered, "play").params["volume"]) == ("run", -6)
    assert calling.play_stop(answered, control_id="c-1")["control_id"] == "c-1"
    assert row(answered, "play").wish == "stop"
    refusal(422, calling.play_volume, answered, control_id="c-1", volume=99)
    refusal(422, calling.play_stop, answered, control_id="")
    refusal(404, calling.play_stop, answered, control_id="other")
    to_strangers(stranger, post, "play_stop", answered, control_id="c-1")
    calling.record(answered, control_id="c-1")
    calling.record_pause(answered, control_id="c-1", extras={"behavior": "silence"})
    assert row(answered, "record").params["behavior"] == "silence"
    refusal(422, calling.record_pause, answered, control_id="c-1", extras={"behavior": "sleep"})
    calling.record_resume(answered, control_id="c-1")
    calling.record_stop(answered, control_id="c-1")


def test_the_timers_of_a_collect_may_start_later(calling, answered):
    calling.collect(answered, control_id="c-1", digits={"max": 2}, extras={"start_input_timers": False})
    assert row(answered, "collect").params["start_input_timers"] is False
    calling.collect_start_input_timers(answered, control_id="c-1")
    assert row(answered, "collect").params["start_input_timers"] is True
    calling.collect_stop(answered, control_id="c-1")
    refusal(404, calling.collect_stop, answered, control_id="c-9")


def test_an_operation_tells_its_own_status_url(calling, answered):
    calling.play(answered, control_id="c-1", play=PLAY, status_url="http://127.0.0.1:9/told")
    operations.changed(row(answered, "play").id, "running", "started")
    operations.changed(row(answered, "play").id, "finished", "finished", {})
    heard = StatusUrl("operation", "c-1", verb="play")
    told = [
        json.loads(body)
        for event in Event.objects.filter(call_id=answered).order_by("sequence")
        if (body := callback_body(json.loads(event.body), heard)) is not None
    ]
    assert [each["event_type"] for each in told] == ["calling.call.play"] * 2
    assert [each["params"]["state"] for each in told] == ["playing", "finished"]
    assert told[0]["params"]["control_id"] == "c-1" and told[0]["params"]["call_id"] == answered


def test_an_operation_and_who_is_told_of_it_come_together_or_not_at_all(calling, answered, monkeypatch):
    told = "http://127.0.0.1:9/told"
    calling.play(answered, control_id="c-1", play=PLAY)
    assert refusal(409, calling.play, answered, control_id="c-1", play=PLAY, status_url=told)
    assert not WebhookEndpoint.objects.exists()
    monkeypatch.setattr(status_urls, "MOST", 1)
    calling.play(answered, control_id="c-2", play=PLAY, status_url=told)
    error = refusal(422, calling.play, answered, control_id="c-3", play=PLAY, status_url=told)
    assert (error["code"], error["attribute"]) == ("not_supported", "status_url")
    assert not Operation.objects.filter(control_id="c-3").exists()


def test_a_tap_is_told_as_a_tap_and_not_as_the_stream_that_it_is_here(calling, answered):
    calling.tap(answered, control_id="c-1", extras={"status_url": "http://127.0.0.1:9/told"}, **TAP)
    for state, word in (("running", "started"), ("finished", "finished")):
        operations.changed(row(answered, "stream").id, state, word, {})
    publish.publish_round()
    told = [json.loads(each.body) for each in Delivery.objects.order_by("event_id")]
    assert [each["event_type"] for each in told] == ["calling.call.tap"] * 2
    assert [each["params"]["state"] for each in told] == ["tapping", "finished"]


def test_a_live_transcript_is_asked_for_and_stopped(answered, calling, settings, monkeypatch):
    settings.CALLWRIGHT_SPEECH_WORKERS = 1
    monkeypatch.setattr(installed, "recognisers", lambda own: (installed.ACCURATE,))
    start = {"lang": "en-US", "direction": ["remote-caller"], "vad_silence_ms": 500, "live_events": True}
    calling.live_transcribe(answered, action={"start": start}, extras={"control_id": "c-1"})
    found = row(answered, "transcribe")
    assert found.leg_id and (found.params["partial"], found.params["end_silence_ms"]) == (True, 500)
    calling.live_transcribe(answered, action="stop")
    assert row(answered, "transcribe").wish == "stop"
    for wrong in ("pause", {"start": {**start, "ai_summary": True}}, {"summarize": {}}):
        assert refusal(422, calling.live_transcribe, answered, action=wrong)["attribute"] == "action"


def test_a_detect_takes_signalwires_thresholds(answered, calling, settings):
    settings.CALLWRIGHT_SPEECH_WORKERS = 1
    params = {"initial_timeout": 4.5, "machine_voice_threshold": 1.25, "machine_ready_timeout": 2}
    calling.detect(answered, control_id="c-1", detect={"type": "machine", "params": params}, timeout=20)
    found = row(answered, "detect").params
    assert {name: found[name] for name in params} == params and found["timeout"] == 20
    assert found["wait_for_beep"] is False
    calling.detect(answered, control_id="c-2", detect={"params": {"detect_message_end": True}})
    assert row(answered, "detect", "c-2").params["wait_for_beep"] is True
    error = refusal(422, calling.detect, answered, detect={"type": "digit"})
    assert (error["code"], error["attribute"]) == ("not_supported", "detect")


def test_noise_is_taken_out_until_it_is_stopped_by_name_or_without(
    answered, calling, cast, settings, monkeypatch
):
    settings.CALLWRIGHT_SPEECH_WORKERS = 1
    monkeypatch.setattr(installed, "denoiser", lambda own: True)
    refusal(404, calling.denoise_stop, answered)
    made = calling.denoise(answered)["control_id"]
    assert row(answered, "denoise", made).leg_id
    calling.denoise_stop(answered)
    assert row(answered, "denoise", made).wish == "stop"
    for name, status in ((made, 200), ("another", 404)):
        body = {"command": "calling.denoise.stop", "id": answered, "params": {"control_id": name}}
        assert cast.rest.post("/api/calling/calls", body).status_code == status
