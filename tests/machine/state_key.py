"""What of a world decides its future: two worlds with one outline go on alike.

Left out, because no rule reads it: clocks, ended legs and calls, reasons and causes, texts of descriptions
(that they are there is kept), names. Ids are renamed by their order. `test_the_whole_reachable_space` proves
on a sample of the states it folds together that they do go on alike.
"""

from __future__ import annotations

from typing import Any

from calling.machine.states import Attempt, AttemptState, Call, Leg, LegState, World

Key = tuple[Any, ...]


def split(world: World) -> list[World]:
    """Live calls with the live call they are linked with: as the store would load them."""
    found: list[World] = []
    for call in world.values():
        if not call.live or (call.consulting and call.consult_of in world and world[call.consult_of].live):
            continue
        part = {call.id: call}
        if call.consult_id is not None and world[call.consult_id].live:
            part[call.consult_id] = world[call.consult_id]
        found.append(part)
    return found


class Outlines:
    """Outlines of worlds, quickly: those of legs are remembered."""

    def __init__(self) -> None:
        self._legs: dict[int, tuple[Leg, Key]] = {}

    def of(self, world: World) -> Key:
        peers: dict[str, int] = {}
        key: list[Any] = []
        for call in world.values():
            key.append(self._call(call, peers))
        return tuple(key)

    def _call(self, call: Call, peers: dict[str, int]) -> Key:
        live = [leg for leg in call.legs if leg.live]
        names: dict[str | None, Any] = {leg.id: number for number, leg in enumerate(live)}
        names[None] = None
        transfer = call.transfer
        return (
            call.state,
            call.carried,
            call.program is not None,
            bool(call.connect),
            transfer
            and (
                names.get(transfer.waiting, "gone"),
                tuple(names[each] for each in transfer.targets if each in names),
                names.get(transfer.by, "gone"),
                transfer.connect,
                transfer.scripted,
            ),
            call.consult_id is not None,
            call.consulting,
            frozenset((timer.kind, names.get(timer.leg_id, "gone")) for timer in call.timers),
            tuple(
                (self._leg(leg), leg.peer_id and peers.setdefault(leg.peer_id, len(peers))) for leg in live
            ),
        )

    def _leg(self, leg: Leg) -> Key:
        known = self._legs.get(id(leg))
        if known is not None:
            return known[1]
        if len(self._legs) > 300_000:
            self._legs.clear()
        key = leg_key(leg)
        self._legs[id(leg)] = (leg, key)  # the leg is kept, so that its id stays its own
        return key


def leg_key(leg: Leg) -> Key:
    rings = leg.state in (LegState.CREATED, LegState.RINGING)
    return (
        leg.role,
        leg.party,
        leg.address,
        leg.device_id,
        leg.app,
        leg.state,
        leg.held,
        leg.muted,
        leg.media_state,
        leg.offer is not None,
        leg.answer is not None,
        bool(leg.serial),
        leg.offered,
        leg.refusal,
        leg.early_media,
        leg.kind,
        frozenset(attempt_key(a) for a in leg.attempts if a.live or a.state is AttemptState.REJECTED)
        if rings
        else None,
    )


def attempt_key(attempt: Attempt) -> Key:
    """Devices that vanished leave no trace; that one said no is remembered."""
    return (attempt.device_id, attempt.kind, attempt.state, attempt.reason, attempt.offer is not None)
