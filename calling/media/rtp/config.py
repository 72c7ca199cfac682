"""How the media plane is set up: addresses, ports, deadlines. A value, made once per worker.

Nothing here reads a setting; `calling.media.worker.session` makes it from the Django settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network

from calling.media.aiortc_private.dtls import WorkerCertificate
from calling.outbound_http import url_guard
from calling.sdp.negotiation import VIDEO_NAMES


@dataclass(frozen=True)
class MediaConfig:
    """bind: address the sockets are bound to. advertised: the one in candidates and c= lines.

    more: further places of that kind, (bind, advertised); ICE tries all of them.
    ports: the first and last UDP port. loopback: whether remote candidates on loopback are used. private:
    whether those on private networks are, and networks: which of these are if not all.
    prefer, prefer_video: the codecs listed first (`opus` or `PCMU`, `VP8` or `H264`). Times in seconds.
    certificate: a peer's own for DTLS; None: the one of the process.
    mux: WebRTC legs of one loop share a port; else each has its own.
    loop: who forwards packets on such a port: `c`, `python`, or `auto` for C where it was built.
    """

    bind: str = "127.0.0.1"
    advertised: str = "127.0.0.1"
    ports: tuple[int, int] = (40000, 49999)
    loopback: bool = True
    private: bool = True
    networks: tuple[str, ...] = ()
    prefer: str = "opus"
    prefer_video: str = "VP8"
    first_packet_seconds: float = 10.0
    silence_seconds: float = 30.0
    consent_seconds: float = 15.0
    sip_silence_seconds: float = 60.0  # of a SIP leg that should send; 0: for ever
    stats_seconds: float = 5.0
    mux: bool = False
    loop: str = "auto"
    redundancy: bool = True  # RED (RFC 2198) is agreed with WebRTC devices that know it
    more: tuple[tuple[str, str], ...] = ()
    certificate: WorkerCertificate | None = None

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """Every (bind, advertised), the first the one that is named where only one can be."""
        return ((self.bind, self.advertised), *self.more)

    def facing(self, host: str) -> MediaConfig:
        """The same from the place that suits a far end at that IP address: its family, its loopback."""
        far = ip_address(host)

        def suits(place: tuple[str, str]) -> tuple[bool, bool]:
            own = ip_address(place[1])
            return own.version == far.version, own.is_loopback == far.is_loopback

        best = max(self.places, key=suits)
        return replace(self, bind=best[0], advertised=best[1])

    def of_ipv6(self) -> MediaConfig:
        """The same with the first IPv6 address as the one that is named; unchanged where there is none."""
        first = next((place for place in self.places if ":" in place[1]), self.places[0])
        others = tuple(place for place in self.places if place != first)
        return replace(self, bind=first[0], advertised=first[1], more=others)

    def reaches(self, host: str) -> bool:
        """Whether media may be sent to an address that a remote description or candidate names."""
        try:
            address = ip_address(host)
        except ValueError:
            return False
        named = any(address in ip_network(text, strict=False) for text in self.networks)
        return url_guard.is_allowed_address(host, allow_private=self.private or named)

    def first(self, kind: str) -> str:
        """The codec of that kind to be listed first."""
        return self.prefer_video if kind == "video" else self.prefer

    def preferring(self, codec: str) -> MediaConfig:
        """The same with that codec first among those of its kind."""
        if codec.lower() in VIDEO_NAMES:
            return replace(self, prefer_video=codec)
        return replace(self, prefer=codec)


def stands_privately(places: Sequence[tuple[str, str]]) -> bool:
    """Whether media stand, (bind, advertised) each, on a private network, which then is where callers are.

    Loopback counts where it is the only place: beside a public one, also where the web is behind a proxy on
    loopback, callers are outside.
    """
    named = [each for _, each in places if not ip_address(each).is_loopback]
    return not named or not all(url_guard.is_allowed_address(each) for each in named)
