"""What is fuzzed: a target takes any octets and returns, or raises what its callers are prepared for.

Lives here: one function for each reader of foreign input, and seeds of well-formed input. `swallow` turns
the documented refusals into nothing; any other exception is a defect.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import ModuleType

from sipmessage import Request

from calling import fields, numbers, operation_fields, verbs
from calling.api import filters
from calling.media import sdp_gate, sdp_model, stun
from calling.media.rtp import header, rtcp
from calling.scripts import checks, interpret, parse, read
from calling.signalling import frames
from calling.signalling.fabric import reading, rpc
from calling.sip import call, compose, framing, normalise, values
from subscribers import addressing
from subscribers.http import intake, problems
from tokens import signing

REFUSALS = (
    sdp_gate.BadSdp, normalise.BadSipMessage, framing.StreamError, checks.BadScript, frames.BadFrame,
    rpc.BadFrame, fields.Invalid, problems.ApiError, addressing.MalformedDestination, numbers.NoNumber,
    signing.InvalidToken,
)  # fmt: skip

swallow = contextlib.suppress(*REFUSALS)
Target = Callable[[bytes], None]


def sdp(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for plain in (False, True):
        with swallow:
            described = sdp_model.read(sdp_gate.admit(text, plain=plain))
            sdp_model.write(described, 1, 1, "127.0.0.1")
    with swallow:
        sdp_gate.admit_candidate(text)


def sip(data: bytes) -> None:
    with swallow:
        message = normalise.parse(data)
        call.sdp_of(message)
        if isinstance(message, Request):
            compose.stamp_via(message, "192.0.2.1", 5060)
        for name in ("To", "From", "Contact"):
            with contextlib.suppress(ValueError):  # what callers take for a bad address
                values.parse_addresses(message.headers.getlist(name))
    with swallow:
        for each in framing.StreamFramer().feed(data):
            normalise.parse(each)


def script(data: bytes) -> None:
    with swallow:
        run, action = interpret.start(read.parse_text(data), call={}), None
        for _ in range(20):
            run, action = interpret.advance(run, {"result": "finished", "value": "1"} if action else None)
            if run.over:
                break
    with swallow:
        parse.check_document(intake.loads(data))


def frame(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    with swallow:
        frames.read(text)
    with swallow:
        reading.read(text)


def body(data: bytes) -> None:
    """A REST body, read as every operation and as a script."""
    with swallow:
        value = intake.loads(data)
        for verb in operation_fields.READERS:
            with swallow:
                operation_fields.read(verb, value)
        with swallow:
            form = fields.Form(value)
            verbs.read_url(form, "status_url")
            verbs.read_party(form, "to")
            verbs.read_script(form)
            form.check()
        if isinstance(value, dict):
            with swallow:
                filters.read_calls_query(value)


def destination(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    with swallow:
        addressing.parse_destination(text)
    with swallow:
        numbers.read(text)
    with swallow:
        numbers.sip_user(text, to_gateway=True)


def token(data: bytes) -> None:
    with swallow:
        signing.verify(data.decode("latin-1"), "SAT")


def packet(data: bytes) -> None:
    """A decrypted RTP or RTCP packet, or a STUN message."""
    stun.transaction_of(data)
    stun.authentic(data, b"key")
    list(rtcp.parse(data))
    view = memoryview(bytearray(data))
    if len(view) < 12:
        return
    at = header.payload_offset(view, len(view))
    if at is None:
        return
    end = header.payload_end(view, len(view))
    header.extension(view, len(view), 3)
    header.renumber_extensions(view, len(view), {3: 4, 1: 2})
    header.vp8(view, at, end)
    header.h264_key(view, at, end)


TARGETS: dict[str, Target] = {
    each.__name__: each for each in (sdp, sip, script, frame, body, destination, token, packet)
}

# What a target reads with: whose lines tell whether an input went somewhere new.
READERS: dict[str, tuple[ModuleType, ...]] = {
    "sdp": (sdp_gate, sdp_model),
    "sip": (normalise, framing, values, compose, call),
    "script": (read, parse, checks, interpret),
    "frame": (frames, reading, rpc, intake),
    "body": (intake, fields, operation_fields, verbs, filters),
    "destination": (addressing, numbers),
    "token": (signing,),
    "packet": (header, rtcp, stun),
}
