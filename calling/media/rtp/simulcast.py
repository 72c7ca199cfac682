"""The layers of one picture that comes in several qualities (RFC 8853), and who gets which of them. Pure.

A layer is one stream, told by its rid. A viewer gets one layer, and another one from that one's next key
frame on. Which layer a viewer should get is decided elsewhere (`layer_choice`), and packets are rewritten in
`sender`.
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

STALE, BEHIND = 0.4, 20  # a layer is not sent any more after that many seconds and pictures of other layers
LOOK = 0.25  # seconds between two looks at what comes
SMOOTH = 0.3  # weight of the newest measurement of a rate
KEY_EVERY = 0.3  # seconds between two requests for a key frame of one layer; browsers heed no more


class Arriving(Protocol):
    """A stream that comes in."""

    ssrc: int
    octets: int
    last_at: float


V = TypeVar("V")


class Layer(Generic[V]):
    """One quality. width: pixels as its last key frame said, 0 where that is not known; rate: bits per
    second."""

    __slots__ = ("_counted", "_key_at", "behind", "rate", "rid", "stream", "timestamp", "viewers", "width")

    def __init__(self, rid: str, stream: Arriving) -> None:
        self.rid, self.stream = rid, stream
        self.width = 0
        self.rate = 0.0
        self.timestamp = -1  # of the picture that comes in now
        self.behind = 0  # pictures of other layers since its last one
        self.viewers: tuple[V, ...] = ()
        self._counted = 0
        self._key_at = 0.0

    def measure(self, seconds: float) -> None:
        new = 8.0 * (self.stream.octets - self._counted) / seconds
        self._counted = self.stream.octets
        self.rate = new if not self.rate else self.rate + (new - self.rate) * SMOOTH

    def may_ask(self, now: float) -> bool:
        """Whether a key frame may be asked for now; the next call counts from here."""
        if now - self._key_at < KEY_EVERY:
            return False
        self._key_at = now
        return True


class Simulcast(Generic[V]):
    """All layers of one picture. `live`: those that are sent now, the smallest first."""

    def __init__(self, rids: tuple[str, ...]) -> None:
        self.rids = rids
        self.layers: dict[str, Layer[V]] = {}
        self.live: tuple[Layer[V], ...] = ()
        self._wanted: dict[V, str] = {}
        self._shown: dict[V, Layer[V]] = {}
        self._looked_at = 0.0

    def begin(self, rid: str, stream: Arriving) -> Layer[V]:
        """A stream with that rid comes in; one that had it before is over."""
        layer = self.layers[rid] = Layer(rid, stream)
        self._looked_at = 0.0
        self._spread()
        return layer

    def end(self, layer: Layer[V]) -> None:
        """That layer's stream is no longer followed."""
        if self.layers.get(layer.rid) is layer:
            del self.layers[layer.rid]
            self.live = tuple(one for one in self.live if one is not layer)

    def picture(self, layer: Layer[V], timestamp: int) -> None:
        """A picture of that layer begins."""
        layer.timestamp = timestamp
        for other in self.layers.values():
            other.behind += 1
        layer.behind = 0

    def look(self, now: float) -> bool:
        """Measure, if it is time; whether other layers come than before, or they have changed places."""
        seconds = now - self._looked_at
        if seconds < LOOK:
            return False
        self._looked_at = now
        if seconds < 4 * LOOK:  # else counting begins
            for layer in self.layers.values():
                layer.measure(seconds)
        # None where each was forgotten, and a stream that one of them had replaced comes on.
        newest = max((layer.stream.last_at for layer in self.layers.values()), default=now)
        found = [
            layer
            for layer in self.layers.values()
            if layer.timestamp >= 0 and (layer.behind < BEHIND or newest - layer.stream.last_at < STALE)
        ]
        if all(layer.width for layer in found):
            found.sort(key=lambda layer: layer.width)
        else:
            found.sort(key=lambda layer: layer.rate)
        before, self.live = self.live, tuple(found)
        return self.live != before

    # --- who gets what

    def want(self, viewer: V, layer: Layer[V]) -> bool:
        """That viewer is to get that layer; whether a key frame is needed for it."""
        if self._wanted.get(viewer) != layer.rid:
            self._wanted[viewer] = layer.rid
            self._spread()
        return self._shown.get(viewer) is not layer

    def let_go(self, viewer: V) -> None:
        """Until the key frame of the layer that it is to get comes, it gets nothing."""
        if self._shown.pop(viewer, None) is not None:
            self._spread()

    def wanted(self, viewer: V) -> Layer[V] | None:
        return self.layers.get(self._wanted.get(viewer, ""))

    def shown(self, viewer: V, layer: Layer[V]) -> None:
        """The viewer gets that layer, from a key frame on."""
        self._shown[viewer] = layer
        self._spread()

    def leave(self, viewer: V) -> None:
        self._wanted.pop(viewer, None)
        self._shown.pop(viewer, None)
        self._spread()

    def _spread(self) -> None:
        """Until its layer's key frame comes, a viewer gets the packets of both."""
        for layer in self.layers.values():
            layer.viewers = tuple(
                viewer
                for viewer, rid in self._wanted.items()
                if rid == layer.rid or self._shown.get(viewer) is layer
            )
