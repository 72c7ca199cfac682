"""SIP messages of a call as rows of a ladder: a column per leg, an arrow for the way a message went."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from calling import models

LONGEST_SHOWN = 6_000  # characters of one message on the page
_CSEQ = re.compile(r"^cseq\s*:\s*(.*)$", re.IGNORECASE | re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True)
class Row:
    """`cells[i]` is True where leg i is at the far end. `way` is `UDP 192.0.2.1:5060 → 198.51.100.2:5060`."""

    message: models.SipMessage
    offset: float
    cells: tuple[bool, ...]
    role: str
    first: str
    cseq: str
    text: str
    way: str

    @property
    def kept(self) -> int:
        return len(self.message.data)

    @property
    def cut(self) -> bool:
        return self.message.size > self.kept

    @property
    def shown(self) -> str:
        return self.text if len(self.text) <= LONGEST_SHOWN else self.text[:LONGEST_SHOWN] + " …"


def rungs(
    call: models.Call, legs: Sequence[models.Leg], messages: Iterable[models.SipMessage]
) -> Iterator[Row]:
    """The rows in the order of the messages."""
    roles = {leg.pk: leg.role for leg in legs}
    for message in messages:
        text = bytes(message.data).decode("utf-8", "replace").replace("\r\n", "\n")
        text = _CONTROL.sub("\ufffd", text)
        cseq = _CSEQ.search(text)
        first = text.partition("\n")[0][:300]
        ours = place(message.local_host, message.local_port)
        theirs = place(message.remote_host, message.remote_port)
        source, target = (ours, theirs) if message.outgoing else (theirs, ours)
        yield Row(
            message=message,
            offset=(message.at - call.created_at).total_seconds(),
            cells=tuple(leg.pk == message.leg_id for leg in legs),
            role=roles.get(message.leg_id, ""),
            first=first,
            cseq=cseq[1][:60] if cseq is not None and first.startswith("SIP/2.0") else "",
            text=text,
            way=f"{message.transport} {source} → {target}",
        )


def place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
