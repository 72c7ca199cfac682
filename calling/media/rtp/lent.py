"""The numbers of a stream and of its sender while the forwarding loop has them: `struct media_flow` as Python
sees it. Each side writes its own with `lend` and takes them again with `restore`. The C side is
calling/media/loop/src/interface.h; nothing is done with the numbers here.
"""

from __future__ import annotations

from typing import Protocol


class Row(Protocol):
    """An array of bytes in C."""

    def __getitem__(self, place: int) -> int: ...
    def __setitem__(self, place: int | slice, value: int | bytes) -> None: ...


class Lent(Protocol):
    """Payload types and extension numbers are places in `kinds`, `pts` and `extensions`."""

    # of the stream that comes in (RtpReceiveStream)
    ssrc: int
    clock: float
    top: int
    cycles: int
    packets: int
    octets: int
    jitter: float
    transit: float
    last_at: float
    last_ts: int
    picture: bool
    arrivals: bool
    arrivals_top: int
    seen: int
    refused: int
    # of what goes out (RtpSender)
    seq_off: int
    ts_off: int
    out_ssrc: int
    out_seq: int
    out_ts: int
    guard: int
    switch_sequence: int
    sent_packets: int
    sent_octets: int
    sent_at: float
    unsent: int
    renumbers: bool
    mid_size: int
    # of both
    rx: object
    tx: object
    fd: int

    @property
    def to(self) -> LentAddress: ...
    @property
    def kinds(self) -> Row: ...
    @property
    def pts(self) -> Row: ...
    @property
    def extensions(self) -> Row: ...
    @property
    def mid(self) -> Row: ...


class LentAddress(Protocol):
    """`struct media_address`."""

    family: int
    port: int
    scope: int
    ip: bytes
