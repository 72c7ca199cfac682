"""A media stream of a session's call: which parties it carries, and what comes back to whom.

Used by the `stream` operation and by scripts (`stream`, `tap`). The bot's sound lies over what the party
hears while there is some, and only then: a bot that only listens changes nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

from calling.media.codecs.opus import Pcm
from calling.media.codecs.track_reader import TrackReader
from calling.media.operations.media_stream import MediaStream, StreamSettings
from calling.media.rtp.ticker import ticker
from calling.media.session.context import SessionContext
from calling.media.sources.producers import Player

QUIET_FRAMES: Final = 10  # 200 ms without sound of the bot's: the party hears the call again
TRACKS: Final = {
    "inbound_track": ("inbound",),
    "outbound_track": ("outbound",),
    "both_tracks": ("inbound", "outbound"),
}


@dataclass
class MediaStreamJob:
    """One stream of one leg. `run` holds it until it ends; raises StreamFailed."""

    session: SessionContext
    call_id: str
    leg_id: str
    params: dict[str, Any]
    project_id: str = ""
    signing_key: str = ""
    stream: MediaStream | None = None
    _ears: dict[str, tuple[str, TrackReader]] = field(default_factory=dict)
    _frames: int = 0
    _silent: int = 0
    _player: Player | None = None

    def open(self) -> MediaStream:
        """The stream, not connected yet."""
        params = self.params
        tracks = TRACKS.get(str(params.get("track")), ("inbound",))
        self.stream = MediaStream(
            StreamSettings(
                url=str(params.get("url") or ""),
                call_id=self.call_id,
                account_id=self.project_id,
                tracks=tracks,
                codec=str(params.get("codec") or "PCMU"),
                parameters=dict(params.get("custom_parameters") or {}),
                name=str(params.get("name") or ""),
                bearer=str(params.get("authorization_bearer_token") or ""),
                signing_key=self.signing_key,
                bidirectional=params.get("bidirectional", True) and tracks == ("inbound",),
            )
        )
        for track in tracks:
            self._ears[track] = ("", TrackReader(self.stream.settings.rate))
        return self.stream

    async def run(self) -> None:
        stream = self.stream or self.open()
        ticker().add(self._tick)
        try:
            await stream.run()
        finally:
            ticker().drop(self._tick)
            for track, (peer_id, ear) in list(self._ears.items()):
                self._untap(peer_id, ear)
                self._ears[track] = ("", ear)
            self._give(None)

    def digit(self, digit: str) -> None:
        if self.stream is not None:
            self.stream.digit(digit)

    def stop(self) -> None:
        if self.stream is not None:
            self.stream.stop()

    # --- every 20 ms

    def _tick(self) -> bool:
        stream = self.stream
        if stream is None:
            return False
        for track, (peer_id, ear) in self._ears.items():
            now = self._peer_of(track)
            if now != peer_id:
                self._untap(peer_id, ear)
                peer = self.session.peers.get(now)
                if peer is not None:
                    peer.port.audio_in.tap_later(ear)
                self._ears[track] = (now, ear)
            stream.send(track, ear.twenty(), self._frames * 20)
        self._frames += 1
        if stream.waiting and self._player is None:
            self._silent = 0
            self._give(Player(self._pull, stream.settings.rate))
        return True

    def _pull(self) -> Pcm:
        stream = self.stream
        assert stream is not None
        self._silent = 0 if stream.waiting else self._silent + 1
        if self._silent > QUIET_FRAMES:
            asyncio.get_running_loop().call_soon(self._give, None)
        return stream.pull()

    def _give(self, player: Player | None) -> None:
        if player is None and self._player is None:
            return
        if (
            player is None
            and self.stream is not None
            and self.stream.waiting
            and self._silent <= QUIET_FRAMES
        ):
            return
        self._player = player
        peer = self.session.peer_of_leg(self.leg_id)
        if peer is not None:
            peer.play(player, self)

    def _peer_of(self, track: str) -> str:
        """The peer whose sound a track is: the leg's own, or the one it talks with."""
        call = self.session.calls.get(self.call_id)
        leg = call.leg(self.leg_id) if call is not None else None
        if track == "outbound" and call is not None and leg is not None:
            leg = call.counterpart(leg.id)
        return leg.peer_id if leg is not None and leg.peer_id in self.session.peers else ""

    def _untap(self, peer_id: str, ear: TrackReader) -> None:
        peer = self.session.peers.get(peer_id)
        if peer is not None:
            peer.port.audio_in.untap(ear)
