"""Offer and answer of plain RTP audio legs (RFC 3264, RFC 4566, SDES of RFC 4568).

Pure. Reads one audio section, makes ours, and says what must be refused: a change from SRTP to RTP.
What must not live here: ICE, DTLS, video (the media workers' own negotiation), and sockets.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

SUITE = "AES_CM_128_HMAC_SHA1_80"
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
MIRROR = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
_STATIC = {0: ("PCMU", 8000), 8: ("PCMA", 8000), 9: ("G722", 8000), 13: ("CN", 8000)}
_OURS = {
    "PCMU": (0, 8000, ""),
    "PCMA": (8, 8000, ""),
    "G722": (9, 8000, ""),
    "OPUS": (96, 48000, "useinbandfec=1"),
    "TELEPHONE-EVENT": (101, 8000, "0-16"),
    "CN": (13, 8000, ""),
}
_HOST = re.compile(r"[0-9A-Fa-f:.]{2,45}\Z")


class BadSession(ValueError):
    """An SDP we cannot or will not answer (488)."""


@dataclass(frozen=True)
class Format:
    """One payload type of the peer."""

    pt: int
    name: str
    clock: int


@dataclass(frozen=True)
class Session:
    """The first live audio section. `key` is the SDES master key and salt (30 octets), None for RTP."""

    host: str
    port: int
    direction: str
    formats: tuple[Format, ...]
    key: bytes | None = None
    crypto_tag: int = 1
    sections: tuple[str, ...] = ("audio",)

    @property
    def secure(self) -> bool:
        return self.key is not None

    def payload(self, name: str) -> int | None:
        return next((f.pt for f in self.formats if f.name == name.upper()), None)

    @property
    def holds(self) -> bool:
        """The sender of this SDP holds: it does not want to hear us."""
        return self.direction in ("sendonly", "inactive") or self.host in ("0.0.0.0", "::")


def read(text: str) -> Session:
    """The audio session of an SDP. Raises BadSession when there is none we could speak with."""
    if len(text) > 65_536:
        raise BadSession("SDP is too large")
    head, *blocks = re.split(r"\r?\n(?=m=)", "\n" + text.strip())
    if not blocks or len(blocks) > 16:
        raise BadSession("no media")
    chosen = next((b for b in blocks if re.match(r"m=audio [1-9]\d{0,4}(/1)? RTP/S?AVPF? ", b)), None)
    if chosen is None:
        raise BadSession("no plain audio")
    first, *lines = re.split(r"\r?\n", chosen)
    parts = first.split()
    port = int(parts[1].split("/")[0])
    if port > 65_535 or len(parts) > 64:
        raise BadSession("bad audio line")
    host = _connection(lines) or _connection(re.split(r"\r?\n", head))
    if host is None:
        raise BadSession("no connection address")
    direction = next(
        (
            line[2:]
            for line in [*lines, *re.split(r"\r?\n", head)]
            if line.startswith("a=") and line[2:] in DIRECTIONS
        ),
        "sendrecv",
    )
    key, tag = _crypto(lines)
    if parts[2].startswith("RTP/SAVP") and key is None:
        raise BadSession("no usable crypto")
    if not parts[2].startswith("RTP/SAVP"):
        key = None
    return Session(
        host,
        port,
        direction,
        _formats(parts[3:], lines),
        key,
        tag,
        tuple(block.split(" ", 1)[0][2:] for block in blocks),
    )


def _connection(lines: list[str]) -> str | None:
    for line in lines:
        if line.startswith("c=IN IP"):
            host = line.split()[-1].split("/")[0]
            if _HOST.match(host):
                return host
    return None


def _formats(numbers: list[str], lines: list[str]) -> tuple[Format, ...]:
    mapped: dict[int, tuple[str, int]] = dict(_STATIC)
    for line in lines:
        found = re.match(r"a=rtpmap:(\d{1,3}) ([A-Za-z0-9\-]{1,32})/(\d{1,6})", line)
        if found:
            mapped[int(found.group(1))] = (found.group(2).upper(), int(found.group(3)))
    return tuple(
        Format(int(n), *mapped[int(n)])
        for n in numbers
        if n.isascii() and n.isdigit() and len(n) < 4 and int(n) in mapped
    )


def _crypto(lines: list[str]) -> tuple[bytes | None, int]:
    for line in lines:
        found = re.match(
            rf"a=crypto:(\d{{1,9}}) {SUITE} inline:([A-Za-z0-9+/=]{{40,44}})(\|[^ ]*)?\s*\Z", line
        )
        if found:
            try:
                key = base64.b64decode(found.group(2), validate=True)
            except binascii.Error:
                continue
            if len(key) == 30:
                return key, int(found.group(1))
    return None, 1


def write(
    host: str,
    port: int,
    formats: list[Format],
    *,
    direction: str = "sendrecv",
    key: bytes | None = None,
    crypto_tag: int = 1,
    session_id: int = 1,
    version: int = 1,
) -> str:
    """One audio section of ours; `key` (30 octets) makes it RTP/SAVP with SDES."""
    family = "IP6" if ":" in host else "IP4"
    lines = [
        "v=0",
        f"o=- {session_id} {version} IN {family} {host}",
        "s=-",
        f"c=IN {family} {host}",
        "t=0 0",
        f"m=audio {port} RTP/{'SAVP' if key else 'AVP'} {' '.join(str(f.pt) for f in formats)}",
    ]
    for each in formats:
        name = each.name.lower() if each.name in ("OPUS", "TELEPHONE-EVENT") else each.name
        lines.append(f"a=rtpmap:{each.pt} {name}/{each.clock}{'/2' if each.name == 'OPUS' else ''}")
        fmtp = _OURS.get(each.name, (0, 0, ""))[2]
        if fmtp:
            lines.append(f"a=fmtp:{each.pt} {fmtp}")
    if key:
        lines.append(f"a=crypto:{crypto_tag} {SUITE} inline:{base64.b64encode(key).decode()}")
    lines += ["a=ptime:20", f"a={direction}"]
    return "\r\n".join(lines) + "\r\n"


def offer(host: str, port: int, names: list[str], **more: object) -> str:
    """An offer of these codecs, telephone-event added."""
    wanted = [name.upper() for name in names if name.upper() in _OURS]
    wanted += [] if "TELEPHONE-EVENT" in wanted else ["TELEPHONE-EVENT"]
    return write(host, port, [Format(_OURS[n][0], n, _OURS[n][1]) for n in wanted], **more)  # type: ignore[arg-type]


def answer(
    offered: Session,
    host: str,
    port: int,
    names: list[str],
    *,
    key: bytes | None = None,
    hold: bool = False,
    **more: object,
) -> str:
    """Our answer: the first of the peer's codecs we speak and its telephone-event, mirrored direction."""
    known = {name.upper() for name in names}
    voice = next((f for f in offered.formats if f.name in known - {"TELEPHONE-EVENT", "CN"}), None)
    if voice is None:
        raise BadSession("no codec in common")
    if offered.secure and key is None:
        raise BadSession("an SRTP offer needs a key of ours")
    extra = [f for f in offered.formats if f.name == "TELEPHONE-EVENT" and f.clock == voice.clock][:1] or [
        f for f in offered.formats if f.name == "TELEPHONE-EVENT"
    ][:1]
    direction = MIRROR[offered.direction]
    if hold:
        direction = {"sendrecv": "sendonly", "recvonly": "inactive"}.get(direction, direction)
    text = write(
        host,
        port,
        [voice, *extra],
        direction=direction,
        key=key if offered.secure else None,
        crypto_tag=offered.crypto_tag,
        **more,  # type: ignore[arg-type]
    )
    # An answer has as many sections as the offer; what is not our audio is refused with port 0.
    if offered.sections == ("audio",):
        return text
    head, _, own = text.partition("m=audio")
    index = offered.sections.index("audio")
    return head + "".join(
        "m=audio" + own if i == index else f"m={kind} 0 RTP/AVP 0\r\n"
        for i, kind in enumerate(offered.sections)
    )


def downgraded(before: Session, after: Session) -> bool:
    """A running SRTP leg must stay one: a re-offer without keys is refused (CVE-2022-39269)."""
    return before.secure and not after.secure
