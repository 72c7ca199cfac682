"""The `play` and `say` operations: items one after the other, into one leg or all of a call."""

from __future__ import annotations

from functools import partial
from typing import Any

from calling.machine.states import Party
from calling.media.files.prepare import Picture
from calling.media.mixing.decoded_source import DecodedSource
from calling.media.operations.operation import OperationFailed, RunningOperation
from calling.media.operations.playback import Playback, asker_of, picture_of
from calling.media.rtp.source import Source
from calling.media.session.context import SessionContext
from calling.media.session.rooms import RoomMixer
from calling.media.session.rows import OperationRow


class Play(RunningOperation):
    """`play` and `say`: to the leg (`listen`), to the other (`speak`) or to both."""

    def __init__(self, wanted: OperationRow, session: SessionContext) -> None:
        super().__init__(wanted, session)
        params = wanted.params
        loop = params.get("loop", 1)
        self.sounding = Playback(
            params.get("items") or [], self._give, volume=float(params.get("volume") or 0), loops=int(loop),
            picture=self._picture, ask=partial(session.desk.run, asker_of, wanted.call_id),
        )  # fmt: skip
        self.sounding.pause(wanted.control == "pause")
        self._given: list[str] = []
        self._speaker: DecodedSource | None = None

    def _listeners(self) -> list[str]:
        session, wanted = self.session, self.wanted
        call = session.calls.get(wanted.call_id)
        if call is None:
            return []
        direction = wanted.params.get("direction", "listen")
        if wanted.leg_id is None or direction == "both":
            legs = [leg for leg in call.legs if leg.answered and leg.party is not Party.APP]
        else:
            other = call.counterpart(wanted.leg_id)
            own = call.leg(wanted.leg_id)
            legs = [leg for leg in ((own if direction == "listen" else other),) if leg is not None]
        return [leg.peer_id for leg in legs if leg.peer_id in session.peers]

    def _picture(self) -> Picture:
        peers = [self.session.peers[peer_id] for peer_id in self._listeners()]
        return picture_of(peers[0].port) if len(peers) == 1 else "vp8"

    def _room(self) -> RoomMixer | None:
        """The room that is meant where the leg is a room's: everybody in it hears."""
        leg = self.session.leg(self.wanted.leg_id) if self.wanted.leg_id else None
        return self.session.carrier.rooms.get(leg.app_ref) if leg is not None and leg.app == "room" else None

    def _give(self, source: Source | None) -> None:
        if self._speaker is not None:
            self._speaker.close()
            self._speaker = None
        room = self._room()
        if room is not None:
            self._speaker = room.play(source) if source is not None else None
            return
        wanted = self._listeners() if source is not None else []
        for peer_id in {*self._given, *wanted}:
            peer = self.session.peers.get(peer_id)
            if peer is not None:
                peer.play(source if peer_id in wanted else None, self)
        self._given = wanted

    async def work(self) -> dict[str, Any]:
        if self._room() is None and not self._listeners():
            raise OperationFailed("nobody can hear it")
        self.started()
        ended = await self.sounding.play()
        return {"reason": ended} if ended == "stopped" else {}

    def control(self, wanted: OperationRow) -> None:
        super().control(wanted)
        self.sounding.set_volume(float(wanted.params.get("volume") or 0))
        self.sounding.pause(wanted.control == "pause")
        if wanted.control == "stop":
            self.sounding.stop()
