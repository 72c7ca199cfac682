"""Session descriptions as values: reading one that passed the gate, writing one of ours. Pure.

Reads only what the platform uses; what it does not know it leaves out. Standard library only.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from calling.sdp import validate

# RFC 3551 section 6: payload types that need no rtpmap.
STATIC_FORMATS = {0: ("PCMU", 8000, 1), 8: ("PCMA", 8000, 1), 9: ("G722", 8000, 1), 13: ("CN", 8000, 1)}
MAX_SSRCS = 16  # read per section
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
TRANSPORT_WIDE = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
VIDEO_ORIENTATION = "urn:3gpp:video-orientation"
STREAM_ID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_STREAM_ID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
RID = re.compile(r"[A-Za-z0-9_-]{1,16}")  # RFC 8851, as long as a one-byte header extension holds


@dataclass(frozen=True)
class Codec:
    """One format of a media section. clock in Hz; fmtp as written; feedback without payload type."""

    name: str
    clock: int
    channels: int
    pt: int
    fmtp: str = ""
    feedback: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, str]:
        pairs = (part.strip().partition("=") for part in self.fmtp.split(";") if part.strip())
        return {name.lower(): value for name, _, value in pairs}

    @property
    def key(self) -> tuple[str, ...]:
        """Two formats with the same key carry the same payloads, whatever their numbers."""
        name = self.name.lower()
        if name == "h264":
            own = self.parameters
            return name, own.get("packetization-mode", "0"), own.get("profile-level-id", "42E01F")[:4].lower()
        if name == "telephone-event":
            return name, str(self.clock)
        if name == "opus":
            return (name,)  # a payload tells its channels itself; some write opus/48000 (RFC 7587 has two)
        if name in ("vp9", "av1"):
            return name, self.parameters.get("profile-id" if name == "vp9" else "profile", "0")
        return name, str(self.clock), str(self.channels)


@dataclass
class Section:
    """One media section, of either side."""

    kind: str
    index: int
    mid: str | None = None
    port: int = 9
    host: str = "0.0.0.0"
    profile: str = "UDP/TLS/RTP/SAVPF"
    formats: tuple[str, ...] = ()
    direction: str = "sendrecv"
    codecs: list[Codec] = field(default_factory=list)
    extensions: dict[str, int] = field(default_factory=dict)
    ufrag: str = ""
    password: str = ""
    lite: bool = False
    fingerprints: list[tuple[str, str]] = field(default_factory=list)
    setup: str = "actpass"
    candidates: list[str] = field(default_factory=list)
    ssrcs: list[int] = field(default_factory=list)
    rtx_pairs: list[tuple[int, int]] = field(default_factory=list)  # (ssrc, its RTX ssrc)
    rtcp: tuple[int, str] | None = (
        None  # where reports go, if not to the port above: (port, "" or an address)
    )
    rtcp_mux: bool = False
    rtcp_rsize: bool = False
    bundle_only: bool = False
    crypto: list[str] = field(default_factory=list)
    ptime: int | None = None
    # The rids of a simulcast picture (RFC 8853) that comes from whom this section describes; of ours, those
    # that we take. In the order of preference.
    layers: list[str] = field(default_factory=list)
    # ours only
    msid: str | None = None
    cname: str | None = None

    @property
    def rejected(self) -> bool:
        return self.port == 0 and not self.bundle_only


@dataclass
class Description:
    sections: list[Section]
    bundle: list[str] = field(default_factory=list)  # mids that share one transport

    def set_up(self, default: str) -> None:
        """Fill in who begins the handshake where a section does not say it: its maker in an offer (`active`),
        the other one in an answer (`passive`); RFC 4145 section 4."""
        for section in self.sections:
            section.setup = section.setup or default


def read(text: str) -> Description:
    """Read a description that `sdp_gate.admit` let through: what it does not know it passes over."""
    blocks: list[list[str]] = [[]]
    for line in text.split("\r\n"):
        if line.startswith("m="):
            blocks.append([])
        if line:
            blocks[-1].append(line)
    session = blocks[0]
    sections = [_section(index, session, block) for index, block in enumerate(blocks[1:])]
    mids = {section.mid for section in sections}
    bundle = [
        value.split()[1:]
        for name, value in _attributes(session)
        if name == "group" and value.split()[:1] == ["BUNDLE"]
    ]
    return Description(sections, [mid for mid in bundle[-1] if mid in mids] if bundle else [])


def admitted(
    text: object,
    *,
    loopback: bool = False,
    plain: bool = False,
    reaches: Callable[[str], bool] = validate.anywhere,
) -> Description:
    """Gate and reader together; the arguments and the BadSdp are the gate's."""
    return read(validate.admit(text, loopback=loopback, plain=plain, reaches=reaches))


def of_phone(text: object) -> Description:
    """A description over SIP: WebRTC where it offers ICE and DTLS, else RTP, plain or not. Raises BadSdp."""
    return admitted(text, plain=not validate.is_webrtc(text))


@dataclass
class _Notes:
    """What the attributes of a section say before it is known which formats they are about."""

    section: Section
    maps: dict[int, tuple[str, int, int]] = field(default_factory=dict)
    fmtps: dict[int, str] = field(default_factory=dict)
    feedback: dict[str, list[str]] = field(default_factory=dict)
    rids: set[str] = field(default_factory=set)  # those that are sent
    simulcast: list[str] = field(default_factory=list)


def _attributes(lines: list[str]) -> list[tuple[str, str]]:
    found = [line[2:].partition(":") for line in lines if line.startswith("a=")]
    return [(name.strip(), value.strip()) for name, _, value in found]


def _payload_type(text: str) -> int:
    """A payload type of an m= line or an attribute (RFC 3551); raises ValueError."""
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 127):
        raise ValueError(text)
    return int(text)


def _whole(text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= most):
        raise ValueError(text)
    return int(text)


def _read_rtpmap(notes: _Notes, value: str) -> None:
    number, rest = value.split(None, 1)
    name, clock, *channels = rest.split("/")
    known = name.strip(), _whole(clock.strip(), 10**6), _whole(channels[0].strip(), 24) if channels else 1
    if not known[0] or not known[1]:
        raise ValueError(value)
    notes.maps[_payload_type(number)] = known


def _read_fmtp(notes: _Notes, value: str) -> None:
    number, rest = value.split(None, 1)
    notes.fmtps[_payload_type(number)] = rest.strip()


def _read_feedback(notes: _Notes, value: str) -> None:
    number, rest = value.split(None, 1)
    known = notes.feedback.setdefault(number, [])
    if rest not in known:
        known.append(rest)


def _read_extmap(notes: _Notes, value: str) -> None:
    number, uri, *_ = value.split()
    notes.section.extensions[uri] = _whole(number.partition("/")[0], 255)


def _read_ssrc(notes: _Notes, value: str) -> None:
    ssrc, known = _whole(value.split()[0], 2**32 - 1), notes.section.ssrcs
    if ssrc not in known and len(known) < MAX_SSRCS:
        known.append(ssrc)


def _read_ssrc_group(notes: _Notes, value: str) -> None:
    meaning, first, second, *_ = value.split()
    pair = _whole(first, 2**32 - 1), _whole(second, 2**32 - 1)
    known = notes.section.rtx_pairs
    if meaning == "FID" and pair not in known and len(known) < MAX_SSRCS:
        known.append(pair)


def _read_rid(notes: _Notes, value: str) -> None:
    rid, direction, *_ = value.split()
    if direction == "send" and RID.fullmatch(rid):
        notes.rids.add(rid)


def _read_simulcast(notes: _Notes, value: str) -> None:
    """The first of the alternatives of each stream; one that begins paused (`~`) may be sent later."""
    words = value.split()
    sent = words[words.index("send") + 1]
    notes.simulcast = [stream.partition(",")[0].removeprefix("~") for stream in sent.split(";")]


def _read_fingerprint(notes: _Notes, value: str) -> None:
    algorithm, digest = value.split(None, 1)
    pair = algorithm.lower(), digest.strip()
    if pair not in notes.section.fingerprints:
        notes.section.fingerprints.append(pair)


def _read_ptime(notes: _Notes, value: str) -> None:
    notes.section.ptime = _whole(value.partition(".")[0], 1000)


def _read_rtcp(notes: _Notes, value: str) -> None:
    """RFC 3605: behind a NAT the port above is seldom its own."""
    port, *place = value.split()
    if _whole(port, 65535):
        notes.section.rtcp = int(port), place[2] if len(place) > 2 else ""


def _text(name: str) -> Callable[[_Notes, str], None]:
    return lambda notes, value: setattr(notes.section, name, value)


def _flag(name: str) -> Callable[[_Notes, str], None]:
    return lambda notes, value: setattr(notes.section, name, True)


def _direction(name: str) -> Callable[[_Notes, str], None]:
    return lambda notes, value: setattr(notes.section, "direction", name)


# What an attribute means at each level; a reader raises ValueError for a value that makes no sense.
_SESSION_READERS: dict[str, Callable[[_Notes, str], None]] = {
    **{name: _direction(name) for name in DIRECTIONS},
    "ice-ufrag": _text("ufrag"),
    "ice-pwd": _text("password"),
    "ice-lite": _flag("lite"),
    "setup": lambda notes, value: setattr(notes.section, "setup", value.lower()),
    "fingerprint": _read_fingerprint,
}
_READERS: dict[str, Callable[[_Notes, str], None]] = {
    **_SESSION_READERS,
    "mid": _text("mid"),
    "rtpmap": _read_rtpmap,
    "fmtp": _read_fmtp,
    "rtcp-fb": _read_feedback,
    "extmap": _read_extmap,
    "candidate": lambda notes, value: notes.section.candidates.append(value),
    "ssrc": _read_ssrc,
    "ssrc-group": _read_ssrc_group,
    "rtcp": _read_rtcp,
    "rtcp-mux": _flag("rtcp_mux"),
    "rtcp-rsize": _flag("rtcp_rsize"),
    "bundle-only": _flag("bundle_only"),
    "crypto": lambda notes, value: notes.section.crypto.append(value),
    "ptime": _read_ptime,
    "rid": _read_rid,
    "simulcast": _read_simulcast,
}


def _section(index: int, session: list[str], block: list[str]) -> Section:
    kind, port, profile, *formats = block[0][2:].split()
    section = Section(kind, index, port=int(port), host="", profile=profile, formats=tuple(formats), setup="")
    notes = _Notes(section)
    own = _attributes(block)
    _take(notes, _SESSION_READERS, _attributes(session))
    if any(name == "fingerprint" for name, _ in own):
        section.fingerprints = []  # a section's own replace the session's
    _take(notes, _READERS, own)
    section.host = next((host for host in map(_host, [*reversed(block), *reversed(session)]) if host), "")
    if kind in ("audio", "video"):
        section.codecs = _codecs(notes)
    section.layers = [rid for rid in dict.fromkeys(notes.simulcast) if rid in notes.rids]
    return section


def _take(
    notes: _Notes, readers: dict[str, Callable[[_Notes, str], None]], attributes: list[tuple[str, str]]
) -> None:
    for name, value in attributes:
        reader = readers.get(name)
        if reader is not None:
            with contextlib.suppress(ValueError, IndexError):  # one that makes no sense says nothing
                reader(notes, value)


def _host(line: str) -> str:
    """The address of a c= line, "" for anything else (RFC 8866 section 5.7)."""
    words = line[2:].split() if line.startswith("c=") else []
    return words[2].partition("/")[0] if len(words) > 2 and words[0].upper() == "IN" else ""


def _codecs(notes: _Notes) -> list[Codec]:
    """The listed formats that are known by name, each once, in the order of the m= line."""
    found: list[Codec] = []
    for text in dict.fromkeys(notes.section.formats):
        with contextlib.suppress(ValueError):
            pt = _payload_type(text)
            known = notes.maps.get(pt) or STATIC_FORMATS.get(pt)
            if known is not None:
                feedback = (*notes.feedback.get(text, ()), *notes.feedback.get("*", ()))
                found.append(Codec(*known, pt, notes.fmtps.get(pt, ""), feedback))
    return found


def write(description: Description, session_id: int, version: int, address: str) -> str:
    """The text of one of our descriptions; address: the advertised IP (for c= and o= lines)."""
    family = "IP6" if ":" in address else "IP4"
    lines = ["v=0", f"o=- {session_id} {version} IN {family} {address}", "s=-", "t=0 0"]
    if description.bundle:
        lines.append("a=group:BUNDLE " + " ".join(description.bundle))
    if any("SAVPF" in section.profile and section.ufrag for section in description.sections):
        lines.append("a=msid-semantic: WMS *")
    for section in description.sections:
        lines += _lines(section, family)
    return "\r\n".join(lines) + "\r\n"


def _lines(section: Section, family: str) -> list[str]:
    formats = " ".join(section.formats) or " ".join(str(codec.pt) for codec in section.codecs) or "0"
    family = "IP6" if ":" in section.host else "IP4" if section.host else family
    lines = [f"m={section.kind} {section.port} {section.profile} {formats}", f"c=IN {family} {section.host}"]
    if section.mid is not None:
        lines.append(f"a=mid:{section.mid}")
    if section.port == 0:
        return [*lines, "a=inactive"]
    if section.ufrag:
        lines.append("a=rtcp:9 IN IP4 0.0.0.0")
    lines += [f"a=candidate:{line}" for line in section.candidates]
    if section.candidates:
        lines.append("a=end-of-candidates")
    if section.ufrag:
        lines += [f"a=ice-ufrag:{section.ufrag}", f"a=ice-pwd:{section.password}"]
    lines += [f"a=fingerprint:{algorithm} {digest}" for algorithm, digest in section.fingerprints]
    if section.fingerprints:
        lines.append(f"a=setup:{section.setup}")
    lines += [f"a=crypto:{line}" for line in section.crypto]
    for uri, number in section.extensions.items():
        only = "/recvonly" if uri in (STREAM_ID, REPAIRED_STREAM_ID) else ""  # we send one stream of each
        lines.append(f"a=extmap:{number}{only} {uri}")
    lines.append(f"a={section.direction}")
    if section.msid and section.direction in ("sendrecv", "sendonly"):
        lines.append(f"a=msid:{section.msid}")
    if section.rtcp_mux:
        lines.append("a=rtcp-mux")
    if section.rtcp_rsize:
        lines.append("a=rtcp-rsize")
    for codec in section.codecs:
        channels = f"/{codec.channels}" if codec.channels > 1 else ""
        lines.append(f"a=rtpmap:{codec.pt} {codec.name}/{codec.clock}{channels}")
        lines += [f"a=rtcp-fb:{codec.pt} {note}" for note in codec.feedback]
        if codec.fmtp:
            lines.append(f"a=fmtp:{codec.pt} {codec.fmtp}")
    if section.ptime:
        lines.append(f"a=ptime:{section.ptime}")
    lines += [f"a=ssrc-group:FID {first} {second}" for first, second in section.rtx_pairs]
    lines += [f"a=ssrc:{ssrc} cname:{section.cname}" for ssrc in section.ssrcs if section.cname]
    if section.layers:
        lines += [f"a=rid:{rid} recv" for rid in section.layers]
        lines.append("a=simulcast:recv " + ";".join(section.layers))
    return lines
