"""The gate every remote SDP and ICE candidate passes before anything else reads it (docs/security.md#r11).

`admit(text, loopback)` returns a text of which each section can be read alone, or raises BadSdp with one
sentence for the client; nothing else. What cannot be used is left out line by line, and a section that
cannot be used gets port 0 (RFC 3264 section 6), so that the rest goes on. `admit_candidate` does the same
for one trickled candidate line. Pure: standard library only.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field

MAX_BYTES = 64 * 1024
MAX_LINES = 2000
MAX_SECTIONS = 12
MAX_CANDIDATES = 20  # used per section; what comes after them is left out
MAX_FORMATS = 64  # read per section

# RFC 8122 section 5: upper or lower case hex; SHA-1 and weaker are refused (docs/security.md#r26).
DIGEST_BYTES = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
# RFC 8866 section 9: a media type is a token; what it and the transport mean is judged afterwards.
_SECTION = re.compile(
    r"m=([A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,64})[ \t]+(\d{1,5})(?:/\d{1,5})?[ \t]+([\x21-\x7e]{1,64})"
    r"((?:[ \t]+[\x21-\x7e]{1,64})*)[ \t]*"
)
_LINE = re.compile(r"[A-Za-z]=")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_GROUP = re.compile(r"a=group:\s*BUNDLE\b")
_MID = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,255}")
_WEBRTC_PROFILES = {"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF", "UDP/DTLS/SCTP", "DTLS/SCTP"}
_DTLS_PROFILES = {"UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"}
_PLAIN_PROFILES = {"RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF", *_DTLS_PROFILES}
_UNSIGNED = "sdp must carry a fingerprint of sha-256 or stronger."
_KINDS = ("audio", "video", "application")
# RFC 8839 knows letters, digits, + and /; libwebrtc takes the other four too, because clients write them.
_ICE_TEXT = re.compile(r"[A-Za-z0-9+/=#_-]+")
_FOUNDATION = re.compile(r"[\x21-\x7e]{1,256}")
_CANDIDATE_TYPES = {"host", "srflx", "prflx", "relay"}
# RFC 9143 section 7.1.3: what a bundled section takes from the tagged one when it does not repeat it.
_OF_TRANSPORT = (("ice-ufrag", "ice-pwd", "candidate"), ("fingerprint",), ("setup",))


class BadSdp(ValueError):
    """The session description cannot be used; the text says why, for the one who sent it."""


@dataclass
class _Block:
    """One media section as it came: its lines, what its m= line says, its attributes by name."""

    lines: list[str]
    kind: str = ""
    port: int = 0
    profile: str = ""
    formats: list[str] = field(default_factory=list)
    facts: dict[str, list[str]] = field(default_factory=dict)
    mid: str | None = None
    bundled: bool = False

    @property
    def off(self) -> bool:
        """Rejected by its maker: port 0 means that, but for a bundle-only section (RFC 9143 section 6)."""
        return self.port == 0 and not (self.bundled and "bundle-only" in self.facts)


def anywhere(host: str) -> bool:
    """A judge of candidates' addresses that refuses none."""
    return True


def admit(
    text: object,
    *,
    loopback: bool = False,
    plain: bool = False,
    reaches: Callable[[str], bool] = anywhere,
) -> str:
    """Return the SDP without what cannot be used, or raise BadSdp where no section is left.

    loopback: whether candidates on loopback addresses may stay. reaches: says of a candidate's address
    whether it may stay. plain: an SDP of a SIP peer or trunk (RTP/AVP, SDES, or DTLS-SRTP without ICE), for
    which no ICE is required.
    """
    session, blocks = _blocks(text)
    own = _facts(session)
    group = _bundle(own, blocks)
    leader = next((block for mid in group for block in blocks if block.mid == mid and not block.off), None)
    faults: list[str] = []
    used = 0
    kept = [line for line in session if sound(line) and not _GROUP.match(line)]
    kept += [f"a=group:BUNDLE {' '.join(group)}"] if group else []
    for block in blocks:
        if not block.off:
            if block.bundled and leader is not None and leader is not block and not plain:
                _inherit(block, leader)
            fault = _fault(block, own, plain)
            if fault is None:
                kept += _kept(block, lambda value: _usable(value, loopback, reaches), plain)
                used += block.kind != "application"
                continue
            faults.append(fault)
        kept += _closed(block)
    if faults and not used:
        raise BadSdp(faults[0])
    return "\r\n".join(kept) + "\r\n"


def is_webrtc(text: object) -> bool:
    """Whether a description offers sound or picture over ICE and DTLS; False for what is no description."""
    try:
        admitted = admit(text)
    except BadSdp:
        return False
    return any(re.match(r"m=(?:audio|video) [1-9]|a=bundle-only$", line) for line in admitted.split("\r\n"))


def admit_candidate(
    text: object, *, loopback: bool = False, reaches: Callable[[str], bool] = anywhere
) -> str | None:
    """Return `foundation component udp …` of a usable trickled candidate, None for one to be ignored.

    Accepts the value with or without `candidate:` / `a=`; raises BadSdp for one that is malformed.
    """
    if not isinstance(text, str) or len(text) > 512:
        raise BadSdp("candidate must be a string of at most 512 characters.")
    value = text.strip().removeprefix("a=").removeprefix("candidate:")
    if not value:
        return None
    if not _is_candidate(value):
        raise BadSdp("The candidate is malformed.")
    return value if _usable(value, loopback, reaches) else None


def _blocks(text: object) -> tuple[list[str], list[_Block]]:
    """The session's lines and the sections of a text of bounded size. A line that is none is left out."""
    if not isinstance(text, str) or not text:
        raise BadSdp("sdp must be a non-empty string.")
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise BadSdp("sdp is larger than 64 kB.")
    if "\x00" in text or (not text.isascii() and _SURROGATE.search(text)):
        raise BadSdp("sdp contains characters that SDP does not allow.")
    lines = [line for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line.strip()]
    if len(lines) > MAX_LINES or not lines or lines[0].strip() != "v=0":
        raise BadSdp("sdp must start with v=0 and have at most 2000 lines.")
    session: list[str] = []
    blocks: list[_Block] = []
    for line in (line.rstrip() for line in lines):
        if line.startswith("m="):
            blocks.append(_block(line))
        elif _LINE.match(line):
            (blocks[-1].lines if blocks else session).append(line)
    if not 1 <= len(blocks) <= MAX_SECTIONS:
        raise BadSdp("sdp must have 1 to 12 media sections.")
    return session, blocks


def _block(line: str) -> _Block:
    header = _SECTION.fullmatch(line)
    if header is None:
        raise BadSdp("A media section of the sdp is malformed.")
    formats = header[4].split()[:MAX_FORMATS]
    return _Block([line], header[1], int(header[2]), header[3], formats)


def _bundle(own: dict[str, list[str]], blocks: list[_Block]) -> list[str]:
    """Fill in what each section says of itself; returns the mids of the BUNDLE group. A mid counts once.

    Of several groups (RFC 9143 section 7.2) it is the one with the most sound and pictures; the sections of
    the others have transports of their own, as if they were in no group.
    """
    taken: set[str] = set()
    for block in blocks:
        block.facts = _facts(block.lines)
        mid = next((value for value in block.facts.get("mid", []) if _MID.fullmatch(value)), None)
        block.mid = mid if mid not in taken else None
        if block.mid is not None:
            taken.add(block.mid)
    groups = [value.split()[1:] for value in own.get("group", []) if value.split()[:1] == ["BUNDLE"]]
    flowing = {block.mid for block in blocks if block.kind in ("audio", "video")}
    group = max(groups, key=lambda mids: len(flowing.intersection(mids)), default=[])
    group = [mid for mid in group if mid in taken]
    for block in blocks:
        block.bundled = block.mid in group
    return group


def _facts(lines: list[str]) -> dict[str, list[str]]:
    facts: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith("a="):
            name, _, value = line[2:].partition(":")
            value, judge = value.strip(), _SOUND.get(name)
            if judge is None or judge(value):
                facts.setdefault(name, []).append(value)
    return facts


def _inherit(block: _Block, leader: _Block) -> None:
    """Lines of the transport stand in the tagged section alone (RFC 8829 section 5.2.1)."""
    for names in _OF_TRANSPORT:
        if not any(name in block.facts for name in names[:2]):
            for name in names:
                _copy(name, block, leader)
    same = block.facts.get("ice-ufrag") == leader.facts.get("ice-ufrag")
    if leader.kind == "application" and same and "candidate" not in block.facts:
        _copy("candidate", block, leader)  # a data channel first: the way is its, and it is not taken


def _copy(name: str, block: _Block, leader: _Block) -> None:
    values = leader.facts.get(name, [])
    block.lines += [f"a={name}:{value}" for value in values]
    block.facts[name] = block.facts.get(name, []) + values


def _fault(block: _Block, session: dict[str, list[str]], plain: bool) -> str | None:
    """Why this section cannot be used, None if it can."""
    if block.kind not in _KINDS or not block.formats:
        return "The sdp describes no audio and no video."
    if block.port > 65535:
        return "A media section of the sdp has a port beyond 65535."
    if plain:
        profile = block.profile.upper()
        if profile not in _PLAIN_PROFILES or block.kind == "application":
            return "The sdp's transport profile is not supported."
        signed = "fingerprint" in block.facts or "fingerprint" in session
        return None if signed or profile not in _DTLS_PROFILES else _UNSIGNED
    fault = _webrtc_fault(block.profile.upper(), session, block.facts)
    if fault is None and "setup" not in block.facts and "setup" not in session and _says_setup(block.lines):
        return "sdp must carry a=setup of active, passive or actpass."
    return fault


def _webrtc_fault(profile: str, session: dict[str, list[str]], own: dict[str, list[str]]) -> str | None:
    if profile not in _WEBRTC_PROFILES:
        return "The sdp must use DTLS-SRTP (UDP/TLS/RTP/SAVPF)."
    missing = {name for name in _NEEDED if name not in own and name not in session}
    if "fingerprint" in missing and "crypto" in own:
        return "SDES keys are not accepted; the sdp must use DTLS-SRTP."
    if "fingerprint" in missing:
        return _UNSIGNED
    if missing & {"ice-ufrag", "ice-pwd"}:
        return "sdp must carry a valid ice-ufrag and ice-pwd."
    return None


def _says_setup(lines: list[str]) -> bool:
    """Whether a role is named at all: without one there is a default, with `holdconn` alone there is none
    (RFC 5763 section 5)."""
    return any(line.startswith("a=setup:") for line in lines)


def sound(line: str) -> bool:
    """Whether a line may stay: one of the transport's that makes no sense must not hide one that does."""
    if not line.startswith("a="):
        return True
    name, _, value = line[2:].partition(":")
    judge = _SOUND.get(name)
    return judge is None or judge(value.strip())


def _strong(value: str) -> bool:
    algorithm, _, digest = value.partition(" ")
    size = DIGEST_BYTES.get(algorithm.lower())
    return size is not None and bool(
        re.fullmatch(rf"(?:[0-9A-Fa-f]{{2}}:){{{size - 1}}}[0-9A-Fa-f]{{2}}", digest.strip())
    )


_SOUND: dict[str, Callable[[str], bool]] = {
    "fingerprint": _strong,
    # RFC 8839 section 5.4: 4-256 and 22-256 characters.
    "ice-ufrag": lambda value: 4 <= len(value) <= 256 and _ICE_TEXT.fullmatch(value) is not None,
    "ice-pwd": lambda value: 22 <= len(value) <= 256 and _ICE_TEXT.fullmatch(value) is not None,
    "setup": lambda value: value.lower() in ("active", "passive", "actpass"),
}
_NEEDED = ("fingerprint", "ice-ufrag", "ice-pwd")  # a=setup has a default (RFC 4145 section 4)


def _kept(block: _Block, usable: Callable[[str], bool], plain: bool) -> list[str]:
    """The lines of a section that is used: strong fingerprints, the first usable candidates, one mid."""
    kept = [_header(block, block.port)]
    count, named = 0, False
    for line in block.lines[1:]:
        name, _, value = line.partition(":")
        if name == "a=candidate":
            if plain or count == MAX_CANDIDATES or not usable(value.strip()):
                continue
            count += 1
        elif not sound(line):
            continue
        elif name == "a=crypto" and not plain:
            continue  # DTLS was chosen: a key in clear text is of no use
        elif name == "a=mid":
            if named or value.strip() != block.mid:
                continue
            named = True
        elif name == "a=bundle-only" and not block.bundled:
            continue
        kept.append(line)
    return kept


def _closed(block: _Block) -> list[str]:
    """A section that is not used: what its answer must repeat, and port 0."""
    return [_header(block, 0), *([f"a=mid:{block.mid}"] if block.mid is not None else [])]


def _header(block: _Block, port: int) -> str:
    return f"m={block.kind} {port} {block.profile} {' '.join(block.formats or ['0'])}"


def _is_candidate(value: str) -> bool:
    """RFC 8839 section 5.1, as far as it is read; a foundation may be any word."""
    bits = value.split()
    return (
        len(bits) >= 8
        and bits[6] == "typ"
        and bits[7] in _CANDIDATE_TYPES
        and _FOUNDATION.fullmatch(bits[0]) is not None
        and _number(bits[1], 256)
        and _number(bits[3], 2**32 - 1)
        and _number(bits[5], 65535)
    )


def _number(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= most


def _usable(value: str, loopback: bool, reaches: Callable[[str], bool]) -> bool:
    bits = value.split()
    if not _is_candidate(value) or bits[2].lower() != "udp" or int(bits[1]) != 1 or int(bits[5]) == 0:
        return False
    return reachable(bits[4], loopback) and reaches(bits[4])


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
