"""The sound of one room: three talkers decoded, one mix for all listeners, mix-minus for the talkers.

Encodes are the cost, mixing never is: listeners share one encode per codec. Silent members' packets
are never decoded. Two plain members hear each other directly, without the mixer. A trunk is a member
that stands for the room's members in another worker: it is always mixed, and gets this worker's members
alone. Who is seen is `gallery`; who may join, lock or mute is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from calling.media.codecs.audio_codecs import Decoder, Encoder, decoder
from calling.media.codecs.jitter_buffer import JitterBuffer, Lost, Wait
from calling.media.codecs.opus import Pcm
from calling.media.codecs.sound_level import level_of
from calling.media.mixing.active_speakers import ActiveSpeakers
from calling.media.mixing.video_layout import VideoLayout
from calling.media.rtp.forwarding import Rested
from calling.media.rtp.media_port import MediaPort
from calling.media.rtp.source import Listener, Source
from calling.media.rtp.ticker import ticker
from calling.media.sources.producers import emit
from calling.sdp.model import Codec

RATE = 48000
FRAME = RATE // 50
QUIETEST = -40.0  # dB; a member at this volume is not heard at all
TALK_ON, TALK_OFF = 10, 40  # ticks until `talking` is said to begin and to end
HELD = 16  # payloads of a talker that may wait for the next tick
WARM = 3  # payloads of a silent member kept, so that the first syllable is not lost
SILENT = 107  # a level beyond this is no syllable's beginning either


Hear: TypeAlias = Callable[[Source | None], None]


class MixerMember:
    """One port in a room; `hear` gives it the room's sound, which it produces too: `source('audio')`."""

    def __init__(self, room: Mixer, port: MediaPort, hear: Hear, name: str, trunk: bool = False) -> None:
        self.room, self.port, self.hear, self.name, self.trunk = room, port, hear, name, trunk
        self.chosen = False
        self.taken = False  # whether its packets were taken at the last tick
        self.muted = self.deaf = False
        self.volume = 0.0  # dB; how loud the other members hear this one
        self.output = 1.0  # how loud it hears the others: a factor, 0 is silence
        self.screen = False  # its picture is a shared screen
        self.owner: str | None = None  # the name of the member whose further picture this is
        self.talking = False
        self.jitter = JitterBuffer()
        self.codec: Codec | None = None
        self.listener: Listener | None = None
        self.encoders: dict[str, Encoder] = {}
        self.levels = False
        self.rests: set[Rested] = set()  # its streams whose packets are kept for it
        self._decoder: Decoder | None = None
        self._rest: Pcm = np.zeros(0, np.int16)
        self.ticks = 0

    # a producer

    def source(self, kind: str) -> MixerMember | None:
        return self if kind == "audio" else None

    def attach(self, listener: Listener) -> None:
        self.listener = listener

    def detach(self, listener: Listener) -> None:
        if self.listener is listener:
            self.listener = None

    def request_keyframe(self) -> None:
        """Sound has no key frames."""

    # a tap on what it says

    def packet(
        self,
        payload: memoryview,
        codec: Codec,
        sequence: int,
        timestamp: int,
        marker: bool,
        level: int | None,
    ) -> None:
        if self.muted:
            return
        self._take(codec)
        self.levels = level is not None
        if level is not None:
            self.room.talkers.level(self, level)
        if self.room.direct or (level is not None and not self.chosen and not self.trunk):
            # No sound is asked for.
            if len(self.jitter) >= WARM:
                self.jitter.clear()
            if level is not None and level > SILENT:
                return
        self.jitter.put(sequence, bytes(payload))

    def _take(self, codec: Codec) -> None:
        if codec is not self.codec:
            self.codec = codec
            self._decoder = decoder(codec.name.lower(), RATE)
            self.jitter = JitterBuffer()

    keeps, by_level = HELD, True

    def add_keeper(self, keeper: Rested) -> None:
        self.rests.add(keeper)

    def drop_keeper(self, keeper: Rested) -> None:
        self.rests.discard(keeper)

    @property
    def takes_later(self) -> bool:
        """The mixer asks every 20 ms; who sends no levels must be heard to know how loud it is."""
        return self.muted or (self.levels and not self.trunk)

    @property
    def wants(self) -> int:
        """All that it says while it is heard; at first the last syllable alone, so that it is not lost."""
        return 0 if self.muted else HELD if self.taken else WARM

    def drain(self) -> None:
        """Take the packets that are kept elsewhere."""
        for rest in self.rests:
            rest.drain()

    def wake(self) -> None:
        """Nothing is to be kept elsewhere any more."""
        for rest in list(self.rests):
            rest.recall()

    def kept(self, payload: memoryview, codec: Codec, sequence: int, level: int | None, at: float) -> None:
        if self.muted:
            return
        if not self.taken:
            if level is not None and level > SILENT:
                return
            if len(self.jitter) >= WARM:
                self.jitter.clear()
        self._take(codec)
        self.jitter.put(sequence, bytes(payload))

    def pcm(self) -> Pcm | None:
        """The next 20 ms of this member, None while there is nothing."""
        while len(self._rest) < FRAME:
            got = self.jitter.pull()
            if isinstance(got, Wait) or self._decoder is None:
                break
            try:
                if isinstance(got, Lost):
                    part = self._decoder.conceal(FRAME, self.jitter.following())
                else:
                    part = self._decoder.decode(got)
            except ValueError:
                part = self._decoder.conceal(FRAME)
            self._rest = part.copy() if not len(self._rest) else np.concatenate((self._rest, part))
        if len(self._rest) < FRAME:
            return None
        out, self._rest = self._rest[:FRAME], self._rest[FRAME:]
        if self.volume <= QUIETEST:
            out = np.zeros(FRAME, np.int16)
        elif self.volume:
            out = np.clip(out * 10 ** (self.volume / 20), -32768, 32767).astype(np.int16)
        return out

    def note(self, chosen: bool) -> bool | None:
        """Count ticks of talk; True or False when `talking` changes."""
        self.ticks = self.ticks + 1 if chosen != self.talking else 0
        if self.ticks > (TALK_ON if chosen else TALK_OFF):
            self.talking, self.ticks = chosen, 0
            return chosen
        return None


class Mixer:
    """One room's sound and choice of picture. `on_talking(name, bool)` is called in the loop.

    `on_mix(pcm)` gets the whole mix, 960 int16 samples each 20 ms (a recorder). `play(pull)` mixes a
    player's PCM in: `pull()` gives 960 samples at 48 kHz or None at its end.
    """

    def __init__(self, on_talking: Callable[[str, bool], None] | None = None, video: bool = True) -> None:
        self.members: list[MixerMember] = []
        self.talkers = ActiveSpeakers()
        self.video = video
        self.on_talking = on_talking
        self.on_mix: Callable[[Pcm], None] | None = None
        self.players: list[Callable[[], Pcm | None]] = []
        self.always_mix = False
        self.direct = False  # whether two members are joined without mixing
        self._gallery = VideoLayout()
        self._shared: dict[str, Encoder] = {}
        self._running = False

    # --- members

    def join(
        self, port: MediaPort, name: str, *, trunk: bool = False, hear: Hear | None = None
    ) -> MixerMember:
        """Put a leg, or a trunk, into the room; the name comes back in `on_talking`.

        hear: takes the room's sound, where it does not go straight to the port.
        """
        member = MixerMember(self, port, hear or port.set_audio_source, name, trunk)
        self.members.append(member)
        self.talkers.join(member, extra=trunk)
        port.audio_in.tap_later(member)
        self.route()
        return member

    def leave(self, member: MixerMember) -> None:
        if member not in self.members:
            return
        self.members.remove(member)
        self.talkers.leave(member)
        self._gallery.leave(member)
        member.port.audio_in.untap(member)
        if not member.port.closed:
            member.hear(None)
            for window in range(len(member.port.senders()) - 1):
                member.port.set_video_source(None, window)
        self.route()

    def set(
        self,
        member: MixerMember,
        *,
        muted: bool | None = None,
        deaf: bool | None = None,
        volume: float | None = None,
        output: float | None = None,
    ) -> None:
        """Change one member. volume: dB, -40 (silence) to +20. output: factor of what it hears, 0 to 1."""
        if muted is not None and muted is not member.muted:
            member.wake()
            member.jitter.clear()  # what waits from before is not heard afterwards
        member.muted = member.muted if muted is None else muted
        member.deaf = member.deaf if deaf is None else deaf
        member.volume = member.volume if volume is None else max(QUIETEST, min(20.0, volume))
        member.output = member.output if output is None else max(0.0, min(1.0, output))
        self.route()

    def play(self, pull: Callable[[], Pcm | None]) -> None:
        """Let the room hear a player besides its members."""
        self.players.append(pull)
        self.route()

    def route(self) -> None:
        """Set who hears and sees what after any change."""
        plain = all(not (m.muted or m.deaf or m.volume or m.trunk or m.output != 1) for m in self.members)
        busy = bool(self.players) or self.on_mix is not None or self.always_mix
        self.direct = len(self.members) == 2 and plain and not busy
        if self.direct:
            first, second = self.members
            first.hear(second.port)
            second.hear(first.port)
        else:
            for member in self.members:
                member.hear(None if member.deaf else member)
        if self.members and not self._running:
            self._running = True
            ticker().add(self._tick)
        if self.video:
            self._gallery.show(self.members)

    # --- the 20 ms clock

    def _tick(self) -> bool:
        if not self.members:
            self._running = False
            return False
        before = self.talkers.speaker
        muted = [member for member in self.members if member.muted]
        plain: dict[MixerMember, Pcm] = {}
        for member in self.members:
            for rest in member.rests:
                level = rest.level()
                if level is not None and not member.muted:
                    self.talkers.level(member, level)
        if not self.direct:
            for member in self.members:  # who sends no levels must be decoded to know them
                if member.trunk or not member.levels:
                    pcm = member.pcm()
                    if pcm is not None:
                        plain[member] = pcm
                        self.talkers.level(member, level_of(pcm))
        chosen = self.talkers.tick(muted)
        for member in self.members:
            member.chosen = member in chosen
            taken = member.chosen and not self.direct
            if taken and member.rests:
                member.drain()
            member.taken = taken
            if member.chosen is not member.talking or member.ticks:
                changed = member.note(member.chosen)
                if changed is not None and self.on_talking is not None:
                    self.on_talking(member.name, changed)
        speaker = self.talkers.speaker
        if isinstance(speaker, MixerMember) and speaker is not before:
            self._gallery.spoke(speaker)
            if self.video:
                self._gallery.show(self.members)
        if self.video:
            self._gallery.tick(self.members)
        if not self.direct:
            self._mix(chosen, plain)
        return True

    def _mix(self, chosen: tuple[Any, ...], plain: dict[MixerMember, Pcm]) -> None:
        voices: dict[MixerMember, Pcm] = {}
        for member in chosen:
            if member.trunk:
                continue
            pcm = plain.get(member) if member in plain else member.pcm() if member.levels else None
            if pcm is not None:
                voices[member] = pcm
        local = np.zeros(FRAME, np.int32)
        for pcm in voices.values():
            local += pcm
        for pull in list(self.players):
            part = pull()
            if part is None:
                self.players.remove(pull)
                self.route()  # two members may hear each other directly again
            else:
                local += part
        total = local
        for member in self.members:
            if member.trunk:
                heard = _clipped(local)
                emit(self, (member.listener,) if member.listener else (), member.encoders, heard, RATE)
                if member in plain:
                    total = total + plain[member]
        mixed = _clipped(total)
        if self.on_mix is not None:
            self.on_mix(mixed)
        listeners = []
        for member in self.members:
            listener = member.listener
            if listener is None or member.deaf or member.trunk:
                continue
            own = voices.get(member)
            if own is None and member.output == 1:
                listeners.append(listener)
                continue
            heard = _clipped(total if own is None else total - own)
            if member.output != 1:
                heard = (heard * np.float32(member.output)).astype(np.int16)
            emit(self, (listener,), member.encoders, heard, RATE)
        emit(self, listeners, self._shared, mixed, RATE)

    def close(self) -> None:
        """Let everyone go."""
        for member in list(self.members):
            self.leave(member)


def _clipped(total: NDArray[np.int32]) -> Pcm:
    """int32 to int16 without np.clip, which costs as much as an encode of silence."""
    return np.maximum(np.minimum(total, 32767), -32768).astype(np.int16)
