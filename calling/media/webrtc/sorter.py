"""Whose a datagram is, where many legs share one port. Pure: no socket, no clock.

A binding request is for the leg whose user fragment it names, an answer to a check of ours for the leg whose
tag its transaction begins with, and everything else for the leg that holds the source address. Addresses are
claimed by STUN alone, that is by who has the leg's password:

    HEARD    a check with our password came from there; whoever knows it can write any source
    PROVEN   an answer to our own check came from there: it is at that address
    CHOSEN   and it is the pair that was selected

The first to claim an address has it. A proof takes it from a leg that has only been heard, and from one that
has been silent for STALE seconds; nothing else does, so no leg loses its traffic to another's forged source.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Hashable
from typing import Any, Generic, Protocol, TypeVar

from calling.media import stun

Address = tuple[Any, ...]  # as the kernel reports it: (host, port) or (host, port, flow, scope)
HEARD, PROVEN, CHOSEN = 0, 1, 2
STALE = 10.0  # seconds: consent is asked for every four
MOST_ADDRESSES = 16  # held by one leg; the oldest of the least proven goes
NAME, TAG = 8, 4  # characters of a user fragment (48 bits; RFC 8445 section 5.3 asks for 24), bytes of a tag
_LETTERS = string.ascii_letters + string.digits


class Member(Hashable, Protocol):
    """One ICE agent of a leg, as the sorter sees it."""

    owner: object  # the same for the path of a leg and the one that is to replace it

    @property
    def proven_at(self) -> float:
        """When the far end last answered a check, by the clock of `now`."""


M = TypeVar("M", bound=Member)


def spelled(host: str, port: int) -> Address:
    """An address as the kernel reports it."""
    return (host, port, 0, 0) if ":" in host else (host, port)


class Sorter(Generic[M]):
    """All that is known of who is where. `routes[place]`: who holds an address, for the packet path."""

    def __init__(self) -> None:
        self.routes: list[dict[Address, M]] = []
        self.strangers = 0  # datagrams that were nobody's
        self._names: dict[bytes, M] = {}
        self._tags: dict[bytes, M] = {}
        self._claims: dict[M, dict[tuple[int, Address], int]] = {}
        self._told: dict[Address, set[M]] = {}

    def __len__(self) -> int:
        return len(self._claims)

    def add_place(self) -> int:
        """A further socket; its number."""
        self.routes.append({})
        return len(self.routes) - 1

    # --- members

    def free_name(self) -> str:
        """A user fragment that no leg here has."""
        while (name := "".join(secrets.choice(_LETTERS) for _ in range(NAME))).encode() in self._names:
            pass
        return name

    def free_tag(self) -> bytes:
        """What the transactions of a leg's own checks begin with."""
        while (tag := secrets.token_bytes(TAG)) in self._tags:
            pass
        return tag

    def admit(self, member: M, name: str, tag: bytes) -> None:
        """From now on datagrams are sorted to it; raises ValueError where the name or the tag is taken."""
        if name.encode() in self._names or tag in self._tags:
            raise ValueError("Another leg has that name.")
        self._names[name.encode()] = self._tags[tag] = member
        self._claims[member] = {}

    def drop(self, member: M, name: str, tag: bytes) -> None:
        """It is over: what it held is free, or its sibling's that had claimed it too."""
        claims = self._claims.pop(member, None)
        if claims is None:
            return
        self._names.pop(name.encode(), None)
        self._tags.pop(tag, None)
        for place, address in claims:
            self._leave(member, place, address)
        for address in [each for each, by in self._told.items() if member in by]:
            self._told[address].discard(member)
            if not self._told[address]:
                del self._told[address]

    def _leave(self, member: M, place: int, address: Address) -> None:
        if self.routes[place].get(address) is not member:
            return
        heir = next((one for one, held in self._claims.items() if (place, address) in held), None)
        if heir is None:
            del self.routes[place][address]
        else:
            self.routes[place][address] = heir

    # --- datagrams

    def of_stun(self, data: stun.Octets, size: int) -> M | None:
        """The member a STUN message is for, authentic or not; None: nobody's."""
        name = stun.addressee(data, size)
        if name is not None:
            return self._names.get(name)
        transaction = stun.answered(data, size)
        return self._tags.get(transaction[:TAG]) if transaction is not None else None

    # --- addresses

    def claim(self, member: M, place: int, address: Address, strength: int, now: float) -> bool:
        """A member has shown by STUN that it is at an address; whether it holds it from now on."""
        claims = self._claims.get(member)
        if claims is None:
            return False
        routes = self.routes[place]
        holder = routes.get(address)
        if holder is not None and holder is not member:
            if holder.owner is member.owner:
                self._hold(member, place, address, strength)
                if strength < CHOSEN:
                    return False  # the present path of the same leg keeps it until the new one is selected
            elif self._yields(holder, place, address, strength, now):
                self._claims[holder].pop((place, address), None)
            else:
                return False
        self._hold(member, place, address, strength)
        routes[address] = member
        return True

    def _yields(self, holder: M, place: int, address: Address, strength: int, now: float) -> bool:
        proven = self._claims[holder].get((place, address), HEARD) >= PROVEN
        return strength >= PROVEN and (not proven or now - holder.proven_at > STALE)

    def _hold(self, member: M, place: int, address: Address, strength: int) -> None:
        claims = self._claims[member]
        strength = max(strength, claims.pop((place, address), HEARD))  # the newest stands last
        if len(claims) >= MOST_ADDRESSES:
            weakest = min(claims, key=lambda held: claims[held])
            del claims[weakest]
            self._leave(member, *weakest)
        claims[place, address] = strength

    # --- far ends that share a port themselves

    def told(self, member: M, host: str, port: int) -> None:
        """A member's far end has named that candidate."""
        if member in self._claims:
            self._told.setdefault(spelled(host, port), set()).add(member)

    def spoken_for(self, host: str, port: int) -> bool:
        """Whether a leg is, or may be, at that address."""
        address = spelled(host, port)
        return address in self._told or any(address in routes for routes in self.routes)
