"""The private parts of aiortc, aioice and pylibsrtp that the packet path stands on: fails on an upgrade."""

from __future__ import annotations

import importlib.metadata
import inspect

from aioice import ice, stun
from aiortc import rtcdtlstransport as dtls
from pylibsrtp import Session
from pylibsrtp._binding import lib

PINS = {"aiortc": "1.16.0", "aioice": "0.13.0", "pylibsrtp": "1.0.0"}  # what aiortc_private is written for
ADVICE = "read the changelog, then calling/media/aiortc_private, then move the pin"


def test_installed_versions_are_the_pinned_ones() -> None:
    assert {name: importlib.metadata.version(name) for name in PINS} == PINS, ADVICE


def test_the_ice_agent_still_has_the_parts_that_are_used() -> None:
    source = inspect.getsource(ice.Connection)
    for part in (
        "_check_list_state", "_check_periodic", "_early_checks_done", "_pair_remote_candidate", "_nominated",
        "_unfreeze_initial", "_protocols", "_local_candidates_end", "_closing", "_remote_candidates",
        "_tie_breaker",
    ):  # fmt: skip
        assert part in source, f"{part} is gone from aioice: {ADVICE}"
    for name in ("request_received", "check_incoming", "check_complete", "build_request", "sort_check_list"):
        assert callable(getattr(ice.Connection, name)), f"{name} is gone from aioice: {ADVICE}"
    assert "transactions" in inspect.getsource(ice.StunProtocol)
    assert "_network_host" in inspect.getsource(ice.CandidatePair)
    asked = list(inspect.signature(ice.StunProtocol.request).parameters)
    assert asked == ["self", "request", "addr", "integrity_key", "retransmissions"], ADVICE
    assert callable(ice.StunProtocol.send_stun)
    assert {"response_received"} <= set(vars(stun.Transaction))


def test_the_dtls_transport_still_has_the_parts_that_are_used() -> None:
    source = inspect.getsource(dtls.RTCDtlsTransport)
    for part in ("_rx_srtp", "_tx_srtp", "_srtp_profiles", "transport._recv", "transport._send", "_set_role"):
        assert part in source, f"{part} is gone from aiortc: {ADVICE}"
    assert "self._validate_peer_identity(remoteParameters)" in source and "self._ssl" in source, ADVICE
    assert "_create_ssl_context" in vars(dtls.RTCCertificate)
    assert "_srtp" in inspect.getsource(Session.__init__), f"pylibsrtp keeps its pointer elsewhere: {ADVICE}"
    for name in ("srtp_protect", "srtp_unprotect", "srtp_protect_rtcp", "srtp_unprotect_rtcp"):
        assert hasattr(lib, name), f"{name} is gone from pylibsrtp: {ADVICE}"
