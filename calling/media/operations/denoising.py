"""One leg's packets on their way through a speech worker: decoded, cleaned elsewhere, encoded again.

Stands before everybody who hears the leg, so each gets the clean sound in the leg's own codec, under the
numbers and times of the packets that came. The loop never waits: a packet whose sound is not back in time
goes on as it came, and so do the next ones for a while. Who asks for it, and what is told, is `denoise`'s.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import clock
from calling.media.aiortc_private.srtp import PacketBuffer
from calling.media.codecs.audio_codecs import Decoder, Encoder, decoder, encoder
from calling.media.codecs.opus import Pcm
from calling.media.codecs.sound_level import level_of
from calling.media.codecs.transcoder import CONCEAL_MAX
from calling.media.rtp.header import FIELDS, FIELDS_AT, extension, payload_end, payload_offset
from calling.media.rtp.receive_stream import RtpReceiveStream
from calling.media.rtp.receiver import RtpReceiver
from calling.media.rtp.ticker import ticker
from calling.sdp.model import Codec
from calling.speech.frames import MAX_PIECE, Piece

RATES: Final = {"opus": 48000, "pcmu": 8000, "pcma": 8000, "g722": 16000}
HELD_SECONDS: Final = 0.08  # so long a packet waits for its sound, and at most a tick longer
PASSING_SECONDS: Final = 0.5  # after one that waited in vain, packets go on as they come for so long
MOST_MISSES: Final = 4  # in a row; then the worker is too slow
MOST_WAITING: Final = 50


@dataclass(slots=True)
class Held:
    """One packet that waits. `data`: empty where it was lost and is made up. `piece`: its sound is away."""

    stream: RtpReceiveStream
    data: bytes
    head: int
    mark: int
    sequence: int
    timestamp: int
    at: float
    milliseconds: int = 0  # of sound
    piece: int | None = None
    clean: Pcm | None = None


class Denoising:
    """A Filter of one receiver. `send` hands a piece to the worker; `too_slow` is called once, at the end."""

    def __init__(self, send: Callable[[Piece], bool], too_slow: Callable[[], None]) -> None:
        self.cleaned_ms = self.passed_ms = 0
        self._send, self._too_slow = send, too_slow
        self._receiver: RtpReceiver | None = None
        self._waiting: deque[Held] = deque()
        self._pieces: dict[int, Held] = {}
        self._buffer = PacketBuffer()
        self._handing_on = False
        self._codec: Codec | None = None
        self._rate = self._clock = 8000
        self._decoder: Decoder | None = None
        self._encoder: Encoder | None = None
        self._stream: RtpReceiveStream | None = None
        self._last: tuple[int, int] | None = None  # sequence and timestamp of the packet before
        self._samples = 0  # in that packet
        self._number = 0
        self._passing_until = 0.0
        self._misses = 0

    def attach(self, receiver: RtpReceiver | None) -> bool:
        """Stand before this receiver, None: before none. False where another one stands there."""
        if receiver is self._receiver and (receiver is None or receiver.filter is self):
            return True
        if receiver is not None and receiver.filter is not None:
            return False
        self._release()
        if self._receiver is not None and self._receiver.filter is self:
            self._receiver.set_filter(None)
        self.renew()
        self._receiver = receiver
        if receiver is None:
            ticker().drop(self._tick)
        else:
            receiver.set_filter(self)
            ticker().add(self._tick)
        return True

    def renew(self) -> None:
        """The next packet does not continue the last one."""
        self._last = None

    # --- packets in

    def take(
        self,
        stream: RtpReceiveStream,
        view: memoryview,
        size: int,
        mark: int,
        sequence: int,
        timestamp: int,
        now: float,
    ) -> bool:
        """Keep the packet until its sound is back. What is no sound waits only for those before it."""
        if self._handing_on:
            return False
        at = payload_offset(view, size)
        codec = stream.receiver.codec(mark & 0x7F)
        if codec is None or at is None or codec.name.lower() not in RATES:
            if self._last is not None and (sequence - self._last[0]) & 0xFFFF < 0x8000:
                self._last = sequence, timestamp  # its number is not missing
            if not self._waiting:
                return False
            self._waiting.append(Held(stream, bytes(view[:size]), 0, mark, sequence, timestamp, now))
            return True
        self._tune(stream, codec)
        held = Held(stream, bytes(view[:size]), at, mark, sequence, timestamp, now)
        payload = view[at : payload_end(view, size)]
        if not self._make_up(held, payload):
            return True
        self._last = sequence, timestamp
        assert self._decoder is not None
        try:
            pcm = self._decoder.decode(payload)
        except ValueError:
            pcm = self._decoder.conceal(self._samples or self._rate // 50)
        self._samples = len(pcm)
        self._ask(held, pcm)
        return True

    def _tune(self, stream: RtpReceiveStream, codec: Codec) -> None:
        if stream is not self._stream:
            self._stream, self._last = stream, None
        if self._codec is None or codec.key != self._codec.key:
            name = codec.name.lower()
            self._codec, self._last, self._samples = codec, None, 0
            self._rate, self._clock = RATES[name], codec.clock
            self._decoder, self._encoder = decoder(name, self._rate), encoder(name, self._rate)

    def _make_up(self, held: Held, payload: memoryview) -> bool:
        """Put in what was lost before this packet. False: it comes too late, and its place is taken."""
        if self._last is None:
            return True
        last, stamp = self._last
        step = (held.sequence - last) & 0xFFFF
        if step == 0 or step >= 0x8000:
            return False
        each = ((held.timestamp - stamp) & 0xFFFFFFFF) // step
        if not self._samples or each != self._samples * self._clock // self._rate:
            return True  # a pause, not a loss
        assert self._decoder is not None
        for left in range(min(step - 1, CONCEAL_MAX), 0, -1):
            lost = Held(
                held.stream, b"", held.head, held.mark & 0x7F, (held.sequence - left) & 0xFFFF,
                (held.timestamp - left * each) & 0xFFFFFFFF, held.at,
            )  # fmt: skip
            self._ask(lost, self._decoder.conceal(self._samples, payload if left == 1 else None))
        return True

    def _ask(self, held: Held, pcm: Pcm) -> None:
        """Send its sound away, or let it go on as it is."""
        passing = held.at < self._passing_until or len(self._waiting) >= MOST_WAITING
        rate = self._rate
        held.milliseconds = len(pcm) * 1000 // rate
        if not passing and 0 < len(pcm) <= MAX_PIECE:
            self._number += 1
            if self._send(Piece(self._number, rate, pcm)):
                held.piece = self._number
                self._pieces[self._number] = held
        self._waiting.append(held)
        self._hand_on()

    # --- sound back

    def heard(self, piece: Piece) -> None:
        """The worker's answer; one that comes too late is passed over."""
        held = self._pieces.pop(piece.number, None)
        if held is not None:
            held.clean, held.piece = piece.pcm, None
            self._misses = 0
            self._hand_on()

    def _tick(self) -> bool:
        if self._waiting and clock.monotonic() - self._waiting[0].at > HELD_SECONDS:
            self._misses += 1
            self._passing_until = clock.monotonic() + PASSING_SECONDS
            self._release()
            if self._misses == MOST_MISSES:
                self._too_slow()
        return True

    def _release(self) -> None:
        """Everything that waits goes on as it came."""
        for held in self._waiting:
            held.piece = None
        self._pieces.clear()
        self._hand_on()

    # --- packets out

    def _hand_on(self) -> None:
        while self._waiting and self._waiting[0].piece is None:
            self._deliver(self._waiting.popleft())

    def _deliver(self, held: Held) -> None:
        receiver = self._receiver
        if receiver is None:
            return
        payload = self._encode(held.clean) if held.clean is not None else None
        view, size = self._buffer.view, len(held.data)
        if payload is not None:
            size = self._write(held, payload, receiver)
            self.cleaned_ms += held.milliseconds
        elif held.data:
            view[:size] = held.data
            self.passed_ms += held.milliseconds
        else:
            return  # it was lost on the way here already
        self._handing_on = True
        try:
            receiver.deliver(
                held.stream, self._buffer, size, held.mark, held.sequence, held.timestamp, held.at
            )
        finally:
            self._handing_on = False

    def _write(self, held: Held, payload: bytes, receiver: RtpReceiver) -> int:
        """The packet with another payload, and the level of that."""
        view, head = self._buffer.view, held.head if held.data else 12
        view[:head] = held.data[:head] if held.data else bytes((0x80,)) + bytes(11)
        view[0] &= 0xDF  # the padding was behind the other payload
        FIELDS.pack_into(view, FIELDS_AT, held.mark, held.sequence, held.timestamp, held.stream.ssrc)
        size = head + len(payload)
        view[head:size] = payload
        level = extension(view, size, receiver.level_id) if receiver.level_id else None
        if level is not None and held.clean is not None:
            level[0] = (level[0] & 0x80) | level_of(held.clean)
        return size

    def _encode(self, pcm: Pcm) -> bytes | None:
        """None where the codec takes no packet of that length."""
        assert self._encoder is not None
        try:
            return self._encoder.encode(pcm)
        except ValueError:
            return None
