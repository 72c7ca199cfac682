"""SRTP by libsrtp, in place, on raw pointers of sessions, and the buffers that it shares with the sockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi, lib

# In-place SRTP on raw session pointers: (session, buffer, int* length) -> 0 or an error number.
protect = lib.srtp_protect
unprotect = lib.srtp_unprotect
protect_rtcp = lib.srtp_protect_rtcp
unprotect_rtcp = lib.srtp_unprotect_rtcp
InPlace: TypeAlias = Callable[[Any, Any, Any], int]


class Srtp(NamedTuple):
    """The four, for a transport: these, or the same under a lock where a thread uses its sessions too."""

    protect: InPlace
    unprotect: InPlace
    protect_rtcp: InPlace
    unprotect_rtcp: InPlace


SRTP = Srtp(protect, unprotect, protect_rtcp, unprotect_rtcp)
# Where they are in memory, for code that is not Python (calling/media/loop).
SRTP_ADDRESSES = tuple(
    int(ffi.cast("uintptr_t", ffi.addressof(lib, f"srtp_{name}"))) for name in Srtp._fields
)


class PacketBuffer:
    """A reused buffer that libsrtp and the socket share: `c` for cffi, `view` for Python, `length` int*."""

    __slots__ = ("c", "length", "view")

    def __init__(self, size: int = 2048) -> None:
        self.c = ffi.new("char[]", size)
        self.view = memoryview(ffi.buffer(self.c)).cast("B")
        self.length = ffi.new("int *")


# The suites of RFC 4568 6.2 and RFC 7714 14.2 that libsrtp has a profile for.
SDES_PROFILES: dict[str, int] = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}


def sdes_session(suite: str, key: bytes, inbound: bool) -> Session:
    """A session for a SIP leg keyed by SDES (RFC 4568). key: master key and salt, as long as the suite's."""
    policy = Policy(
        key=key,
        ssrc_type=Policy.SSRC_ANY_INBOUND if inbound else Policy.SSRC_ANY_OUTBOUND,
        srtp_profile=SDES_PROFILES[suite],
    )
    policy.allow_repeat_tx = True
    policy.window_size = 1024
    return Session(policy)


def raw_session(session: Session) -> Any:
    """The raw pointer of a session; the session must be kept alive by the caller."""
    return session._srtp[0]
