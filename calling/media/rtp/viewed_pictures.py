"""The pictures that one leg sees in layers: what its link carries, and which layer each of its senders gets.

What is to be chosen is decided by `layer_choice`, with no packet in sight. Here its answers become
`RtpReceiver.show_layer`. A leg that sees no picture in layers costs a look a second.
"""

from __future__ import annotations

from collections.abc import Sequence

from calling.media.rtp.layer_choice import MARGIN, Link, Picture, Quality, choose, next_step, thinned
from calling.media.rtp.receiver import RtpReceiver
from calling.media.rtp.sender import RtpSender
from calling.media.rtp.temporal_layers import ALL

MEASURED = 0.4  # seconds over which what is sent is measured at least
FEW = 20  # packets of which no share is told


class ViewedPictures:
    """Of one leg. `senders` is its list, which may grow."""

    def __init__(self, senders: Sequence[RtpSender]) -> None:
        self._senders = senders
        self.link: Link | None = None  # while a picture comes in layers
        self._sent = 0.0  # bits per second
        self._packets = 0.0  # per second
        self._counted = (0.0, 0, 0)  # when, octets and packets
        self._missed = 0  # packets that were asked for again, since `_missed_at`
        self._missed_at = 0.0

    def estimated(self, bitrate: int, now: float) -> None:
        """The far end says what it takes of all pictures together (REMB)."""
        if self.link is not None and self.link.estimated(bitrate, self._rate(now), now):
            self.choose(now, congested=True)

    def reported(self, lost: float, trip: float | None, now: float) -> None:
        """The far end reports on one picture: the share that was lost, and the round trip in seconds."""
        if self.link is not None and self.link.reported(lost, trip, self._rate(now), now):
            self.choose(now, congested=True)

    def missed(self, packets: int, now: float) -> None:
        """The far end asks for so many packets again. It does so long before it reports a loss."""
        if self.link is None:
            return
        if now - self._missed_at > MEASURED:
            self._missed_at, self._missed = now, 0
        self._missed += packets
        rate = self._rate(now)
        if self.link.missed(self._missed / max(FEW, self._packets * MEASURED), rate, now):
            self.choose(now, congested=True)

    def choose(self, now: float, congested: bool = False) -> None:
        """Give every sender the layer that it should have now. congested: because the link carries less; then
        nothing more of a larger layer is put before the key frame of the smaller one."""
        shown = self._shown()
        if not any(_scales(sender, source) for sender, source in shown):
            if self.link is not None:
                self.link = None
                self._stamp(False)
                for sender, _ in shown:
                    sender.limit_temporal_layers(ALL)
            return
        if self.link is None:
            self.link = Link(now)
            self._counted = now, *self._totals()
        self._stamp(True)
        pictures = [_picture(sender, source) for sender, source in shown]
        self.link.carries(self._rate(now), now)
        chosen = choose(pictures, self.link.budget)
        limits = thinned(pictures, chosen, self.link.budget)
        if self.link.probe(_more(pictures, chosen, limits), now):
            chosen = choose(pictures, self.link.budget)
            limits = thinned(pictures, chosen, self.link.budget)
        for (sender, source), picture, place, limit in zip(shown, pictures, chosen, limits, strict=True):
            sender.limit_temporal_layers(ALL if limit is None else limit)
            if source.simulcast is not None and source.simulcast.live:
                pause = congested and place < picture.shown
                source.show_layer(sender, source.simulcast.live[place], pause)

    def _shown(self) -> list[tuple[RtpSender, RtpReceiver]]:
        return [
            (sender, sender.source)
            for sender in self._senders
            if sender.kind == "video" and sender.ready and isinstance(sender.source, RtpReceiver)
        ]

    def _stamp(self, on: bool) -> None:
        """One estimate covers all pictures of the leg: the clocks of their sources must not mix in it."""
        for sender in self._senders:
            if sender.kind == "video":
                sender.stamp_send_times(on)

    def _totals(self) -> tuple[int, int]:
        """Octets and packets sent until now."""
        senders = [sender for sender in self._senders if sender.kind == "video"]
        streams = [sender.outgoing for sender in senders]
        return sum(stream.octets for stream in streams), sum(stream.packets for stream in streams)

    def _rate(self, now: float) -> float:
        """Bits per second of what is sent now."""
        then, octets, packets = self._counted
        if now - then >= MEASURED:
            sent, count = self._totals()
            self._sent, self._packets = 8.0 * (sent - octets) / (now - then), (count - packets) / (now - then)
            self._counted = now, sent, count
        return self._sent


def _scales(sender: RtpSender, source: RtpReceiver) -> bool:
    """Whether a viewer can be sent less of that picture. Of one in one stream, where others see it too: to
    one viewer's link its sender adapts."""
    if source.simulcast is not None:
        return bool(source.simulcast.live)
    return len(source.sinks) > 1 and sender.tells_temporal_layers()


def _more(pictures: list[Picture], chosen: tuple[int, ...], limits: tuple[int | None, ...]) -> float | None:
    """Bits per second that the next better choice needs."""
    if any(limit is not None for limit in limits):
        return sum(picture.rate(0) for picture in pictures) * MARGIN
    return next_step(pictures, chosen)


def _picture(sender: RtpSender, source: RtpReceiver) -> Picture:
    if source.simulcast is None or not source.simulcast.live:
        return Picture((Quality(0, source.rate or 1.0),))
    live = source.simulcast.live
    wanted = source.simulcast.wanted(sender)
    place = live.index(wanted) if wanted in live else 0
    return Picture(tuple(Quality(layer.width, layer.rate) for layer in live), place)
