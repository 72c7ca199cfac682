"""422 `invalid_sdp` with the reason, instead of a call that ends `media_failed`; and what the
media gate can use passes."""

from __future__ import annotations

import pytest

from calling import models
from calling.sdp.peek import sdp_fault
from tests.support import fake_worker
from tests.support.people import Cast

PRINT = next(line for line in fake_worker.SDP.split("\r\n") if line.startswith("a=fingerprint"))
WRONG = {
    "it is empty": ("", "sdp must be text."),
    "it is of another version": (fake_worker.SDP.replace("v=0", "v=1"), "sdp must start with v=0"),
    "it has no section": (fake_worker.SDP.split("m=")[0], "sdp must have 1 to 12 media sections."),
    "it has only data": (
        fake_worker.SDP.replace(
            "m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel"
        ),
        "sdp describes no audio and no video.",
    ),
    "its section is off": (
        fake_worker.SDP.replace("m=audio 9", "m=audio 0"),
        "sdp describes no audio and no video.",
    ),
    "it is plain": (fake_worker.SDP.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), "The sdp must use DTLS-SRTP"),
    "its fingerprint is weak": (
        fake_worker.SDP.replace("sha-256", "sha-1"),
        "fingerprint of sha-256 or stronger",
    ),
    "its fingerprint is missing": (
        fake_worker.SDP.replace(PRINT, "a=x:y"),
        "fingerprint of sha-256 or stronger",
    ),
    "its password is short": (
        fake_worker.SDP.replace("abcdefghijklmnopqrstuv", "short"),
        "ice-ufrag and ice-pwd",
    ),
    "its setup is odd": (fake_worker.SDP.replace("actpass", "holdconn"), "a=setup"),
    "its codec is unknown": (
        fake_worker.SDP.replace("opus/48000/2", "L16/44100/2"),
        "no codec that the platform speaks",
    ),
    "it is too large": (fake_worker.SDP + "a=x:y\r\n" * 10_000, "64 kB"),
}


@pytest.mark.parametrize("why", WRONG)
@pytest.mark.django_db(transaction=True)
def test_a_description_of_no_use_makes_no_call_and_the_reason_is_said(cast: Cast, why: str) -> None:
    sdp, reason = WRONG[why]
    answer = cast.alice.rest.post("/api/calls", {"to": "/private/bob", "sdp": sdp})
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"], error["attribute"]) == (422, "invalid_sdp", "sdp")
    assert reason in error["message"]
    assert not models.Call.objects.exists()


@pytest.mark.parametrize(
    "more",
    ["m=text 9 UDP/TLS/RTP/SAVPF 98\r\n", "m=video 0 RTP/AVP 255\r\n", "a=rtpmap:99 foo\r\n", "no line\r\n",
     "a=candidate:nonsense\r\n", "a=mid:" + "m" * 40 + "\r\n", "m=image 9 udptl t38\r\n"],
)  # fmt: skip
def test_what_the_worker_can_use_passes_the_door(more: str) -> None:
    assert sdp_fault(fake_worker.SDP + more) is None
