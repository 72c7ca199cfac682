"""From one step of a checked document to its Action: substitution, the checks that had to wait, defaults.
Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from calling.swml import actions, conversation_relay, live_transcribe
from calling.swml.actions import Action, Device, Item, Playing
from calling.swml.checks import BadScript, is_template, only_fills
from calling.swml.expressions import Scope, substitute
from calling.swml.state import storable
from calling.swml.verbs import DEVICE, URLS, VERBS, link

WAITING: Final = ("result", "on_return", "confirm")
"""Parameters that hold steps for later: not substituted with the step they belong to."""


@dataclass
class Step:
    """One step at the moment it runs. `remember`: what its outcome will need."""

    verb: str
    path: str
    given: dict[str, Any]
    scope: Scope
    came_from_caller: Callable[[Any], bool]
    before_caller: Callable[[str], str]  # a template's text before the first word of the caller's
    remember: dict[str, Any] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """All parameters, substituted, checked and with defaults."""
        spec = VERBS[self.verb]
        found = {**spec.defaults, **self.filled(self.path, self.given, spec.fields)}
        for needed in spec.needs:
            if needed not in found:
                raise BadScript(f"{self.path}.{needed}", "is empty")
        return found

    def filled(self, path: str, given: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in given.items():
            if key in WAITING:
                found[key] = value
                continue
            plain = substitute(value, self.scope)
            if not is_template(value) and not isinstance(value, dict | list):
                found[key] = value
            elif is_template(value) and plain in ("", None):
                continue  # an unset variable leaves the default
            else:
                check = fields.get(key)
                found[key] = check(f"{path}.{key}", plain) if check else plain
                if check in URLS and is_template(value):
                    self.judge_url(f"{path}.{key}", value, found[key])
        return found

    def judge_url(self, path: str, written: str, url: str, *, query_only: bool = False) -> None:
        """Raises BadScript for a URL that the caller's words made into one of theirs."""
        if self.came_from_caller(written):
            only_fills(path, self.before_caller(written), url, query_only=query_only)


def item(text: str) -> Item:
    """A checked source as an Item."""
    scheme, _, rest = text.partition(":")
    match scheme.lower():
        case "say":
            return Item("say", rest.strip())
        case "silence":
            return Item("silence", "", float(rest))
        case "ring":
            seconds, _, country = rest.strip().rpartition(":")
            return Item("ring", country.strip().lower(), float(seconds or 0))
    return Item("url", text)


def _playing(step: Step, values: Mapping[str, Any], written: Mapping[str, Any]) -> Playing:
    """`values` as they are now, `written` as the script has them."""
    sources = VERBS["play"].fields["urls"](f"{step.path}.url", values["urls"])
    items = tuple(item(one) for one in sources)
    for given, one in zip(written["urls"], items, strict=True):
        if one.kind == "url":
            step.judge_url(f"{step.path}.url", given, one.text)
    if values.get("status_url"):
        step.judge_url(f"{step.path}.status_url", written["status_url"], values["status_url"])
    return Playing(
        items=items,
        volume=values.get("volume", 0),
        loops=values.get("loops", 1),
        voice=values.get("say_voice", ""),
        language=values.get("say_language", "en-US"),
        gender=values.get("say_gender", ""),
        status_url=values.get("status_url", ""),
    )


def _play(step: Step) -> Action:
    values = step.values()
    return actions.Play(step.path, _playing(step, values, step.given), values["auto_answer"])


def _prompt(step: Step) -> Action:
    values = step.values()
    keys = ("max_digits", "terminators", "digit_timeout", "initial_timeout")
    given: dict[str, Any] = {key: values[key] for key in keys}
    spoken = {asked: values[name] for name, asked in SPOKEN.items() if values.get(name) not in (None, "")}
    if any(name in step.given for name in (*SPOKEN, "speech_engine")):
        # Words alone, where nothing is said of keys.
        given |= {"speech": spoken, "digits": any(key in step.given for key in keys[:3])}
    return actions.Prompt(step.path, _playing(step, values, step.given), **given)


SPOKEN: Final = {
    "speech_timeout": "speech_timeout",
    "speech_end_timeout": "end_silence_timeout",
    "speech_language": "language",
    "speech_hints": "hints",
}
"""Parameters of a prompt, and the fields of a collect's `speech` that they are."""


def _record(step: Step) -> Action:
    values = step.values()
    if step.verb == "record":
        return actions.Record(step.path, **values)
    return actions.StartRecord(step.path, **values)


def _connect(step: Step) -> Action:
    values = step.values()
    if "conversation_relay" in values:
        return _relay(step, values["conversation_relay"])
    groups = []
    for i, group in enumerate(step.given["groups"]):
        devices = [_device(step, f"{step.path}[{i}][{j}]", one) for j, one in enumerate(group)]
        groups.append(tuple(devices))
    ringback = values.get("ringback")
    return actions.Connect(
        step.path,
        tuple(groups),
        _playing(step, {**VERBS["play"].defaults, **ringback}, step.given["ringback"]) if ringback else None,
    )


def _relay(step: Step, relay: Mapping[str, Any]) -> Action:
    written = step.given["conversation_relay"]
    for name in ("url", "status_url"):
        if is_template(written.get(name)):
            step.judge_url(f"{step.path}.conversation_relay.{name}", written[name], relay.get(name, ""))
    return actions.ConnectRelay(step.path, conversation_relay.asks(relay), relay.get("status_url", ""))


def _device(step: Step, path: str, given: dict[str, Any]) -> Device:
    values = step.filled(path, given, DEVICE)
    if not values.get("to"):
        raise BadScript(f"{path}.to", "is empty")
    extra: dict[str, Any] = {key: values[key] for key in _DEVICE_SAME if key in values}
    if isinstance(values.get("confirm"), str):
        extra |= _asked_by_url(step, f"{path}.confirm", values["confirm"])
    return Device(
        to=str(values["to"]).strip(),
        from_caller=step.came_from_caller(given["to"]),
        caller=values.get("from", ""),
        caller_name=values.get("from_name", ""),
        call_state_events=tuple(values.get("call_state_events") or ("ended",)),
        **extra,
    )


def _asked_by_url(step: Step, path: str, written: str) -> dict[str, Any]:
    """The URL of a `confirm` as it is now. An empty one is no leave to connect unasked."""
    url = link(path, substitute(written, step.scope))
    step.judge_url(path, written, url, query_only=True)
    return {"confirm": url, "confirm_from_caller": step.came_from_caller(written)}


_DEVICE_SAME: Final = (
    "headers", "timeout", "max_duration", "codecs", "confirm", "confirm_timeout", "username", "password",
    "encryption", "session_timeout", "answer_on_bridge", "call_state_url", "status_url",
)  # fmt: skip


def _join_room(step: Step) -> Action:
    values = step.values()
    from_caller = step.came_from_caller(step.given["name"])
    return actions.JoinRoom(step.path, values["name"], values.get("muted", False), from_caller)


def _refer(step: Step) -> Action:
    values = step.values()
    step.remember = {"to": values["to_uri"]}
    return actions.Refer(
        step.path,
        values["to_uri"],
        step.came_from_caller(step.given["to_uri"]),
        values.get("username", ""),
        values.get("password", ""),
        values.get("status_url", ""),
    )


def _request(step: Step) -> Action:
    values = step.values()
    body = values.get("body", "")
    headers = dict(values.get("headers", {}))
    if not isinstance(body, str):
        body = json.dumps(body, ensure_ascii=False)
    if body and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/json" if body.lstrip()[:1] in ("{", "[") else "text/plain"
    step.remember = {"url": values["url"], "save": values["save_variables"]}
    from_caller = step.came_from_caller(step.given["url"])
    return actions.Request(
        step.path,
        values["url"],
        values["method"],
        headers,
        body,
        values["timeout"] or 10,
        from_caller,
        values.get("connect_timeout", 0),
    )


def _tap(step: Step) -> Action:
    values = step.values()
    track = {"listen": "outbound_track", "both": "both_tracks"}.get(values["direction"], "inbound_track")
    return actions.StartStream(
        step.path, "tap", values["uri"], values.get("control_id", ""), track, values["codec"], False,
        status_url=values.get("status_url", ""),
    )  # fmt: skip


def _stream(step: Step) -> Action:
    values = step.values()
    return actions.StartStream(
        step.path,
        "stream",
        values["url"],
        values.get("control_id", ""),
        values["track"],
        values["codec"],
        values["bidirectional"] and values["track"] == "inbound_track",
        values.get("authorization_bearer_token", ""),
        values.get("custom_parameters", {}),
        values.get("status_url", ""),
        values.get("name", ""),
    )


THRESHOLDS: Final = (
    "initial_timeout", "end_silence_timeout", "machine_voice_threshold", "machine_words_threshold",
    "machine_ready_timeout",
)  # fmt: skip


def _detect_machine(step: Step) -> Action:
    values = step.values()
    return actions.DetectMachine(
        step.path,
        {name: values[name] for name in THRESHOLDS if name in values},
        values["detect_message_end"],
        values["timeout"],
        values["wait"],
        values.get("status_url", ""),
    )


def _live_transcribe(step: Step) -> Action:
    wanted = step.values()["action"]
    if wanted == "stop":
        return actions.StopTranscribe(step.path)
    start = wanted["start"]
    return actions.StartTranscribe(
        step.path, live_transcribe.asks(start), live_transcribe.of_all(start), start.get("webhook", "")
    )


def _sleep(step: Step) -> Action:
    duration = step.values()["duration"]
    return actions.Sleep(step.path, None if duration < 0 else duration / 1000)


BUILDERS: Final[Mapping[str, Callable[[Step], Action]]] = {
    "answer": lambda step: actions.Answer(step.path, step.values().get("max_duration")),
    "hangup": lambda step: actions.Hangup(step.path, step.values()["reason"]),
    "play": _play,
    "prompt": _prompt,
    "record": _record,
    "record_call": _record,
    "stop_record_call": lambda step: actions.StopRecord(step.path, step.values().get("control_id", "")),
    "connect": _connect,
    "join_room": _join_room,
    "join_conference": _join_room,
    "sip_refer": _refer,
    "user_event": lambda step: actions.UserEvent(step.path, storable(step.values()["event"])),
    "send_digits": lambda step: actions.SendDigits(step.path, step.values()["digits"]),
    "sleep": _sleep,
    "request": _request,
    "tap": _tap,
    "stop_tap": lambda step: actions.StopStream(step.path, "tap", step.values().get("control_id", "")),
    "stream": _stream,
    "detect_machine": _detect_machine,
    "live_transcribe": _live_transcribe,
    "denoise": lambda step: actions.StartDenoise(step.path),
    "stop_denoise": lambda step: actions.StopDenoise(step.path),
    "stop_stream": lambda step: actions.StopStream(step.path, "stream", step.values().get("control_id", "")),
}
