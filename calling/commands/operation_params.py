"""The parameters of operations: read into flat params with every default filled in.

Shapes follow SignalWire's calling commands (`play: [{type, params}]`, `record: {audio: {…}}`); the same
fields may also stand flat. A media worker reads the params from `Operation.params`:

* play    {items: [{type: audio|tts|silence|ringtone, …}], volume, loop, direction}
* say     {items: [{type: tts, text, language, gender, voice}], volume, loop}
* record  {format, stereo, direction, beep, initial_timeout, end_silence_timeout, max_length, terminators,
           input_sensitivity}
* collect {digits: {max, terminators, digit_timeout}, speech, initial_timeout, start_input_timers}
* stream  {url, track, name, codec, custom_parameters, authorization_bearer_token,
           bidirectional}
* transcribe, detect, denoise: `speech_params`
* relay: `relay_params`
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings

from calling.commands import relay_params, speech_params, spoken
from calling.commands.params import CONTROL_ID, Params, Spelling, as_form, compact
from calling.outbound_http import url_text
from calling.swml import rings
from rest.json_bodies import Json

VERBS = ("play", "say", "record", "collect", "stream", "transcribe", "detect", "denoise", "relay")
SPEECH = ("transcribe", "detect", "denoise", "relay")  # what needs a speech worker
WISHES = {
    "play": ("stop", "pause", "resume", "volume"),
    "say": ("stop", "pause", "resume", "volume"),
    "record": ("stop", "pause", "resume"),
    "collect": ("stop",),
    "stream": ("stop",),
    "transcribe": ("stop",),
    "detect": ("stop",),
    "relay": ("stop",),
    "denoise": ("stop",),
}
MAX_ITEMS = 50
MAX_TEXT = 5000
MAX_PARAMETERS = 4096
TERMINATORS = "0123456789ABCD*#"


def read(verb: str, data: Json) -> tuple[str | None, dict[str, Any]]:
    """(control_id, params) of a long operation. Raises InvalidParams."""
    form = as_form(data)
    control_id = form.text("control_id", 100, spelling=CONTROL_ID)
    params = READERS[verb](form)
    form.check()
    return control_id, params


def read_wish(verb: str, wish: str, data: Json) -> dict[str, Any]:
    """The fields of `{verb}/{control_id}/{wish}`: a volume in dB, or how a recording pauses."""
    form = as_form(data)
    params: dict[str, Any] = {}
    if wish == "volume":
        if not form.given("volume"):
            form.fail("volume", "volume is required.", "missing_required_parameter")
        params["volume"] = form.number("volume", -40, 40)
    if verb == "record" and wish == "pause":
        params["behavior"] = form.choice("behavior", ("skip", "silence"), "skip")
    form.check()
    return params


def play(form: Params) -> dict[str, Any]:
    value, field = form.value("play"), "play"
    named = [name for name in ("play", "url", "urls") if form.given(name)]
    if len(named) > 1:
        form.fail(named[1], "Send one of play, url and urls.")
    if value is None:
        value, field = play_urls(form), "url" if form.given("url") and not form.given("urls") else "urls"
    items: list[dict[str, Any]] = []
    if value is None:
        form.fail("play", "Send play, url or urls.", "missing_required_parameter")
    elif not isinstance(value, list) or not 1 <= len(value) <= MAX_ITEMS:
        form.fail(field, f"{field} must be a list of 1 to {MAX_ITEMS} items.")
    else:
        read = (play_item(form, each, field, number) for number, each in enumerate(value))
        items = [item for item in read if item is not None]
    return {"items": items, **loudness(form), "direction": form.choice("direction", DIRECTIONS, "listen")}


DIRECTIONS = ("listen", "speak", "both")


def play_urls(form: Params) -> Json:
    """`url` or `urls` as in SWML: http(s) files, `say:text`, `silence:seconds`, `ring:[seconds:]cc`."""
    urls = form.value("urls") if form.given("urls") else [form.value("url")] if form.given("url") else None
    if not isinstance(urls, list):
        return urls
    return [play_url(each) if isinstance(each, str) else each for each in urls]


def play_url(url: str) -> dict[str, Any]:
    scheme, _, rest = url.partition(":")
    if scheme == "say":
        return {"type": "tts", "params": {"text": rest}}
    if scheme == "silence":
        return {"type": "silence", "params": {"duration": number_of(rest)}}
    if scheme == "ring":
        duration, _, country = rest.rpartition(":")
        ring: dict[str, Any] = {"name": country}
        return {"type": "ringtone", "params": ring | ({"duration": number_of(duration)} if duration else {})}
    return {"type": "audio", "params": {"url": url}}


def number_of(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def play_item(form: Params, value: Json, field: str = "play", number: int = 0) -> dict[str, Any] | None:
    """One `{type, params}`; its faults are told under the field that it came in."""
    params = value.get("params", {}) if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or not isinstance(params, Mapping):
        form.fail(field, "Every item of play must be {type, params}.")
        return None
    outer = form.part(f"{field}.{number}", value)
    outer.know("params")
    inner = outer.part("params", params)
    kind = outer.choice("type", ("audio", "tts", "silence", "ringtone"))
    item: dict[str, Any] = {"type": kind}
    match kind:
        case "audio":
            item["url"] = media_url(inner)
        case "tts":
            item |= speech(inner)
        case "silence":
            item["duration"] = inner.number("duration", 0.02, 3600)
            if not inner.given("duration"):
                inner.fail("duration", "duration is required.")
        case "ringtone":
            country = inner.text("name", 8, required=True)
            if country is not None and (why := rings.refusal(country)) is not None:
                inner.fail("name", f"name {why}.")
            item |= {"name": country, "duration": inner.number("duration", 1, 3600)}
        case _:
            inner.fail("type", "type must be one of audio, tts, silence, ringtone.")
            inner.know(*params)  # which of them a right type would have is not known
    for fault in inner.faults:
        form.fail(field, fault.message, fault.code)
    return item


def media_url(form: Params) -> str | None:
    url = form.text("url", 2000, required=True)
    if url is None:
        return None
    try:
        return url_text.parse_url(url, allow_private=settings.CALLWRIGHT_ALLOW_PRIVATE_URLS).url
    except url_text.UnsafeUrl as error:
        form.fail("url", f"url: {error}", "url_is_unsafe")
        return None


def speech(form: Params) -> dict[str, Any]:
    text = form.value("text", True)
    if text is not None and (not isinstance(text, str) or not 1 <= len(text) <= MAX_TEXT):
        form.fail("text", f"text must be 1 to {MAX_TEXT} characters.")
    return {"text": text, "language": spoken.language(form), **spoken.speaker(form)}


def loudness(form: Params) -> dict[str, Any]:
    volume, loop = form.number("volume", -40, 40), form.integer("loop", 0, 1000)
    return {"volume": volume or 0, "loop": 1 if loop is None else loop}


def say(form: Params) -> dict[str, Any]:
    return {"items": [{"type": "tts", **speech(form)}], **loudness(form)}


def nested(form: Params, *names: str) -> Params:
    """The form of an inner object, or the outer one where the fields stand flat."""
    found = form
    for name in names:
        value = found.value(name)
        if not isinstance(value, Mapping):
            return form
        found = found.part(name, value)
    return found


def terminators(form: Params, default: str) -> str:
    value = form.value("terminators")
    if value is None:
        return default
    if not isinstance(value, str) or len(value) > 16 or any(each not in TERMINATORS for each in value):
        form.fail("terminators", "terminators may contain only 0-9, A-D, * and #.")
        return default
    return value


def adopt_faults(outer: Params, inner: Params) -> None:
    if inner is not outer:
        outer.faults += inner.faults


def record(form: Params) -> dict[str, Any]:
    if form.given("record") and not isinstance(form.value("record"), Mapping):
        form.fail("record", "record must be an object.")
    audio = nested(form, "record", "audio")
    if audio is form:
        audio = nested(form, "record")
    initial = audio.number("initial_timeout", 0, 3600)
    silence = audio.number("end_silence_timeout", 0, 3600)
    params = {
        "format": audio.choice("format", ("wav", "mp3", "ogg"), "wav"),
        "stereo": audio.boolean("stereo") or False,
        "direction": audio.choice("direction", DIRECTIONS),  # None: what the leg says, or everybody
        "beep": audio.boolean("beep") or False,
        "initial_timeout": 0 if initial is None else initial,
        "end_silence_timeout": 0 if silence is None else silence,
        "max_length": audio.number("max_length", 1, 86400),
        "terminators": terminators(audio, ""),
        "input_sensitivity": audio.number("input_sensitivity", 0, 100),
    }
    adopt_faults(form, audio)
    return params


def collect(form: Params) -> dict[str, Any]:
    if form.given("digits") and not isinstance(form.value("digits"), Mapping):
        form.fail("digits", "digits must be an object.")
    digits = nested(form, "digits")
    if form.boolean("partial_results"):
        form.fail("partial_results", "collect has no partial results.", "not_supported")
    most, pause = digits.integer("max", 1, 64), digits.number("digit_timeout", 0.1, 600)
    first = form.number("initial_timeout", 0, 3600)
    params: dict[str, Any] = {
        "digits": {
            "max": most or 1,
            "terminators": terminators(digits, "#"),
            "digit_timeout": 5 if pause is None else pause,
        },
        "initial_timeout": 4 if first is None else first,
        "start_input_timers": form.boolean("start_input_timers") is not False,
    }
    adopt_faults(form, digits)
    if form.given("speech"):
        spoken = nested(form, "speech")
        if spoken is form:
            form.fail("speech", "speech must be an object.")
        else:
            params["speech"] = speech_params.collected(spoken)
            adopt_faults(form, spoken)
        if not form.given("digits") and not form.given("max"):
            params["digits"] = None  # words alone
    return params


STREAM_CODEC = Spelling(re.compile(r"(?i:PCMU(@8000H)?|L16(@16000H)?)"), "PCMU (8 kHz) or L16 (16 kHz)")


def stream(form: Params) -> dict[str, Any]:
    url = form.text("url", 2000, required=True)
    if url is not None:
        try:
            allow = settings.CALLWRIGHT_ALLOW_PRIVATE_URLS
            url = url_text.parse_url(url, allow_private=allow, schemes=("wss", "ws")).url
        except url_text.UnsafeUrl as error:
            form.fail("url", f"url: {error}", "url_is_unsafe")
    custom = form.value("custom_parameters")
    if custom is not None and (
        not isinstance(custom, Mapping)
        or not all(isinstance(each, str) for each in custom.values())
        or len(compact(custom)) > MAX_PARAMETERS
    ):
        form.fail("custom_parameters", "custom_parameters must be an object of strings, at most 4 kB.")
    track = form.choice("track", ("inbound_track", "outbound_track", "both_tracks"), "inbound_track")
    bidirectional = form.boolean("bidirectional")
    if bidirectional and track != "inbound_track":
        form.fail("bidirectional", "bidirectional needs the track inbound_track.")
    return {
        "url": url,
        "track": track,
        "name": form.text("name", 100),
        "codec": form.text("codec", 20, spelling=STREAM_CODEC),
        "custom_parameters": custom or {},
        "authorization_bearer_token": form.text("authorization_bearer_token", 4000),
        "bidirectional": bidirectional is not False,
    }


READERS: dict[str, Callable[[Params], dict[str, Any]]] = {
    "play": play,
    "say": say,
    "record": record,
    "collect": collect,
    "stream": stream,
    "transcribe": speech_params.transcribe,
    "detect": speech_params.detect,
    "relay": relay_params.relay,
    "denoise": speech_params.denoise,
}
