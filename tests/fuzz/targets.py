"""What is fuzzed: a target takes any octets and returns, or raises what its callers are prepared for.

Lives here: one function for each reader of foreign input, and seeds of well-formed input. `swallow` turns
the documented refusals into nothing; any other exception is a defect.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import ModuleType

from sipmessage import Request

from calling.api import filters
from calling.commands import call_commands, operation_params, params
from calling.media import stun
from calling.media.rtp import header, rtcp
from calling.sdp import model, validate
from calling.signalwire.browser import rpc
from calling.sip.stack import headers, messages, parser, stream_parser
from calling.sip.ua import session
from calling.sockets import frames
from calling.swml import checks, interpret, parse, read
from calling.telephony import phone_numbers
from rest import errors, json_bodies
from subscribers import addressing
from tokens import signing

REFUSALS = (
    validate.BadSdp, parser.BadSipMessage, stream_parser.StreamError, checks.BadScript, frames.BadFrame,
    rpc.BadRpcMessage, params.InvalidParams, errors.ApiError, addressing.MalformedDestination,
    phone_numbers.NoNumber, signing.InvalidToken,
)  # fmt: skip

swallow = contextlib.suppress(*REFUSALS)
Target = Callable[[bytes], None]


def sdp(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for plain in (False, True):
        with swallow:
            described = model.read(validate.admit(text, plain=plain))
            model.write(described, 1, 1, "127.0.0.1")
    with swallow:
        validate.admit_candidate(text)


def sip(data: bytes) -> None:
    with swallow:
        message = parser.parse(data)
        session.sdp_of(message)
        if isinstance(message, Request):
            messages.stamp_via(message, "192.0.2.1", 5060)
        for name in ("To", "From", "Contact"):
            with contextlib.suppress(ValueError):  # what callers take for a bad address
                headers.parse_addresses(message.headers.getlist(name))
    with swallow:
        framer = stream_parser.StreamFramer()
        for each in framer.feed(data):
            parser.parse(each)
        if framer.fault is not None:
            parser.refusal(framer.fault.head, framer.fault.status, "x")


def script(data: bytes) -> None:
    with swallow:
        run, action = interpret.start(read.parse_text(data), call={}), None
        for _ in range(20):
            run, action = interpret.advance(run, {"result": "finished", "value": "1"} if action else None)
            if run.over:
                break
    with swallow:
        parse.check_document(json_bodies.loads(data))


def frame(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    with swallow:
        frames.read(text)
    with swallow:
        rpc.read(text)


def body(data: bytes) -> None:
    """A REST body, read as every operation and as a script."""
    with swallow:
        value = json_bodies.loads(data)
        for verb in operation_params.READERS:
            with swallow:
                operation_params.read(verb, value)
        with swallow:
            form = params.Params(value)
            params.read_url(form, "status_url")
            params.read_party(form, "to")
            params.read_script(form)
            form.check()
        if isinstance(value, dict):
            with swallow:
                filters.read_calls_query(value)


def destination(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    with swallow:
        addressing.parse_destination(text)
    with swallow:
        phone_numbers.read(text)
    with swallow:
        phone_numbers.sip_user(text, to_gateway=True)


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
    "sdp": (validate, model),
    "sip": (parser, stream_parser, headers, messages, session),
    "script": (read, parse, checks, interpret),
    "frame": (frames, rpc, json_bodies),
    "body": (json_bodies, params, operation_params, call_commands, filters),
    "destination": (addressing, phone_numbers),
    "token": (signing,),
    "packet": (header, rtcp, stun),
}
