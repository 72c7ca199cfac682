"""Commands under a `control_id`: play, record, collect, stream, tap, digits; and what is wished of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from calling import models
from calling.calls import control as control_calls
from calling.calls import status_urls
from calling.commands import operation_params, operations
from calling.commands.params import CONTROL_ID, Params, read_url
from calling.models.ids import uuid7
from calling.signalwire.calling_api.envelope import Command, Request, not_supported
from calling.swml import live_transcribe as swml
from calling.swml.checks import BadScript
from rest import errors

TRACKS = {"speak": "inbound_track", "listen": "outbound_track", "both": "both_tracks"}
RECORD_DEFAULTS = {"initial_timeout": 4, "end_silence_timeout": 0.5, "terminators": "#"}


def begin(
    request: Request, verb: str, data: Mapping[str, Any], *, of_all: bool = False, told_as: str = ""
) -> dict[str, Any]:
    """Read an operation as `/api/calls` does and ask for it. `of_all`: of the call, not of a leg. `told_as`:
    SignalWire's word for it, where that is not ours."""
    status_url = read_url(request.form, "status_url")
    request.form.check()
    control_id, params = operation_params.read(verb, data)
    leg_id = None if of_all else request.leg().id
    control_id = control_id or str(uuid7())
    told = models.WebhookEndpoint.objects.filter(call_id=request.row.id)
    if status_url and told.count() >= status_urls.MOST:
        raise not_supported(f"More than {status_urls.MOST} status_url in a call", "status_url")

    def work() -> None:
        operations.operate(request.call_id, leg_id, verb, control_id, params)
        if status_url:
            status_urls.tell_operation(request.row, told_as or verb, control_id, status_url)

    control_calls.in_transaction(work)
    return {"control_id": control_id}


def play(request: Request) -> dict[str, Any]:
    """`calling.play`: files, speech, silence, ringing, one after the other under one control_id."""
    if not request.form.given("play"):
        request.form.fail("play", "play is required.", "missing_required_parameter")
    request.form.check()
    return begin(request, "play", request.form.data)


def record(request: Request) -> dict[str, Any]:
    """`calling.record`: both parties unless `direction` says otherwise; SignalWire's time-outs by default."""
    data = dict(request.form.data)
    outer = data.pop("record", None)
    audio = data.pop("audio", None)
    if audio is None:
        audio = outer.get("audio", outer) if isinstance(outer, dict) else outer
    if audio is not None and not isinstance(audio, dict):
        request.form.fail("audio", "audio must be an object.")
        request.form.check()
    if isinstance(audio, dict) and audio.get("format") == "mp4":
        raise not_supported("Recording as mp4", "format")
    inner = {**RECORD_DEFAULTS, **(audio or {})}
    of_all = inner.get("direction", "both") == "both" and not request.form.given("leg")
    return begin(request, "record", {**data, "record": {"audio": inner}}, of_all=of_all)


def collect(request: Request) -> dict[str, Any]:
    """`calling.collect`: digits, or words where there is a speech worker."""
    if request.form.data.get("continuous"):
        raise not_supported("continuous in calling.collect", "continuous")
    if not request.form.given("digits") and not request.form.given("speech"):
        request.form.fail("digits", "digits or speech is required.", "missing_required_parameter")
    request.form.check()
    data, spoken = request.form.data, request.form.data.get("speech")
    if isinstance(spoken, Mapping):  # engines and their models are SignalWire's
        data = {**data, "speech": {name: spoken[name] for name in spoken if name not in ("engine", "model")}}
    return begin(request, "collect", data)


def stream(request: Request) -> dict[str, Any]:
    """`calling.stream`: sound to and from a WebSocket, as Twilio's media streams."""
    if request.form.choice("status_url_method", ("GET", "POST"), "POST") == "GET":
        raise not_supported("A status_url_method other than POST", "status_url_method")
    return begin(request, "stream", request.form.data)


def tap(request: Request) -> dict[str, Any]:
    """`calling.tap`: sound to a WebSocket, nothing back; raw RTP is not sent."""
    form = request.form
    how, device = form.value("tap", required=True), form.value("device", required=True)
    if how is not None and (not isinstance(how, dict) or not isinstance(how.get("params") or {}, dict)):
        form.fail("tap", 'tap must be {"type": "audio", "params": {"direction": …}}.')
    if device is not None and (
        not isinstance(device, dict) or not isinstance(device.get("params") or {}, dict)
    ):
        form.fail("device", 'device must be {"type": "ws", "params": {"uri": "wss://…"}}.')
    form.check()
    assert isinstance(how, dict) and isinstance(device, dict)
    if device.get("type") == "rtp":
        raise not_supported("A tap to an RTP device", "device")
    wants, where = Params(how.get("params") or {}), Params(device.get("params") or {})
    kind = Params(how)
    kind.choice("type", ("audio",))
    direction = wants.choice("direction", tuple(TRACKS), "speak")
    if device.get("type") != "ws" or not where.given("uri"):
        where.fail("device", "device must be of type ws and have a uri.")
    form.faults += kind.faults + wants.faults + where.faults
    form.check()
    data = {
        "control_id": form.value("control_id"),
        "url": where.value("uri"),
        "track": TRACKS[direction or "speak"],
        "codec": where.value("codec"),
        "bidirectional": False,
    }
    return begin(request, "stream", data, told_as="tap")


def transcribe(request: Request) -> dict[str, Any]:
    """`calling.transcribe`: what everybody in the call says, as `transcribe.final` events."""
    require_speech(request)
    return begin(request, "transcribe", request.form.data, of_all=not request.form.given("leg"))


def live_transcribe(request: Request) -> dict[str, Any]:
    """`calling.live_transcribe`: the same under SWML's `action`; its stop ends the one that began last."""
    form = request.form
    wanted = form.value("action", required=True)
    form.check()
    require_speech(request)
    try:
        action = swml.live_transcript("action", wanted)
    except BadScript as problem:
        form.fail("action", str(problem))
        form.check()
    if isinstance(action, str):  # "stop"
        return stop_last(request, "transcribe")
    start = action["start"]
    asked = {**swml.asks(start), "control_id": form.value("control_id")}
    url = {"status_url": start["webhook"]} if "webhook" in start else {}
    telling = Request(request.key, request.command, request.row, Params({**form.data, **url}))
    return begin(telling, "transcribe", asked, of_all=swml.of_all(start))


def stop_last(request: Request, verb: str) -> dict[str, Any]:
    """Stop the one that began last. 404 where none goes on."""
    live = models.Operation.objects.filter(call_id=request.call_id, verb=verb, state__in=operations.LIVE)
    last = live.order_by("-created_at").first()
    if last is None:
        raise errors.NotFound
    operations.control_operation(request.row.id, verb, last.control_id, "stop")
    return {"control_id": last.control_id}


def denoise(request: Request) -> dict[str, Any]:
    """`calling.denoise`: the leg's sound without its noise, for everybody who hears it."""
    require_speech(request)
    return begin(request, "denoise", request.form.data)


def denoise_stop(request: Request) -> dict[str, Any]:
    """`calling.denoise.stop`: the one of that control_id, or without one the one that began last."""
    if request.form.given("control_id"):
        return control("denoise", "stop")(request)
    request.form.check()
    return stop_last(request, "denoise")


DETECT = (
    "initial_timeout", "end_silence_timeout", "machine_voice_threshold", "machine_words_threshold",
    "machine_ready_timeout",
)  # fmt: skip


def detect(request: Request) -> dict[str, Any]:
    """`calling.detect`: a machine, a person or a fax; digits are `calling.collect`'s."""
    form = request.form
    how = form.value("detect", required=True)
    if how is not None and (not isinstance(how, dict) or not isinstance(how.get("params") or {}, dict)):
        form.fail("detect", 'detect must be {"type": "machine", "params": {…}}.')
    form.check()
    require_speech(request)
    assert isinstance(how, dict)
    if how.get("type", "machine") not in ("machine", "fax"):
        raise not_supported("A detect of that type", "detect")
    inner = how.get("params") or {}
    data = {name: inner[name] for name in DETECT if name in inner}
    data["wait_for_beep"] = inner.get("detect_message_end")
    data |= {name: form.data[name] for name in ("control_id", "timeout") if name in form.data}
    return begin(request, "detect", data)


def require_speech(request: Request) -> None:
    """Raises 422 `speech_unavailable`, which names the command, where no speech worker runs."""
    if settings.CALLWRIGHT_SPEECH_WORKERS == 0:
        words = f"{request.command} needs a speech worker, which this instance has not."
        raise errors.Unprocessable("speech_unavailable", words, "command")


def send_digits(request: Request) -> dict[str, Any]:
    """`calling.send_digits`: digits to the leg itself."""
    form = request.form
    digits = form.digits()
    control_id = form.text("control_id", 100, spelling=CONTROL_ID)
    form.check()
    params, leg = {"digits": digits, "own": True}, request.leg()
    operations.require_way_for_digits(leg)
    operation = operations.operate(request.call_id, leg.id, "digits", control_id, params)
    return {"control_id": operation.control_id}


def control(verb: str, wanted: str) -> Command:
    """The command that pauses, resumes, stops or turns down what goes on under a `control_id`."""

    def command(request: Request) -> dict[str, Any]:
        form = request.form
        control_id = form.text("control_id", 100, required=True, spelling=CONTROL_ID)
        form.check()
        if wanted == "timers":
            params: dict[str, Any] = {"start_input_timers": True}
        else:
            params = operation_params.read_wish(verb, wanted, form.data)
        operations.control_operation(request.row.id, verb, control_id or "", wanted, params)
        return {"control_id": control_id}

    return command
