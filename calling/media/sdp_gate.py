"""The gate every remote SDP and ICE candidate passes before aiortc's parser sees it (R11).

`admit(text, loopback)` returns a cleaned text or raises BadSdp with one sentence for the client; nothing
else. `admit_candidate` does the same for one trickled candidate line. Pure: standard library only.
"""

from __future__ import annotations

import ipaddress
import re

MAX_BYTES = 64 * 1024
MAX_LINES = 2000
MAX_SECTIONS = 12
MAX_CANDIDATES = 20
MAX_FORMATS = 64

# RFC 8122 section 5: upper or lower case hex; SHA-1 and weaker are refused (R26).
DIGEST_BYTES = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
_SECTION = re.compile(
    r"m=(audio|video|application) (\d{1,5})(?:/\d+)? ([A-Z0-9/]{3,24}) ([\x21-\x7e ]{1,512})"
)
_WEBRTC_PROFILES = {"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF", "UDP/DTLS/SCTP", "DTLS/SCTP"}
_PLAIN_PROFILES = {"RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"}
_ICE_TEXT = re.compile(r"[A-Za-z0-9+/]+")
_FOUNDATION = re.compile(r"[A-Za-z0-9+/]{1,32}")
_CANDIDATE_TYPES = {"host", "srflx", "prflx", "relay"}


class BadSdp(ValueError):
    """The session description cannot be used; the text says why, for the one who sent it."""


def admit(text: object, *, loopback: bool = False, plain: bool = False) -> str:
    """Return the SDP with unusable candidates removed, or raise BadSdp.

    loopback: whether candidates on loopback addresses may stay. plain: an SDP of a SIP peer or trunk
    (RTP/AVP or SDES), for which neither ICE nor a fingerprint is required.
    """
    if not isinstance(text, str) or not text:
        raise BadSdp("sdp must be a non-empty string.")
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise BadSdp("sdp is larger than 64 kB.")
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise BadSdp("sdp contains characters that SDP does not allow.")
    lines = [line for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line]
    if len(lines) > MAX_LINES or not lines or lines[0] != "v=0":
        raise BadSdp("sdp must start with v=0 and have at most 2000 lines.")
    session, sections = _split(lines)
    if not 1 <= len(sections) <= MAX_SECTIONS:
        raise BadSdp("sdp must have 1 to 12 media sections.")
    budget = MAX_CANDIDATES * (1 if plain else len(sections))
    own = _facts(session)
    kept = list(session)
    for section in sections:
        header = _SECTION.fullmatch(section[0])
        if header is None or len(header[4].split()) > MAX_FORMATS:
            raise BadSdp("A media section of the sdp is malformed.")
        rejected = header[2] == "0" and "a=bundle-only" not in section
        if not rejected:
            _check_section(header[3], own, _facts(section), plain)
        kept_section, count = _clean(section, loopback)
        if count > MAX_CANDIDATES:
            raise BadSdp("sdp lists more than 20 candidates for one media section.")
        budget -= count
        kept += kept_section
    if budget < 0:
        raise BadSdp("sdp lists too many candidates.")
    return "\r\n".join(kept) + "\r\n"


def admit_candidate(text: object, *, loopback: bool = False) -> str | None:
    """Return `foundation component udp …` of a usable trickled candidate, None for one to be ignored.

    Accepts the value with or without `candidate:` / `a=`; raises BadSdp for one that is malformed.
    """
    if not isinstance(text, str) or len(text) > 512:
        raise BadSdp("candidate must be a string of at most 512 characters.")
    value = text.strip().removeprefix("a=").removeprefix("candidate:")
    if not value:
        return None
    return value if _usable(value, loopback) else None


def _split(lines: list[str]) -> tuple[list[str], list[list[str]]]:
    session: list[str] = []
    sections: list[list[str]] = []
    for line in lines:
        if len(line) < 2 or line[1] != "=":
            raise BadSdp("sdp contains a line that is not of the form x=value.")
        if line.startswith("m="):
            sections.append([line])
        elif sections:
            sections[-1].append(line)
        else:
            session.append(line)
    return session, sections


def _facts(lines: list[str]) -> dict[str, list[str]]:
    facts: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith("a="):
            name, _, value = line[2:].partition(":")
            facts.setdefault(name, []).append(value)
    return facts


def _check_section(
    profile: str, session: dict[str, list[str]], own: dict[str, list[str]], plain: bool
) -> None:
    if plain:
        if profile not in _PLAIN_PROFILES:
            raise BadSdp("The sdp's transport profile is not supported.")
        return
    if profile not in _WEBRTC_PROFILES:
        raise BadSdp("The sdp must use DTLS-SRTP (UDP/TLS/RTP/SAVPF).")
    if "crypto" in own:
        raise BadSdp("SDES keys are not accepted; the sdp must use DTLS-SRTP.")
    prints = own.get("fingerprint") or session.get("fingerprint") or []
    if not prints or not any(_strong(value) for value in prints):
        raise BadSdp("sdp must carry a fingerprint of sha-256 or stronger.")
    user = (own.get("ice-ufrag") or session.get("ice-ufrag") or [""])[0]
    word = (own.get("ice-pwd") or session.get("ice-pwd") or [""])[0]
    # RFC 8839 section 5.4: 4-256 and 22-256 ice-chars.
    if not (
        4 <= len(user) <= 256
        and 22 <= len(word) <= 256
        and _ICE_TEXT.fullmatch(user)
        and _ICE_TEXT.fullmatch(word)
    ):
        raise BadSdp("sdp must carry a valid ice-ufrag and ice-pwd.")
    setup = (own.get("setup") or session.get("setup") or [""])[0]
    if setup not in ("active", "passive", "actpass"):
        raise BadSdp("sdp must carry a=setup of active, passive or actpass.")


def _strong(value: str) -> bool:
    algorithm, _, digest = value.partition(" ")
    size = DIGEST_BYTES.get(algorithm.lower())
    return size is not None and bool(
        re.fullmatch(rf"(?:[0-9A-Fa-f]{{2}}:){{{size - 1}}}[0-9A-Fa-f]{{2}}", digest.strip())
    )


def _clean(section: list[str], loopback: bool) -> tuple[list[str], int]:
    kept: list[str] = []
    count = 0
    for line in section:
        if line.startswith("a=candidate:"):
            count += 1
            if not _usable(line[12:], loopback):
                continue
        elif line.startswith("a=fingerprint:") and not _strong(line[14:]):
            continue
        kept.append(line)
    return kept, count


def _usable(value: str, loopback: bool) -> bool:
    bits = value.split()
    if len(bits) < 8 or bits[6] != "typ" or not _FOUNDATION.fullmatch(bits[0]):
        raise BadSdp("A candidate of the sdp is malformed.")
    if not (bits[1].isascii() and bits[1].isdigit() and bits[3].isascii() and bits[3].isdigit()):
        raise BadSdp("A candidate of the sdp is malformed.")
    if not (bits[5].isascii() and bits[5].isdigit() and len(bits[5]) <= 5 and int(bits[5]) <= 65535):
        raise BadSdp("A candidate of the sdp is malformed.")
    if len(bits[1]) > 3 or len(bits[3]) > 10 or bits[7] not in _CANDIDATE_TYPES:
        raise BadSdp("A candidate of the sdp is malformed.")
    if bits[2].lower() != "udp" or bits[1] != "1" or int(bits[5]) == 0:
        return False
    return reachable(bits[4], loopback)


def reachable(host: str, loopback: bool) -> bool:
    """Whether datagrams may be sent to this literal address: names and special ranges are refused."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False  # a name, .local or not: nothing is ever resolved for a stranger
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return False
        mapped = address.ipv4_mapped
        address = mapped if mapped is not None else address
    if address.is_loopback:
        return loopback
    return not (
        address.is_multicast or address.is_link_local or address.is_unspecified or address.is_reserved
    )
