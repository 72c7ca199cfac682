"""Session descriptions as values: reading one that passed the gate, writing one of ours. Pure.

Reads only what the platform uses; what it does not know it leaves out. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from calling.media.sdp_gate import BadSdp

# RFC 3551 section 6: payload types that need no rtpmap.
STATIC_FORMATS = {0: ("PCMU", 8000, 1), 8: ("PCMA", 8000, 1), 9: ("G722", 8000, 1), 13: ("CN", 8000, 1)}
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
VIDEO_ORIENTATION = "urn:3gpp:video-orientation"


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
    rtcp_mux: bool = False
    rtcp_rsize: bool = False
    bundle_only: bool = False
    crypto: list[str] = field(default_factory=list)
    ptime: int | None = None
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


def read(text: str) -> Description:
    """Read a description that `sdp_gate.admit` let through. Raises BadSdp for what makes no sense."""
    try:
        return _read(text)
    except BadSdp:
        raise
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise BadSdp("The sdp cannot be understood.") from error


def _read(text: str) -> Description:
    blocks: list[list[str]] = [[]]
    for line in text.split("\r\n"):
        if line.startswith("m="):
            blocks.append([])
        if line:
            blocks[-1].append(line)
    bundle: list[str] = []
    for line in blocks[0]:
        if line.startswith("a=group:BUNDLE"):
            bundle = line[14:].split()
    sections = [_section(index, blocks[0], block) for index, block in enumerate(blocks[1:])]
    mids = [section.mid for section in sections if section.mid is not None]
    if len(mids) != len(set(mids)):
        raise BadSdp("Two media sections of the sdp have the same mid.")
    return Description(sections, [mid for mid in bundle if mid in mids])


def _section(index: int, session: list[str], block: list[str]) -> Section:
    kind, port, profile, *formats = block[0][2:].split()
    section = Section(
        kind, index, port=int(port.partition("/")[0]), profile=profile, formats=tuple(formats), setup=""
    )
    maps: dict[int, tuple[str, int, int]] = {}
    fmtps: dict[int, str] = {}
    feedback: dict[str, list[str]] = {}
    direction = None
    own_prints = False
    for level, line in [("session", one) for one in session] + [("media", one) for one in block[1:]]:
        if line.startswith("c=IN IP"):
            section.host = line[2:].split()[2].partition("/")[0]
        if not line.startswith("a="):
            continue
        name, _, value = line[2:].partition(":")
        if name in DIRECTIONS:
            direction = name
        elif name == "ice-ufrag":
            section.ufrag = value
        elif name == "ice-pwd":
            section.password = value
        elif name == "ice-lite":
            section.lite = True
        elif name == "setup":
            section.setup = value
        elif name == "fingerprint":
            algorithm, _, digest = value.partition(" ")
            if level == "media" and not own_prints:
                section.fingerprints, own_prints = [], True  # a section's own replace the session's
            section.fingerprints.append((algorithm.lower(), digest.strip()))
        elif level == "session":
            continue
        elif name == "mid":
            if not 1 <= len(value) <= 32:
                raise BadSdp("A mid of the sdp is longer than 32 characters.")
            section.mid = value
        elif name == "rtpmap":
            number, _, rest = value.partition(" ")
            parts = rest.split("/")
            maps[int(number)] = parts[0], int(parts[1]), int(parts[2]) if len(parts) > 2 else 1
        elif name == "fmtp":
            number, _, rest = value.partition(" ")
            fmtps[int(number)] = rest.strip()
        elif name == "rtcp-fb":
            number, _, rest = value.partition(" ")
            feedback.setdefault(number, []).append(rest.strip())
        elif name == "extmap":
            number, _, uri = value.partition(" ")
            section.extensions[uri.split(" ")[0]] = int(number.partition("/")[0])
        elif name == "candidate":
            section.candidates.append(value)
        elif name == "ssrc":
            ssrc = int(value.split(" ", 1)[0])
            if ssrc not in section.ssrcs and len(section.ssrcs) < 16:
                section.ssrcs.append(ssrc)
        elif name == "ssrc-group" and value.startswith("FID "):
            first, second = value.split()[1:3]
            section.rtx_pairs.append((int(first), int(second)))
        elif name == "rtcp-mux":
            section.rtcp_mux = True
        elif name == "rtcp-rsize":
            section.rtcp_rsize = True
        elif name == "bundle-only":
            section.bundle_only = True
        elif name == "crypto":
            section.crypto.append(value)
        elif name == "ptime":
            section.ptime = int(value.partition(".")[0])
    section.direction = direction or "sendrecv"
    if kind in ("audio", "video"):
        for text in formats:
            pt = int(text)
            if not 0 <= pt <= 127:
                raise BadSdp("A payload type of the sdp is out of range.")
            found = maps.get(pt) or STATIC_FORMATS.get(pt)
            if found is not None:
                notes = tuple(feedback.get(text, []) + feedback.get("*", []))
                section.codecs.append(Codec(*found, pt, fmtps.get(pt, ""), notes))
    return section


def write(description: Description, session_id: int, version: int, address: str) -> str:
    """The text of one of our descriptions; address: the advertised IP (for c= and o= lines)."""
    family = "IP6" if ":" in address else "IP4"
    lines = ["v=0", f"o=- {session_id} {version} IN {family} {address}", "s=-", "t=0 0"]
    if description.bundle:
        lines.append("a=group:BUNDLE " + " ".join(description.bundle))
    if any("SAVPF" in section.profile and section.fingerprints for section in description.sections):
        lines.append("a=msid-semantic: WMS *")
    for section in description.sections:
        lines += _lines(section, family)
    return "\r\n".join(lines) + "\r\n"


def _lines(section: Section, family: str) -> list[str]:
    formats = " ".join(section.formats) or " ".join(str(codec.pt) for codec in section.codecs) or "0"
    lines = [f"m={section.kind} {section.port} {section.profile} {formats}", f"c=IN {family} {section.host}"]
    if section.mid is not None:
        lines.append(f"a=mid:{section.mid}")
    if section.port == 0:
        return [*lines, "a=inactive"]
    if section.fingerprints:
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
    lines += [f"a=extmap:{number} {uri}" for uri, number in section.extensions.items()]
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
    return lines
