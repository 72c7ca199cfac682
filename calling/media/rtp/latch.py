"""Where a far end behind a NAT really sends from: learned once, from valid packets alone (RFC 7362 4). Pure.

What must not live here: sockets, and what makes a packet valid.
"""

from __future__ import annotations

import ipaddress
from typing import Any

RUNNING = 3  # packets of one source and address in a row before it is believed

Address = tuple[Any, ...]


class Latch:
    """One far end. host: the address that its signalling comes from, the only one sound is learned from."""

    def __init__(self, host: str) -> None:
        self.host = str(ipaddress.ip_address(host))
        self.learned: Address | None = None
        self._seen: tuple[Address, int] | None = None
        self._count = 0

    def open_to(self, address: Address) -> bool:
        """Whether a packet from there may still teach anything."""
        return self.learned is None and address[0] == self.host

    def convinced(self, address: Address, ssrc: int) -> bool:
        """One valid packet that nothing vouches for; whether it was the last that was needed."""
        self._count = self._count + 1 if self._seen == (address, ssrc) else 1
        self._seen = address, ssrc
        return self._count >= RUNNING
