"""What the machine says happened: facts in the past tense, and the effects a worker must perform. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from calling.machine.states import Call


@dataclass(frozen=True)
class Event:
    """A published fact (docs/contract.md#events). `data` is merged into the event's data beside the call."""

    type: str
    call_id: str
    leg_id: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    call: Call | None = field(default=None, compare=False, repr=False)  # as it stood when this was said


@dataclass(frozen=True)
class Digits:
    """RFC 4733 digits to be sent to the party that `leg_id` talks with."""

    call_id: str
    leg_id: str
    digits: str


Effect = Digits
