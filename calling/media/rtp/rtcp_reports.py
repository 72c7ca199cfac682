"""RTCP of one leg: reports sent once a second, feedback taken, the figures for `Quality`.

Sender reports carry the source's own clock mapped onto ours, the same for sound and picture of one
source, so that lips stay in step through the switchboard (RFC 3550 section 6.4).
"""

from __future__ import annotations

from typing import Protocol

import clock
from calling.media.rtp import mos as stats
from calling.media.rtp import rtcp
from calling.media.rtp.receive_stream import Receiver, RtpReceiveStream, monotonic
from calling.media.rtp.receiver import RtpReceiver
from calling.media.rtp.sender import RtpSender
from calling.media.rtp.transport import RtpTransport
from calling.media.rtp.viewed_pictures import ViewedPictures
from calling.sdp.model import TRANSPORT_WIDE

NTP_ORIGIN = clock.time() - clock.monotonic()  # one steady clock for everything this process says
REMB_LIFE = 5.0


class ReportingPort(Protocol):
    """The leg that reports are made for."""

    cname: str
    audio_in: RtpReceiver
    video_in: RtpReceiver
    audio_out: RtpSender
    video_out: RtpSender
    transports: list[RtpTransport]
    pictures: ViewedPictures

    def receivers(self) -> list[RtpReceiver]: ...
    def senders(self) -> list[RtpSender]: ...


def now_ntp(now: float) -> int:
    return rtcp.ntp_time(now + NTP_ORIGIN)


def send_reports(port: ReportingPort, transport: RtpTransport, now: float) -> None:
    """One compound packet with all reports of a transport."""
    blocks = [_block(stream, now) for stream in transport.streams.values() if now - stream.last_at < 10]
    parts: list[bytes] = []
    speaker = 0
    for sender in port.senders():
        sent = sender.outgoing
        if sender.transport is transport and sent.packets and now - sent.last_at < 10:
            info = _sender_report(sender, now)
            parts.append(info if parts else rtcp.sender_report(*_sender_fields(sender, now), blocks))
            speaker = speaker or sent.ssrc
    if not parts:
        speaker = next((line.ssrc for line in transport.lines), 1)
        parts.append(rtcp.receiver_report(speaker, blocks))
    parts.append(rtcp.description(speaker, port.cname))
    for receiver in port.receivers():
        if receiver.kind == "video" and receiver.transport is transport:
            limit = bitrate_limit(receiver, now)
            ssrcs = [stream.ssrc for stream in receiver.streams.values()]
            if limit and ssrcs:
                parts.append(rtcp.remb(speaker, limit, ssrcs))
    transport.send_control(b"".join(parts))


def _block(stream: RtpReceiveStream, now: float) -> bytes:
    expected, received = stream.expected, stream.packets
    new, got = expected - stream.prior_expected, received - stream.prior_received
    stream.prior_expected, stream.prior_received = expected, received
    fraction = max(0, min(255, (new - got) * 256 // new)) if new > 0 else 0
    fraction = max(fraction, _lost_beyond(stream.receiver))
    lsr = stream.sr_ntp >> 16 & 0xFFFFFFFF if stream.sr_at else 0
    dlsr = int((now - stream.sr_at) * 65536) if stream.sr_at else 0
    highest = (stream.cycles + stream.top) & 0xFFFFFFFF
    return rtcp.block(stream.ssrc, fraction, stream.lost, highest, int(stream.jitter), lsr, dlsr)


def _lost_beyond(receiver: Receiver) -> int:
    """What the one listener of a sound loses (0-255), if it takes no RED.

    In-band FEC alone repairs that, and the sound's sender puts in as much of it as it is told is lost.
    """
    sink = receiver.sinks[0] if receiver.kind == "audio" and len(receiver.sinks) == 1 else None
    if not isinstance(sink, RtpSender) or sink.line is None or sink.line.red:
        return 0
    return min(255, int(sink.far_fraction * 256))


def _sender_fields(sender: RtpSender, now: float) -> tuple[int, int, int, int, int]:
    # payload alone (RFC 3550 6.4.1)
    feeder, sent = sender.active_source, sender.outgoing
    octets = sent.octets - 12 * sent.packets
    clock = _clock(sender)
    if isinstance(feeder, RtpReceiveStream) and feeder.sr_at:
        source_now = feeder.sr_rtp + int((now - feeder.sr_at) * clock)
        stamp = (source_now + sender.rewriter.ts_off) & 0xFFFFFFFF
        return sent.ssrc, now_ntp(now), stamp, sent.packets, octets
    stamp = (sent.last_ts + int((now - sent.last_at) * clock)) & 0xFFFFFFFF
    return sent.ssrc, now_ntp(now), stamp, sent.packets, octets


def _clock(sender: RtpSender) -> int:
    """Of what goes out: its source's where that is relayed, which may be any of the agreed codecs'."""
    if isinstance(sender.active_source, RtpReceiveStream):
        return sender.active_source.clock
    return sender.codec.clock if sender.codec is not None else 90000


def _spoken(stream: RtpReceiveStream | None) -> str | None:
    """The format that comes, whatever others were agreed on; None where nothing does."""
    codec = stream.receiver.codec(stream.pt) if stream is not None else None
    return codec.name.lower() if codec is not None else None


def _name(sender: RtpSender) -> str | None:
    """The format that goes out: the source's where that is relayed."""
    relayed = sender.active_source if isinstance(sender.active_source, RtpReceiveStream) else None
    return _spoken(relayed) or (sender.codec.name.lower() if sender.codec is not None else None)


def _sender_report(sender: RtpSender, now: float) -> bytes:
    return rtcp.sender_report(*_sender_fields(sender, now), [])


def handle_rtcp(port: ReportingPort, transport: RtpTransport, data: bytes) -> None:
    """Everything a device says over RTCP."""
    now = monotonic()
    senders = {sender.outgoing.ssrc: sender for sender in port.senders() if sender.line is not None}
    for packet in rtcp.parse(data):
        if isinstance(packet, rtcp.SenderInfo):
            stream = transport.streams.get(packet.ssrc)
            if stream is not None:
                stream.sr_ntp, stream.sr_rtp, stream.sr_at = packet.ntp, packet.rtp, now
        elif isinstance(packet, rtcp.Report):
            sender = senders.get(packet.ssrc)
            if sender is not None:
                sender.reported(packet.fraction)
                sender.far_lost = packet.lost
                sender.far_jitter = packet.jitter
                if packet.lsr:
                    trip = ((now_ntp(now) >> 16 & 0xFFFFFFFF) - packet.lsr - packet.dlsr) & 0xFFFFFFFF
                    if trip < 65536 * 10:
                        sender.rtt = trip / 65536
                if sender.kind == "video":
                    port.pictures.reported(packet.fraction, sender.rtt, now)
        elif isinstance(packet, rtcp.KeyWanted):
            if packet.media_ssrc in senders:
                senders[packet.media_ssrc].on_pli()
        elif isinstance(packet, rtcp.Nack):
            if packet.media_ssrc in senders:
                sender = senders[packet.media_ssrc]
                sender.resend(packet.sequences)
                if sender.kind == "video":
                    port.pictures.missed(len(packet.sequences), now)
        elif isinstance(packet, rtcp.Arrivals):
            wide = transport.wide
            found = wide.feedback(packet.body, now) if wide is not None else None
            if wide is not None and found is not None:
                counted = [each for each in senders.values() if each.outgoing.wide is wide.numbers]
                _limit(port, counted, found, now)
        elif isinstance(packet, rtcp.Remb):
            told = [senders[ssrc] for ssrc in packet.ssrcs if ssrc in senders]
            _limit(port, [each for each in told if each.outgoing.wide is None], packet.bitrate, now)


def _limit(port: ReportingPort, senders: list[RtpSender], bitrate: float, now: float) -> None:
    """The link to a leg carries so much of those pictures together."""
    for sender in senders:
        if isinstance(sender.source, RtpReceiver):
            sender.source.bitrate_limits[sender] = round(bitrate), now
    if senders:
        port.pictures.estimated(round(bitrate), now)


def bitrate_limit(receiver: RtpReceiver, now: float) -> int:
    """What the source may send during the next second, in bit/s; 0 while it sends nothing."""
    octets, expected, packets = receiver.totals()
    before_octets, before_expected, before_packets = receiver.counted
    receiver.counted = octets, expected, packets
    receiver.rate = 8.0 * (octets - before_octets)
    if octets == before_octets:
        return 0
    new = max(1, expected - before_expected)
    loss = max(0.0, min(1.0, 1 - (packets - before_packets) / new))
    viewers = [
        (told, sink.outgoing.rate)
        for sink, (told, at) in receiver.bitrate_limits.items()
        # Who sees a layer of several takes what its own link carries, and slows nobody down.
        if now - at < REMB_LIFE and isinstance(sink, RtpSender) and receiver.simulcast is None
    ]
    wide = receiver.line is not None and TRANSPORT_WIDE in receiver.line.extensions
    return receiver.limit.update(8.0 * (octets - before_octets), loss, viewers, wide)


class AudioTotals:
    """The sound of one leg from its beginning: totals, and means over the intervals in which some flowed."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._packets = self._lost = self._sent = self._intervals = self._trips = 0
        self._jitter = self._mos = self._trip = 0.0
        self._worst = 5.0

    def add(self, packets: int, lost: int, sent: int, jitter_ms: float, mos: float) -> None:
        self._packets, self._lost, self._sent = self._packets + packets, self._lost + lost, self._sent + sent
        self._jitter, self._mos = self._jitter + jitter_ms, self._mos + mos
        self._intervals += 1
        self._worst = min(self._worst, mos)

    def rtt(self, seconds: float | None) -> None:
        if seconds is not None:
            self._trip += seconds
            self._trips += 1

    def record(self) -> dict[str, object]:
        """{seconds, packets, lost, sent, jitter_ms, rtt_ms, mos, mos_least}; what is not known is None."""
        known = self._intervals
        return {
            "seconds": round(self.seconds, 1),
            "packets": self._packets,
            "lost": self._lost,
            "sent": self._sent,
            "jitter_ms": round(self._jitter / known, 1) if known else None,
            "rtt_ms": round(1000 * self._trip / self._trips, 1) if self._trips else None,
            "mos": round(self._mos / known, 2) if known else None,
            "mos_least": self._worst if known else None,
        }


class QualityMeter:
    """Figures of the last interval of one leg: what came from it and what it says it got."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[int, int]] = {}
        self._sent: dict[str, int] = {}
        self._sound = AudioTotals()
        self._at = 0.0

    def begin(self, now: float) -> None:
        """The first interval begins."""
        self._at = now

    def measure(self, port: ReportingPort, now: float) -> tuple[dict[str, object], bool]:
        """A JSON-ready record {audio: {...}, video: {...}, rtt_ms, so_far} and whether the sound is bad.

        so_far: the sound from the beginning to now, see AudioTotals.
        """
        rtt = _rtt(port)
        record: dict[str, object] = {"rtt_ms": None if rtt is None else round(rtt * 1000, 1)}
        self._sound.seconds += now - self._at if self._at else 0.0
        self._at = now
        bad = False
        for kind, receiver, sender in (
            ("audio", port.audio_in, port.audio_out),
            ("video", port.video_in, port.video_out),
        ):
            if receiver.line is None:
                continue
            figures, poor = self._kind(kind, receiver, sender, rtt or 0.0)
            record[kind] = figures
            bad = bad or poor
        if port.audio_in.line is not None:
            self._sound.rtt(rtt)
            record["so_far"] = self._sound.record()
        return record, bad

    def _kind(
        self, kind: str, receiver: RtpReceiver, sender: RtpSender, rtt: float
    ) -> tuple[dict[str, object], bool]:
        stream = receiver.current()
        _, expected, packets = receiver.totals()
        before_expected, before_packets = self._before.get(kind, (0, 0))
        self._before[kind] = expected, packets
        new = expected - before_expected
        lost = max(0, new - (packets - before_packets))
        sent = sender.outgoing.packets - self._sent.get(kind, 0)
        self._sent[kind] = sender.outgoing.packets
        gone = _name(sender)
        name = _spoken(stream) or gone
        jitter = 1000 * stream.jitter / stream.clock if stream else 0.0
        far_jitter = 1000 * sender.far_jitter / _clock(sender)
        loss = lost / new if new > 0 else 0.0
        figures: dict[str, object] = {
            "codec": name,
            "received": {"packets": packets - before_packets, "lost": lost, "jitter_ms": round(jitter, 1)},
            "sent": {
                "packets": sent,
                "lost_fraction": round(sender.far_fraction, 3),
                "lost": max(0, sender.far_lost),  # below 0 where packets came twice (RFC 3550 section 6.4.1)
                "jitter_ms": round(far_jitter, 1),
            },
        }
        if kind != "audio":
            return figures, False
        near = stats.mos(name or "", loss, rtt * 1000, jitter)
        far = stats.mos(gone or "", sender.far_fraction, rtt * 1000, far_jitter)
        figures["mos"] = min(near, far)
        flowing = new > 0 or sent > 0
        if flowing:
            self._sound.add(packets - before_packets, lost, sent, jitter, min(near, far))
        return figures, flowing and min(near, far) < stats.BAD_MOS


def _rtt(port: ReportingPort) -> float | None:
    found = [sender.rtt for sender in port.senders() if sender.rtt is not None]
    if found:
        return found[0]
    return next((one.stun_rtt for one in port.transports if one.stun_rtt is not None), None)
