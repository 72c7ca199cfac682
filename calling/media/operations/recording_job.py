"""A recording of a session's call: its row, its file, the parties it listens to.

Used by the `record` operation and by scripts. The row says `recording` while it goes on; a worker that dies
leaves it so, and `recording_rows.close_abandoned` (for the sweep) marks it `partial`: its file plays up to
the last second.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import clock
from calling import models
from calling.machine.states import Call, Party, SupervisionMode
from calling.media.codecs.track_reader import TrackReader
from calling.media.recording import store
from calling.media.recording.recorder import SPEECH_LEVEL, GatedReader, Recorder, RoomReader, Settings
from calling.media.recording.rows import link, root
from calling.media.session.context import SessionContext
from calling.media.session.rooms import RoomMixer
from calling.media.sources import tones

FORMATS: Final = {"wav": "wav", "mp3": "mp3"}
LOOK_SECONDS: Final = 0.5


@dataclass
class RecordingJob:
    """One recording. `leg_id` None: everybody in the call."""

    session: SessionContext
    call_id: str
    leg_id: str | None
    control_id: str
    params: dict[str, Any]
    recorder: Recorder | None = None
    row: models.Recording | None = None
    _ears: dict[str, TrackReader] = field(default_factory=dict)
    _mix: RoomReader = field(default_factory=RoomReader)
    _room: RoomMixer | None = None

    async def start(self) -> dict[str, Any]:
        """Make row and file, play the beep, begin. Raises OSError (no room on the disk)."""
        params = self.params
        name = FORMATS.get(str(params.get("format")), "ogg")
        stereo = bool(params.get("stereo"))
        made = clock.new_id()
        place = f"{made.hex[:2]}/{made.hex}.{name}"
        if params.get("beep"):
            await self._beep()
        wanted = self._wanted()
        self._ears = {peer_id: self._reader(peer_id) for peer_id in wanted}
        level = speech_level(params.get("input_sensitivity"))
        limits = {key: float(params.get(key) or 0) for key in _LIMITS}
        how = Settings(name, stereo, **limits, speech_level=level)
        self._room = self._room_meant()
        ears = [self._mix] if self._room is not None else list(self._ears.values())
        self.recorder = Recorder(root() / place, ears, how)
        self.recorder.keeps_time = params.get("behavior") == "silence"
        for peer_id, ear in self._ears.items():
            self._tap(peer_id, ear)
        if self._room is not None:
            self._room.listen(self._mix.hear_mix)
        self.row = await self.session.desk.run(self._create, place, name)
        self.recorder.start()
        return {"recording_id": str(self.row.id), "format": name, "channels": self.recorder.channels}

    def _create(self, place: str, name: str) -> models.Recording:
        project = models.Call.objects.values_list("project_id", flat=True).get(pk=self.call_id)
        return models.Recording.objects.create(
            project_id=project,
            call_id=self.call_id,
            leg_id=self.leg_id,
            control_id=self.control_id,
            format=name,
            channels=2 if self.params.get("stereo") else 1,
            path=place,
        )

    def _wanted(self) -> list[str]:
        """The peers whose sound is taken: of the leg, of the other one (`listen`), or of everybody."""
        session = self.session
        call = session.calls.get(self.call_id)
        if call is None:
            return []
        parties = [leg for leg in call.legs if leg.answered and leg.party is not Party.APP and leg.peer_id]
        if self.leg_id is not None:
            own = [leg for leg in parties if leg.id == self.leg_id]
            others = [leg for leg in parties if leg.id != self.leg_id]
            direction = self.params.get("direction")
            if self.params.get("stereo") or direction == "both":
                parties = own + others
            else:
                parties = others if direction == "listen" else own
            return [leg.peer_id for leg in parties if leg.peer_id in session.peers]
        wanted = [leg.peer_id for leg in parties if leg.peer_id in session.peers]
        return wanted + [peer_id for peer_id in self._supervisors() if self._barges(peer_id)]

    def _supervisors(self) -> dict[str, Call]:
        """peer -> the call of whoever supervises this one."""
        session = self.session
        call = session.calls.get(self.call_id)
        calls = [session.calls[each] for each in call.supervisors if each in session.calls] if call else []
        legs = [(each, each.supervisor) for each in calls]
        return {leg.peer_id: each for each, leg in legs if leg and leg.peer_id in session.peers}

    def _barges(self, peer_id: str) -> bool:
        """Whether everybody hears that supervisor now; a whisper is in no recording."""
        call = self._supervisors().get(peer_id)
        wanted = call.supervision if call is not None else None
        return wanted is not None and wanted.mode is SupervisionMode.BARGE

    def _reader(self, peer_id: str) -> TrackReader:
        if peer_id in self._supervisors():
            return GatedReader(partial(self._barges, peer_id))
        return TrackReader()

    def _room_meant(self) -> RoomMixer | None:
        """The room whose mix is taken, where the leg is a room's."""
        leg = self.session.leg(self.leg_id) if self.leg_id is not None else None
        room = leg.app_ref if leg is not None and leg.app == "room" else None
        return self.session.carrier.rooms.get(room)

    def _tap(self, peer_id: str, ear: TrackReader) -> None:
        peer = self.session.peers.get(peer_id)
        if peer is not None:
            peer.port.audio_in.tap_later(ear)

    async def _beep(self) -> None:
        done = asyncio.Event()
        peers = [self.session.peers[peer_id] for peer_id in self._wanted()]
        clip = tones.beep(done.set)
        for peer in peers:
            peer.play(clip, self)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), 2 if peers else 0)
        for peer in peers:
            peer.play(None, self)

    async def finish(self) -> dict[str, Any]:
        """Wait for the end and write it down. Raises OSError where the disk was full; the row then says
        failed."""
        recorder = self.recorder
        assert recorder is not None
        state, reason = "failed", ""
        try:
            reason = await self._end(recorder)
            state = "finished"
        finally:
            for peer_id, ear in self._ears.items():
                peer = self.session.peers.get(peer_id)
                if peer is not None:
                    peer.port.audio_in.untap(ear)
            if self._room is not None:
                self._room.unlisten(self._mix.hear_mix)
            if not recorder.finished.done():
                recorder.stop()
                state = "finished" if recorder.finished.exception() is None else "failed"
            self._note(state, recorder.duration_ms, recorder.size, recorder.envelope.stored())
        return self.summary(reason)

    def summary(self, reason: str) -> dict[str, Any]:
        """What is told of a recording at its end; nothing of one that never began."""
        if self.row is None or self.recorder is None:
            return {}
        return {
            "recording_id": str(self.row.id),
            "reason": reason,
            "duration_ms": self.recorder.duration_ms,
            "size": self.recorder.size,
            "url": link(self.row.id, self.row.project_id),
        }

    async def _end(self, recorder: Recorder) -> str:
        while True:
            done, _ = await asyncio.wait({recorder.finished}, timeout=LOOK_SECONDS)
            if done:
                return recorder.finished.result()
            for peer_id in self._wanted():
                if peer_id not in self._ears:
                    self._ears[peer_id] = ear = self._reader(peer_id)
                    recorder.add(ear)
                    self._tap(peer_id, ear)

    def _note(self, state: str, duration_ms: int, size: int, waveform: bytes | None) -> None:
        """Bring the row up to date, in the session's order."""
        if self.row is None:
            return
        row_id = self.row.id
        values = {"state": state, "duration_ms": duration_ms, "size": size, "waveform": waveform}
        self.session.signal_queue.work(
            self.call_id, lambda: models.Recording.objects.filter(pk=row_id).update(**values)
        )
        if store.store() is not None:
            moving = self.session.desk.run(store.keep_with_others, self.row)
            task = asyncio.get_running_loop().create_task(moving)
            _moving.add(task)
            task.add_done_callback(_moving.discard)

    def stop(self) -> None:
        if self.recorder is not None:
            self.recorder.stop()


def speech_level(sensitivity: float | None) -> int:
    """From SignalWire's `input_sensitivity` (0 to 100, 44 as a rule) to the -dBov that count as speech."""
    given = 44.0 if sensitivity is None else float(sensitivity)
    return round(SPEECH_LEVEL + (given - 44) / 2)


_moving: set[asyncio.Task[None]] = set()  # uploads under way
_LIMITS: Final = ("max_length", "initial_timeout", "end_silence_timeout")
