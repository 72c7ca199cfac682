"""The recorder: tones on their channels, limits, gaps, a full disk, and a file that survives its writer."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from calling.media.codecs import g711
from calling.media.codecs.opus import OpusEncoder
from calling.media.codecs.track_reader import TrackReader
from calling.media.recording import ogg
from calling.media.recording.formats import open_writer
from calling.media.recording.recorder import Recorder, Settings
from calling.media.recording.writers import FRAME, RATE
from calling.sdp.model import Codec


def samples(path: Path) -> np.ndarray:
    """(channels, samples) of a recording, by FFmpeg."""
    with av.open(io.BytesIO(path.read_bytes())) as file:
        shape = av.AudioResampler(format="fltp", rate=RATE, layout=file.streams.audio[0].layout.name)
        pieces = [one.to_ndarray() for frame in file.decode(audio=0) for one in shape.resample(frame)]
    return np.concatenate(pieces, axis=1)


def pitch(wave: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    return float(np.argmax(spectrum[1:]) + 1) * RATE / len(wave)


def codec(name: str, pt: int, clock: int) -> Codec:
    return Codec(name, clock, 2 if name == "opus" else 1, pt)


class Voice:
    """A party that says a tone into a TrackReader, packet by packet."""

    def __init__(self, hertz: float, name: str = "opus", level: int | None = None) -> None:
        self.ear, self.hertz, self.name, self.level = TrackReader(), hertz, name, level
        self._at = 0
        self._encoder = OpusEncoder(48000)

    def say(self, *, amplitude: float = 10000) -> None:
        wave = (
            np.sin(2 * np.pi * self.hertz * np.arange(self._at * FRAME, (self._at + 1) * FRAME) / RATE)
            * amplitude
        )
        pcm = wave.astype(np.int16)
        payload = self._encoder.encode(pcm) if self.name == "opus" else g711.encode("pcmu", pcm[::6].copy())
        kind = codec("opus", 111, 48000) if self.name == "opus" else codec("PCMU", 0, 8000)
        self.ear.packet(memoryview(payload), kind, self._at & 0xFFFF, self._at * FRAME, False, self.level)
        self._at += 1

    def pause(self, frames: int) -> None:
        self._at += frames


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    return tmp_path / "a.bin"


def drive(recorder: Recorder, voices: list[Voice], frames: int) -> None:
    for _ in range(frames):
        for voice in voices:
            voice.say()
        recorder._tick()


@pytest.mark.parametrize("format", ["ogg", "wav", "mp3"])
@pytest.mark.parametrize("name", ["opus", "pcmu"])
async def test_one_party_is_heard_again(format: str, name: str, path: Path) -> None:
    voice = Voice(500, name)
    recorder = Recorder(path, [voice.ear], Settings(format=format))
    drive(recorder, [voice], 100)
    recorder.stop()
    assert await recorder.finished == "stopped"
    heard = samples(path)
    assert heard.shape[0] == 1 and abs(heard.shape[1] / RATE - 2.0) < 0.1
    assert abs(pitch(heard[0][RATE // 2 :]) - 500) < 10


async def test_opus_of_one_party_is_not_decoded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calling.media.codecs.track_reader.decoder", lambda *_: pytest.fail("decoded"))
    voice = Voice(500)
    recorder = Recorder(path, [voice.ear], Settings())
    drive(recorder, [voice], 50)
    recorder.stop()


@pytest.mark.parametrize("format", ["ogg", "wav", "mp3"])
async def test_stereo_has_one_party_per_channel(format: str, path: Path) -> None:
    alice, bob = Voice(400), Voice(900, "pcmu")
    recorder = Recorder(path, [alice.ear, bob.ear], Settings(format=format, stereo=True))
    drive(recorder, [alice, bob], 100)
    recorder.stop()
    heard = samples(path)
    assert heard.shape[0] == 2
    assert abs(pitch(heard[0][RATE // 2 :]) - 400) < 10 and abs(pitch(heard[1][RATE // 2 :]) - 900) < 10


@pytest.fixture
def never_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calling.media.codecs.track_reader.decoder", lambda *_: pytest.fail("decoded"))
    monkeypatch.setattr("calling.media.recording.ogg.OpusEncoder", lambda *_: pytest.fail("encoded"))


@pytest.mark.usefixtures("never_decoded")
async def test_two_devices_are_recorded_side_by_side_as_they_came(path: Path) -> None:
    alice, bob = Voice(400, level=20), Voice(900, level=40)
    recorder = Recorder(path, [alice.ear, bob.ear], Settings(stereo=True))
    drive(recorder, [alice, bob], 100)
    recorder.stop()
    heard = samples(path)
    assert heard.shape[0] == 2 and abs(heard.shape[1] / RATE - 2.0) < 0.05
    assert abs(pitch(heard[0][RATE // 2 :]) - 400) < 10 and abs(pitch(heard[1][RATE // 2 :]) - 900) < 10
    stored = recorder.envelope.stored()
    assert stored is not None and tuple(stored[50:52]) == (39, 4), (
        "20 and 40 dB below full scale, and the crest"
    )


@pytest.mark.usefixtures("never_decoded")
async def test_a_lost_packet_shifts_nothing_and_is_concealed(path: Path) -> None:
    alice, bob = Voice(400, level=20), Voice(900, level=20)
    recorder = Recorder(path, [alice.ear, bob.ear], Settings(stereo=True))
    for number in range(100):
        alice.pause(1) if number == 60 else alice.say()
        bob.say()
        recorder._tick()
    recorder.stop()
    heard = samples(path)
    assert abs(heard.shape[1] / RATE - 2.0) < 0.05
    lost = heard[0][61 * FRAME : 63 * FRAME]
    assert np.abs(heard[1][61 * FRAME : 63 * FRAME]).max() > 0.25, "bob's is whole"
    assert np.abs(lost).max() > 0.05 and abs(pitch(heard[0][RATE // 2 :]) - 400) < 10


async def test_a_third_party_is_mixed_into_the_right_channel(path: Path) -> None:
    alice, bob, carol = Voice(400, level=20), Voice(900, level=20), Voice(1300, level=20)
    recorder = Recorder(path, [alice.ear, bob.ear], Settings(stereo=True))
    drive(recorder, [alice, bob], 50)
    recorder.add(carol.ear)
    drive(recorder, [alice, bob, carol], 100)
    recorder.stop()
    left, right = samples(path)[:, -RATE:]
    assert abs(pitch(left) - 400) < 10
    spectrum = np.abs(np.fft.rfft(right * np.hanning(len(right))))
    assert {round(i / 100) * 100 for i in np.argsort(spectrum)[-6:]} == {900, 1300}


@pytest.mark.parametrize("ms", [10, 40, 60])
async def test_packets_of_another_length_are_made_to_fit(ms: int, path: Path) -> None:
    alice, bob = Voice(400, level=20), TrackReader()
    encoder, size = OpusEncoder(48000), ms * RATE // 1000
    recorder = Recorder(path, [alice.ear, bob], Settings(stereo=True))
    at = 0
    for step in range(100):
        alice.say()
        while at < (step + 1) * FRAME:
            wave = np.sin(2 * np.pi * 900 * np.arange(at, at + size) / RATE) * 10000
            payload = memoryview(encoder.encode(wave.astype(np.int16)))
            bob.packet(payload, codec("opus", 111, 48000), at // size, at, False, 20)
            at += size
        recorder._tick()
    recorder.stop()
    left, right = samples(path)[:, RATE // 2 :]
    assert abs(pitch(left) - 400) < 10 and abs(pitch(right) - 900) < 10


@pytest.mark.parametrize(
    "payload", [b"", b"\x00" * 1500, bytes([0xFB, 0x86]), bytes(1277), b"\xf9\x01\x02\x03", b"\x0b"]
)
async def test_a_hostile_payload_ends_no_recording(payload: bytes, path: Path) -> None:
    alice, mallory = Voice(400, level=20), Voice(900, level=20)
    recorder = Recorder(path, [alice.ear, mallory.ear], Settings(stereo=True))
    for number in range(60):
        alice.say()
        mallory.ear.packet(memoryview(payload), codec("opus", 111, 48000), number, number * FRAME, False, 20)
        recorder._tick()
    recorder.stop()
    assert await recorder.finished == "stopped"
    left = samples(path)[0]
    assert abs(pitch(left[RATE // 2 :]) - 400) < 10


async def test_mixed_has_both_in_one_channel(path: Path) -> None:
    alice, bob = Voice(400), Voice(900)
    recorder = Recorder(path, [alice.ear, bob.ear], Settings(format="wav"))
    drive(recorder, [alice, bob], 100)
    recorder.stop()
    wave = samples(path)[0][RATE // 2 :]
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    strong = {round(i * RATE / len(wave) / 100) * 100 for i in np.argsort(spectrum)[-6:]}
    assert strong == {400, 900}


async def test_a_gap_keeps_its_length(path: Path) -> None:
    voice = Voice(500)
    recorder = Recorder(path, [voice.ear], Settings(format="ogg"))
    drive(recorder, [voice], 50)
    for _ in range(50):
        recorder._tick()
    voice.pause(50)
    drive(recorder, [voice], 50)
    recorder.stop()
    assert abs(samples(path).shape[1] / RATE - 3.0) < 0.15


async def test_a_pause_is_left_out_or_kept_as_silence(path: Path) -> None:
    for keeps, seconds in ((False, 2.0), (True, 3.0)):
        voice = Voice(500)
        recorder = Recorder(path, [voice.ear], Settings(format="wav"))
        drive(recorder, [voice], 50)
        recorder.paused, recorder.keeps_time = True, keeps
        drive(recorder, [voice], 50)
        recorder.paused = False
        drive(recorder, [voice], 50)
        recorder.stop()
        assert abs(samples(path).shape[1] / RATE - seconds) < 0.1


@pytest.mark.parametrize("name", ["opus", "pcmu"])
async def test_limits_end_it(name: str, path: Path) -> None:
    voice = Voice(500, name)
    recorder = Recorder(path, [voice.ear], Settings(max_length=1.0))
    drive(recorder, [voice], 60)
    assert await recorder.finished == "max_length" and 1000 <= recorder.duration_ms <= 1020
    silent = Recorder(path, [Voice(1, name).ear], Settings(initial_timeout=0.5))
    for _ in range(40):
        silent._tick()
    assert await silent.finished == "no_input"
    voice = Voice(500, name)
    recorder = Recorder(path, [voice.ear], Settings(end_silence_timeout=0.5, initial_timeout=2))
    drive(recorder, [voice], 50)
    for _ in range(60):
        recorder._tick()
    assert await recorder.finished == "end_silence"


@pytest.mark.parametrize("format", ["ogg", "wav", "mp3"])
async def test_the_file_of_a_killed_writer_plays(format: str, path: Path) -> None:
    voice = Voice(500)
    recorder = Recorder(path, [voice.ear], Settings(format=format))
    drive(recorder, [voice], 175)
    assert samples(path).shape[1] / RATE >= 2.9  # nothing was closed


@pytest.mark.parametrize("format", ["ogg", "wav", "mp3"])
async def test_a_full_disk_is_an_error_not_a_crash(format: str) -> None:
    voice = Voice(500)
    recorder = Recorder.__new__(Recorder)
    try:
        recorder.__init__(Path("/dev/full"), [voice.ear], Settings(format=format))  # type: ignore[misc]
        drive(recorder, [voice], 120)
        recorder.stop()
        await recorder.finished
    except OSError:
        return
    pytest.fail("a full disk went unnoticed")


async def test_the_clock_records_at_its_own_pace(path: Path) -> None:
    voice = Voice(500)
    recorder = Recorder(path, [voice.ear], Settings(max_length=0.3))
    recorder.start()
    for _ in range(20):
        voice.say()
        await asyncio.sleep(0.02)
    assert await asyncio.wait_for(recorder.finished, 5) == "max_length"


def test_ogg_checksums_are_those_of_the_rfc(tmp_path: Path) -> None:
    writer = open_writer(tmp_path / "x.ogg", "ogg", 1)
    writer.close()
    page = bytearray((tmp_path / "x.ogg").read_bytes()[:47])
    given, page[22:26] = int.from_bytes(page[22:26], "little"), bytes(4)
    assert ogg.ogg_checksum(bytes(page)) == given
