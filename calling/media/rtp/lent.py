"""The numbers of a stream and of its senders while the forwarding loop has them.

`struct media_flow` and `struct media_sender` as Python sees them. Each side writes its own with `lend` and
takes them again with `restore`. The C side is calling/media/loop/src/interface.h; nothing is done with them
here.
"""

from __future__ import annotations

from typing import Protocol


class Row(Protocol):
    """An array of bytes in C."""

    def __getitem__(self, place: int) -> int: ...
    def __setitem__(self, place: int | slice, value: int | bytes) -> None: ...


class Lent(Protocol):
    """Of a stream that comes in (RtpReceiveStream). Payload types are places in `kinds`."""

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
    level_id: int
    drained: int
    keeps: int
    rx: object
    wide: object
    wide_id: int

    @property
    def kinds(self) -> Row: ...


class LentSender(Protocol):
    """Of what goes out (RtpSender). Payload types are places in `pts`, extension numbers in `extensions`."""

    seq_off: int
    ts_off: int
    out_ssrc: int
    out_seq: int
    out_ts: int
    next_ts: int
    push_clock: float
    push_pt: int
    guard: int
    switch_sequence: int
    sent_packets: int
    sent_octets: int
    sent_at: float
    unsent: int
    renumbers: bool
    mid_size: int
    tx: object
    wide: object
    wide_id: int
    fd: int

    @property
    def to(self) -> LentAddress: ...
    @property
    def pts(self) -> Row: ...
    @property
    def extensions(self) -> Row: ...
    @property
    def mid(self) -> Row: ...


class LentAddress(Protocol):
    """`struct media_address`."""

    size: int

    @property
    def bytes(self) -> Row: ...
