"""Which formats, directions and extensions two sides agree on (RFC 3264, RFC 8829). Pure.

The platform forwards what it can, so its answer lists every codec that it and the offerer both know: in
the offerer's order (RFC 3264 section 6.1), or in the call's where the offer is a browser's usual one.
Nothing here opens a socket.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from calling.sdp.model import (
    ABS_SEND_TIME,
    AUDIO_LEVEL,
    MID,
    REPAIRED_STREAM_ID,
    STREAM_ID,
    TRANSPORT_WIDE,
    VIDEO_ORIENTATION,
    Codec,
    Section,
)

AUDIO_NAMES = ("opus", "g722", "pcmu", "pcma")
VIDEO_NAMES = ("vp8", "h264", "vp9", "av1")
CHOSEN_NAMES = ("vp9", "av1")  # no browser lists one of these first unless its page says so
WIDE = "transport-cc"  # the feedback of the extension TRANSPORT_WIDE
VIDEO_FEEDBACK = ("nack", "nack pli", "ccm fir", "goog-remb")
FEEDBACK = {"audio": ("nack",), "video": (*VIDEO_FEEDBACK, WIDE)}  # what is agreed where it is offered
KEPT_EXTENSIONS = {
    "audio": (AUDIO_LEVEL, MID),
    "video": (MID, ABS_SEND_TIME, VIDEO_ORIENTATION),
}
RED = 63  # its payload type in our offers
STREAM_IDS = (STREAM_ID, REPAIRED_STREAM_ID)  # agreed where pictures in layers are offered
MAX_LAYERS = 3  # browsers send no more; further ones are refused
MAX_EXTENSION_ID = 14  # RFC 8285: one-byte headers


@dataclass
class Transceiver:
    """One agreed media section: what may come in and go out on it, and under which numbers."""

    kind: str
    index: int
    mid: str | None
    sends: bool  # the platform may send
    receives: bool  # the device may send
    codecs: list[Codec] = field(default_factory=list)  # in order of preference; no events, no RTX
    events: dict[int, int] = field(default_factory=dict)  # clock -> telephone-event payload type
    rtx: dict[int, int] = field(default_factory=dict)  # payload type -> its RTX payload type
    red: dict[int, int] = field(default_factory=dict)  # payload type of Opus -> its RED payload type
    extensions: dict[str, int] = field(default_factory=dict)
    remote_ssrcs: list[int] = field(default_factory=list)
    remote_rtx: dict[int, int] = field(default_factory=dict)  # RTX ssrc -> ssrc
    layers: tuple[str, ...] = ()  # rids of the simulcast layers that come in (RFC 8853); () for one stream
    rejected: bool = False
    ssrc: int = field(default_factory=lambda: secrets.randbits(31) | 1)
    rtx_ssrc: int = field(default_factory=lambda: secrets.randbits(31) | 1)

    @property
    def direction(self) -> str:
        return {(True, True): "sendrecv", (True, False): "sendonly", (False, True): "recvonly"}.get(
            (self.sends, self.receives), "inactive"
        )

    def codec(self, pt: int) -> Codec | None:
        return next((codec for codec in self.codecs if codec.pt == pt), None)


def _ordered(codecs: list[Codec], prefer: str | None) -> list[Codec]:
    if prefer is None:
        return codecs
    ranks = {name: rank for rank, name in enumerate(AUDIO_NAMES + VIDEO_NAMES)} | {prefer.lower(): -1}
    return sorted(codecs, key=lambda codec: ranks.get(codec.name.lower(), 99))


def _spoken(section: Section) -> list[Codec]:
    """The sound formats of a section that the platform knows too, as listed."""
    return [c for c in section.codecs if c.name.lower() in AUDIO_NAMES and _audio_ok(c)]


def wish(section: Section, prefer: str) -> str | None:
    """What a device's section is to be ordered by: `prefer`, or None for its own order.

    Browsers list Opus first unless their page says otherwise; another first format is a choice of the
    client's (setCodecPreferences, `preferredAudioCodecs`), which counts more than ours. So is VP9 or AV1
    before all other pictures.
    """
    if section.kind == "video":
        first = next((codec.name.lower() for codec in section.codecs if _seen(codec)), "")
        return None if first in CHOSEN_NAMES else prefer
    spoken = _spoken(section) if section.kind == "audio" else []
    return None if spoken and spoken[0].name.lower() != "opus" else prefer


def _seen(codec: Codec) -> bool:
    """Whether the platform knows that format of pictures."""
    name = codec.name.lower()
    plain = name not in CHOSEN_NAMES or codec.key[1] == "0"  # further profiles have more bits or colours
    return name in VIDEO_NAMES and codec.clock == 90000 and plain


def _simple(codec: Codec) -> bool:
    name = codec.name.lower()
    return name == "vp8" or (name == "h264" and codec.key[2].startswith("42"))


def choose(section: Section, prefer: str | None) -> tuple[list[Codec], dict[int, int], dict[int, int]]:
    """(codecs, events, rtx) of an offered or answered section that the platform knows too.

    prefer: the codec to be listed first, the others in our order; None: all in the section's own order.
    """
    if section.kind == "audio":
        known = _ordered(_spoken(section), prefer)
        clocks = {codec.clock for codec in known}
        listed = [codec for codec in reversed(section.codecs) if codec.name.lower() == "telephone-event"]
        events = {codec.clock: codec.pt for codec in listed if codec.clock in clocks}
        if known and not events:  # Asterisk lists events of 8 kHz beside Opus alone, and sends them
            events = {codec.clock: codec.pt for codec in listed if codec.clock == 8000}
        return known, events, {}
    known = [codec for codec in section.codecs if _seen(codec)]
    if any(_simple(codec) for codec in known):
        known = [codec for codec in known if _simple(codec) or codec.name.lower() in CHOSEN_NAMES]
    known = _ordered(known, prefer)[:8]
    pts = {codec.pt for codec in known}
    rtx: dict[int, int] = {}
    for codec in section.codecs:
        apt = codec.parameters.get("apt", "") if codec.name.lower() == "rtx" else ""
        if apt.isascii() and apt.isdigit() and int(apt) in pts:
            rtx[int(apt)] = codec.pt
    return known, {}, rtx


def redundancy(section: Section, codecs: list[Codec]) -> dict[int, int]:
    """Payload type -> RED payload type of those codecs that a section takes redundantly (RFC 2198)."""
    found: dict[int, int] = {}
    opus = {codec.pt for codec in codecs if codec.name.lower() == "opus"}
    for codec in section.codecs:
        if codec.name.lower() != "red" or codec.clock != 48000 or codec.channels != 2:
            continue
        inner = set(codec.fmtp.split("/"))
        pt = int(inner.pop()) if len(inner) == 1 and codec.fmtp.replace("/", "").isdecimal() else -1
        if pt in opus:
            found.setdefault(pt, codec.pt)
    return found


def _audio_ok(codec: Codec) -> bool:
    return codec.clock == (48000 if codec.name.lower() == "opus" else 8000)


def carrier(codec: Codec, candidates: list[Codec]) -> Codec | None:
    """The one of `candidates` under which payloads of `codec` can be sent as they are, None if none fits.

    A baseline H.264 stream is understood under any baseline profile, and one of single NAL units (mode 0)
    also where fragments are allowed (RFC 6184 section 8.1).
    """
    exact = next((one for one in candidates if one.key == codec.key), None)
    if exact is not None or codec.name.lower() != "h264":
        return exact
    _, mode, profile = codec.key
    similar = (one for one in candidates if one.key[0] == "h264" and one.key[2][:2] == profile[:2])
    return next((one for one in similar if mode in ("0", one.key[1])), None)


def translation(source: Transceiver, target: Transceiver) -> tuple[dict[int, int], dict[int, int] | None]:
    """What changes in a packet of `source` that is sent on `target`: payload types and extension numbers.

    A payload type that is missing cannot be sent there; extensions None means that they are the same.
    """
    pts: dict[int, int] = {}
    for codec in source.codecs:
        own = carrier(codec, target.codecs)
        if own is not None:
            pts[codec.pt] = own.pt
    for clock, pt in source.events.items():
        if clock in target.events:
            pts[pt] = target.events[clock]
    numbers = {
        number: target.extensions[uri]
        for uri, number in source.extensions.items()
        if uri in target.extensions
        and uri not in STREAM_IDS  # what goes out is one stream, whichever layers it is made of
        and (uri != MID or target.mid == source.mid)
    }
    same = all(number == new for number, new in numbers.items()) and len(numbers) == len(source.extensions)
    return pts, None if same else numbers


def shared(source: Transceiver, target: Transceiver) -> str | None:
    """The name of a codec that `source` could send so that `target` gets it, None if there is none."""
    found = (codec for codec in source.codecs if carrier(codec, target.codecs) is not None)
    first = next(found, None)
    return first.name if first is not None else None


def usable(section: Section) -> bool:
    """Whether the platform can take part in a section at all."""
    return section.kind in KEPT_EXTENSIONS and not section.rejected and bool(choose(section, None)[0])


def layers_of(section: Section) -> tuple[str, ...]:
    """The layers of a picture that can be told from each other as they come, () where there are not two."""
    told = [uri for uri in (MID, STREAM_ID) if 1 <= section.extensions.get(uri, 0) <= MAX_EXTENSION_ID]
    layers = tuple(section.layers[:MAX_LAYERS])
    return layers if section.kind == "video" and len(layers) > 1 and len(told) == 2 else ()


def settle(
    line: Transceiver | None,
    section: Section,
    sends: bool,
    receives: bool,
    prefer: str | None,
    layered: bool = False,
    wide: bool = False,
) -> Transceiver:
    """The agreed line for a remote section, made anew; the SSRCs are those of `line` (renegotiation).

    sends / receives: what this side wants; the remote direction narrows it. layered: whether a picture may
    come in several layers; wide: whether pictures may be under transport-wide congestion control. `line`
    stays as it is, so that an offer that turns out to be of no use changes nothing.
    """
    codecs, events, rtx = choose(section, prefer)
    same = line is not None and line.kind == section.kind and not line.rejected  # else it is a new stream
    fresh = (
        replace(line)
        if line is not None and same
        else Transceiver(section.kind, section.index, None, False, False)
    )
    fresh.mid = section.mid
    fresh.rejected = not usable(section)
    fresh.sends = not fresh.rejected and sends and section.direction in ("sendrecv", "recvonly")
    fresh.receives = not fresh.rejected and receives and section.direction in ("sendrecv", "sendonly")
    if section.kind == "audio" and not section.profile.upper().endswith("AVPF"):
        codecs = [replace(codec, feedback=()) for codec in codecs]  # RFC 4585 section 4
    counted = wide and section.kind == "video" and any(WIDE in codec.feedback for codec in codecs)
    # Without RTX a packet is sent again under its own number, and another header there tells AES-GCM's key.
    counted = counted and all(codec.pt in rtx for codec in codecs)
    fresh.codecs, fresh.events, fresh.rtx, fresh.red = codecs, events, rtx, {}
    fresh.layers = layers_of(section) if layered and fresh.receives else ()
    # Chromium that was refused layers and these too makes later offers that it does not take itself.
    kept = KEPT_EXTENSIONS.get(section.kind, ()) + (STREAM_IDS if section.layers else ())
    kept += (TRANSPORT_WIDE,) if counted else ()
    fresh.extensions = {
        uri: number
        for uri, number in section.extensions.items()
        if uri in kept and 1 <= number <= MAX_EXTENSION_ID and (uri != MID or section.mid)
    }
    fresh.remote_rtx = {second: first for first, second in section.rtx_pairs}
    fresh.remote_ssrcs = [ssrc for ssrc in section.ssrcs if ssrc not in fresh.remote_rtx]
    return fresh


def described(line: Transceiver, cname: str, stream: str) -> Section:
    """Our section for an agreed line: formats in order, RTX behind its codec, events last."""
    section = Section(line.kind, line.index, line.mid)
    if line.rejected:
        section.port = 0
        return section
    for codec in line.codecs:
        agreed = (note for note in codec.feedback if note in FEEDBACK[line.kind])
        feedback = tuple(note for note in agreed if note != WIDE or TRANSPORT_WIDE in line.extensions)
        if codec.pt in line.red:  # before its codec: a browser sends what is listed first
            section.codecs.append(_red(line.red[codec.pt], codec.pt))
        section.codecs.append(Codec(codec.name, codec.clock, codec.channels, codec.pt, codec.fmtp, feedback))
        if codec.pt in line.rtx:
            section.codecs.append(Codec("rtx", codec.clock, 1, line.rtx[codec.pt], f"apt={codec.pt}"))
    for clock, pt in line.events.items():
        section.codecs.append(Codec("telephone-event", clock, 1, pt, "0-15"))
    section.direction = line.direction
    section.extensions = dict(line.extensions)
    section.rtcp_mux = True
    section.cname = cname
    section.layers = list(line.layers)
    section.msid = f"{stream} {stream}-{line.kind}{line.index}"
    section.ssrcs = [line.ssrc]
    if line.rtx:
        section.ssrcs.append(line.rtx_ssrc)
        section.rtx_pairs = [(line.ssrc, line.rtx_ssrc)]
    return section


def seated(
    lines: list[Transceiver], held: list[Transceiver | None], used: Callable[[Transceiver], bool]
) -> list[Transceiver | None]:
    """Which of the lines of one kind has which place, the first of which counts most.

    A line keeps the place that it held as agreed before (`held`), and of the others those that are used come
    first: many stacks send in one section and receive in another.
    """
    by_index = {line.index: line for line in lines}
    places = [by_index.get(line.index) if line is not None else None for line in held]
    kept = [line for line in places if line is not None]
    rest = sorted((line for line in lines if line not in kept), key=lambda line: not used(line))
    for place, line in enumerate(places):
        if line is None and rest:
            places[place] = rest.pop(0)
    return [*places, *rest]


def directions(lines: list[Transceiver]) -> dict[str, str]:
    """kind -> direction of its lines together, from the far end's point of view."""
    found = {}
    for kind in ("audio", "video"):
        used = [line for line in lines if line.kind == kind and not line.rejected]
        whole = Transceiver(
            kind, 0, None, any(line.receives for line in used), any(line.sends for line in used)
        )
        found[kind] = whole.direction
    return found


def offered_codecs(kind: str, prefer: str, before: Transceiver | None = None) -> list[Codec]:
    """What the platform lists in an offer of its own; `before`: the line as agreed until now.

    A payload type keeps its meaning while the session lasts (RFC 3264 section 8.3.2).
    """
    codecs = _offered(kind, prefer)
    if before is None:
        return codecs
    agreed = {codec.key: codec.pt for codec in before.codecs}
    agreed |= {("telephone-event", str(clock)): pt for clock, pt in before.events.items()}
    taken = {*agreed.values(), *before.rtx.values()}
    free = (pt for pt in range(96, 128) if pt not in taken and all(codec.pt != pt for codec in codecs))
    numbers = {
        codec.pt: agreed[codec.key]
        if codec.key in agreed
        else next(free, codec.pt)
        if codec.pt in taken
        else codec.pt
        for codec in codecs
    }
    return [
        replace(
            codec, pt=numbers[codec.pt], fmtp=_moved(codec, numbers) if codec.name == "rtx" else codec.fmtp
        )
        for codec in codecs
    ]


def _red(pt: int, inner: int) -> Codec:
    return Codec("red", 48000, 2, pt, f"{inner}/{inner}")


def with_redundancy(codecs: list[Codec]) -> list[Codec]:
    """An offer's codecs with RED before Opus."""
    opus = next(place for place, codec in enumerate(codecs) if codec.name == "opus")
    return [*codecs[:opus], _red(RED, codecs[opus].pt), *codecs[opus:]]


def _moved(codec: Codec, numbers: dict[int, int]) -> str:
    apt = int(codec.parameters["apt"])
    return f"apt={numbers.get(apt, apt)}"


def _offered(kind: str, prefer: str) -> list[Codec]:
    if kind == "audio":
        codecs = [
            Codec("opus", 48000, 2, 111, "minptime=10;useinbandfec=1"),
            Codec("G722", 8000, 1, 9),
            Codec("PCMU", 8000, 1, 0),
            Codec("PCMA", 8000, 1, 8),
        ]
        return [
            *_ordered(codecs, prefer),
            Codec("telephone-event", 48000, 1, 110, "0-15"),
            Codec("telephone-event", 8000, 1, 126, "0-15"),
        ]
    profile = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
    codecs = [
        Codec("VP8", 90000, 1, 96, "", VIDEO_FEEDBACK),
        Codec("H264", 90000, 1, 102, profile, VIDEO_FEEDBACK),
    ]
    pairs = [(codec, Codec("rtx", 90000, 1, codec.pt + 1, f"apt={codec.pt}")) for codec in codecs]
    return [one for codec in _ordered(codecs, prefer) for pair in pairs if pair[0] is codec for one in pair]


OFFERED_EXTENSIONS = {
    "audio": {AUDIO_LEVEL: 1, MID: 4},
    "video": {ABS_SEND_TIME: 2, VIDEO_ORIENTATION: 3, MID: 4},
}
