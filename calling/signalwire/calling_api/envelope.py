"""What every calling command comes with: whom it is from, its call, and the leg that SignalWire means.

SignalWire's call id names one leg; a call here may hold several. Meant is the callee of a call that an API
key dialled and the caller of any other, or who is left of them; `params.leg` may name another as in
`/api/calls`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from calling import models
from calling.calls import queries
from calling.commands import leg_selection
from calling.commands.params import Params
from calling.machine.states import Call, Leg, Party, Role
from rest import errors
from tokens.subjects import ApiKey


@dataclass
class Request:
    """One command about a call that exists and is the project's."""

    key: ApiKey
    command: str
    row: models.Call
    form: Params

    @cached_property
    def call(self) -> Call:
        return queries.snapshot(self.row.id)

    @property
    def call_id(self) -> str:
        return str(self.row.id)

    def leg(self) -> Leg:
        """The leg that is meant. Raises 422 for a `leg` that the call has not."""
        name = self.form.text("leg", 45)
        self.form.check()
        if name is not None:
            found = self.call.leg(leg_selection.pick_leg(self.call, name))
            assert found is not None
            return found
        people = [leg for leg in self.call.live_legs if leg.party is not Party.APP]
        first = Role.CALLEE if self.row.api_dialled else Role.CALLER
        meant = next((leg for leg in people if leg.role is first), None)
        return meant or next(iter(people), self.call.legs[0])

    def other(self, leg: Leg) -> Leg | None:
        """The person whom a leg talks with."""
        other = self.call.counterpart(leg.id)
        return other if other is not None and other.party is not Party.APP else None


Command = Callable[[Request], dict[str, Any]]  # gives what the answer holds besides the call


def not_supported(what: str, attribute: str) -> errors.Unprocessable:
    return errors.Unprocessable("not_supported", f"{what} is not supported here.", attribute)
