"""What goes over loopback, as somebody on the way sees it: RTP by stream, and what it sounds like."""

from __future__ import annotations

import contextlib
import math
import socket
import struct
import threading
from collections import Counter, defaultdict
from types import TracebackType

import numpy as np

from calling.media.codecs import g711


def forbidden() -> bool:
    """Whether this user may not look at an interface."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP).close()
    except OSError:
        return True
    return False


class WireCapture:
    """`with WireCapture(phone.rtp_ports) as wire`: the UDP packets from and to these ports."""

    def __init__(self, ports: range) -> None:
        self.ports = ports
        self.streams: dict[int, dict[int, bytes]] = defaultdict(dict)  # SSRC -> sequence -> payload
        self._over = threading.Event()

    def __enter__(self) -> WireCapture:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
        self._sock.bind(("127.0.0.1", 0))
        self._sock.settimeout(0.2)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(5)
        self._sock.close()

    def _read(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                self._take(self._sock.recv(65536))

    def _take(self, frame: bytes) -> None:
        at = 4 * (frame[0] & 15)
        if len(frame) < at + 8:
            return
        source, target = struct.unpack_from("!HH", frame, at)
        data = frame[at + 8 :]
        if not (source in self.ports or target in self.ports) or len(data) < 13:
            return
        if 127 < data[0] < 192 and not 191 < data[1] < 224:
            sequence, _, ssrc = struct.unpack_from("!HII", data, 2)
            self.streams[ssrc][sequence] = data[12:]

    @property
    def sounds(self) -> list[float]:
        """The strongest frequency of each stream that is a clear tone, read as PCMU without any key."""
        found = []
        for packets in self.streams.values():
            wave = np.concatenate([g711.decode("pcmu", packets[n][:160]) for n in sorted(packets)][-50:])
            if len(wave) < 3200:
                continue
            spectrum = np.abs(np.fft.rfft(wave.astype(float) * np.hanning(len(wave)))) ** 2
            peak = int(np.argmax(spectrum[1:]) + 1)
            if spectrum[max(0, peak - 4) : peak + 5].sum() > spectrum.sum() / 2:
                found.append(peak * 8000 / len(wave))
        return found

    @property
    def entropy(self) -> float:
        """Bits per octet over all payloads: near 8 where they are encrypted."""
        counts = Counter(b"".join(each for packets in self.streams.values() for each in packets.values()))
        total = sum(counts.values())
        return -sum(n / total * math.log2(n / total) for n in counts.values()) if total else 0.0
