"""Whose a datagram is where legs share a port: by its user fragment, by our transaction, by an address that
was proven; nothing that a stranger or another leg sends gets a leg's traffic."""

from __future__ import annotations

import os
import random
import struct
from dataclasses import dataclass

import pytest

from calling.media import stun
from calling.media.webrtc.sorter import CHOSEN, HEARD, MOST_ADDRESSES, PROVEN, STALE, Sorter

HERE, THERE = ("192.0.2.1", 5000), ("192.0.2.1", 5001)  # two devices behind one NAT
FROM_SIX = ("2001:db8::7", 5000, 0, 0)


@dataclass(eq=False)
class Leg:
    """One ICE agent: whose it is, and when its far end last answered."""

    owner: object
    proven_at: float = 0.0


class Board:
    """A sorter with two places, and legs with names."""

    def __init__(self) -> None:
        self.sorter: Sorter[Leg] = Sorter()
        self.sorter.add_place()
        self.sorter.add_place()
        self.ids: dict[Leg, tuple[str, bytes]] = {}

    def leg(self, owner: object = None) -> Leg:
        made = Leg(owner or object())
        self.ids[made] = self.sorter.free_name(), self.sorter.free_tag()
        self.sorter.admit(made, *self.ids[made])
        return made

    def hangs_up(self, leg: Leg) -> None:
        self.sorter.drop(leg, *self.ids[leg])

    def at(self, address: tuple[object, ...], place: int = 0) -> Leg | None:
        return self.sorter.routes[place].get(address)


@pytest.fixture
def board() -> Board:
    return Board()


def check(user: bytes, before: int = 0) -> bytes:
    """A binding request whose name stands after so many other attributes."""
    name = struct.pack("!HH", stun.USERNAME, len(user)) + user + bytes(-len(user) % 4)
    body = struct.pack("!HHI", stun.PRIORITY, 4, 7) * before + name
    return struct.pack("!HHI", stun.REQUEST, len(body), stun.COOKIE) + os.urandom(12) + body


def answer(transaction: bytes, kind: int = stun.SUCCESS) -> bytes:
    return struct.pack("!HHI", kind, 0, stun.COOKIE) + transaction


def test_a_check_goes_to_the_leg_it_names(board: Board) -> None:
    alice, bob = board.leg(), board.leg()
    for leg in (alice, bob):
        name = board.ids[leg][0].encode()
        for data in (
            check(name + b":theirs"),
            check(name + b":" + b"t" * 256),
            check(name + b":x", before=5),
        ):
            assert board.sorter.of_stun(data, len(data)) is leg


def test_an_answer_goes_to_the_leg_whose_check_it_answers(board: Board) -> None:
    alice, bob = board.leg(), board.leg()
    for leg in (alice, bob):
        for kind in (stun.SUCCESS, stun.ERROR):
            data = answer(board.ids[leg][1] + os.urandom(8), kind)
            assert board.sorter.of_stun(data, len(data)) is leg


def test_what_names_nobody_is_nobodys(board: Board) -> None:
    alice = board.leg()
    name = board.ids[alice][0].encode()
    whole = check(name + b":theirs")
    wrong = [
        check(name),  # no colon
        check(name[:-1] + b":theirs"),
        check(name + b"x:theirs"),
        check(b":" + name),
        check(name.swapcase() + b":theirs"),
        check(b"theirs:" + name),
        check(name + b":theirs", before=stun.MOST_ATTRIBUTES),
        whole[:-1],
        whole + b"\x00",
        whole[:20],
        whole[:4] + bytes(4) + whole[8:],  # no magic cookie
        b"\x00\x11" + whole[2:],  # an indication
        b"\x00\x03" + whole[2:],  # allocate
        answer(os.urandom(12)),
        answer(board.ids[alice][1] + os.urandom(8))[:19],
    ]
    for data in wrong:
        assert board.sorter.of_stun(data, len(data)) is None, data


def test_nothing_random_raises_or_is_taken_for_a_leg(board: Board, seed: int) -> None:
    for _ in range(50):
        board.leg()
    dice = random.Random(seed)
    name = next(iter(board.ids.values()))[0].encode()
    tags = {tag for _, tag in board.ids.values()}
    for _ in range(20_000):
        data = dice.randbytes(dice.randrange(64))
        if dice.random() < 0.5:
            mixed = bytearray(check(name + b":x")[: dice.randrange(1, 64)])
            for _ in range(3):
                mixed[dice.randrange(len(mixed))] = dice.randrange(256)
            data = bytes(mixed)
        found = board.sorter.of_stun(data, len(data))
        assert found is None or name in data or data[8:12] in tags


def test_names_are_one_legs_alone(board: Board) -> None:
    alice = board.leg()
    name, tag = board.ids[alice]
    for taken in ((name, b"none"), ("nobody", tag)):
        with pytest.raises(ValueError, match="Another leg"):
            board.sorter.admit(Leg(object()), *taken)
    assert len({board.ids[board.leg()] for _ in range(500)}) == 500


def test_two_devices_behind_one_nat_are_told_by_their_ports(board: Board) -> None:
    alice, bob = board.leg(), board.leg()
    assert board.sorter.claim(alice, 0, HERE, HEARD, 0) and board.sorter.claim(bob, 0, THERE, HEARD, 0)
    assert board.at(HERE) is alice and board.at(THERE) is bob
    assert board.at(HERE, place=1) is None, "an address is held where it was heard"


def test_a_port_that_was_given_back_is_the_next_ones(board: Board) -> None:
    alice, bob = board.leg(), board.leg()
    board.sorter.claim(alice, 0, HERE, CHOSEN, 0)
    board.hangs_up(alice)
    assert board.at(HERE) is None and not board.sorter.claim(alice, 0, HERE, CHOSEN, 0)
    assert board.sorter.claim(bob, 0, HERE, HEARD, 0) and board.at(HERE) is bob


@pytest.mark.parametrize("strength", [HEARD, PROVEN, CHOSEN])
def test_a_forged_source_takes_nothing_from_who_is_there(board: Board, strength: int) -> None:
    """mallory has a leg of her own, so her checks are authentic, but no answers reach her at that address."""
    alice, mallory = board.leg(), board.leg()
    board.sorter.claim(alice, 0, HERE, strength, 0)
    assert not board.sorter.claim(mallory, 0, HERE, HEARD, STALE * 9)
    assert board.at(HERE) is alice


def test_who_is_there_takes_its_address_from_one_who_only_says_so(board: Board) -> None:
    mallory, alice = board.leg(), board.leg()
    board.sorter.claim(mallory, 0, HERE, HEARD, 0)
    assert not board.sorter.claim(alice, 0, HERE, HEARD, 0)
    assert board.sorter.claim(alice, 0, HERE, PROVEN, 0) and board.at(HERE) is alice
    board.hangs_up(mallory)
    assert board.at(HERE) is alice


def test_of_two_that_are_there_the_first_keeps_it_until_it_falls_silent(board: Board) -> None:
    alice, bob = board.leg(), board.leg()
    board.sorter.claim(alice, 0, HERE, CHOSEN, 0)
    alice.proven_at = 100.0
    assert not board.sorter.claim(bob, 0, HERE, CHOSEN, 100.0 + STALE)
    assert board.sorter.claim(bob, 0, HERE, PROVEN, 100.1 + STALE)
    assert board.at(HERE) is bob


def test_a_restart_takes_the_address_over_when_its_pair_is_chosen(board: Board) -> None:
    alice = object()
    old, new = board.leg(alice), board.leg(alice)
    board.sorter.claim(old, 0, HERE, CHOSEN, 0)
    assert not board.sorter.claim(new, 0, HERE, PROVEN, 0) and board.at(HERE) is old
    assert board.sorter.claim(new, 0, HERE, CHOSEN, 0) and board.at(HERE) is new
    board.hangs_up(old)
    assert board.at(HERE) is new


@pytest.mark.parametrize("chosen", [True, False])
def test_a_restart_that_fails_leaves_the_address_where_it_was(board: Board, chosen: bool) -> None:
    alice = object()
    old, new = board.leg(alice), board.leg(alice)
    board.sorter.claim(old, 0, HERE, CHOSEN, 0)
    board.sorter.claim(new, 0, HERE, CHOSEN if chosen else HEARD, 0)
    board.hangs_up(new)
    assert board.at(HERE) is old


def test_who_roams_is_followed_and_holds_few_addresses(board: Board) -> None:
    alice = board.leg()
    places = [(f"198.51.100.{n}", 5000 + n) for n in range(40)]
    for place in places:
        board.sorter.claim(alice, 0, place, CHOSEN, 0)
        assert board.at(place) is alice
    assert len(board.sorter.routes[0]) == MOST_ADDRESSES
    assert [place for place in places if board.at(place)] == places[-MOST_ADDRESSES:]
    for number in range(100):  # and checks from anywhere put out none that was chosen but the oldest
        board.sorter.claim(alice, 0, ("203.0.113.1", number + 1), HEARD, 0)
    assert board.at(places[-1]) is alice and len(board.sorter.routes[0]) == MOST_ADDRESSES


def test_a_far_end_with_one_port_for_several_calls_is_known(board: Board) -> None:
    alice, bob = board.leg(), board.leg()
    assert not board.sorter.spoken_for(*HERE)
    board.sorter.told(alice, *HERE)
    board.sorter.told(bob, *HERE)
    board.sorter.claim(bob, 1, FROM_SIX, HEARD, 0)
    assert board.sorter.spoken_for(*HERE) and board.sorter.spoken_for(*FROM_SIX[:2])
    assert not board.sorter.spoken_for(*THERE)
    board.hangs_up(alice)
    assert board.sorter.spoken_for(*HERE)
    board.hangs_up(bob)
    assert not board.sorter.spoken_for(*HERE) and not board.sorter.spoken_for(*FROM_SIX[:2])


def test_legs_that_come_and_go_at_random_leave_nothing(board: Board, seed: int) -> None:
    """Every address is held by a leg that is there and has claimed it, after each step; nothing stays."""
    dice = random.Random(seed)
    sorter, legs = board.sorter, [board.leg() for _ in range(5)]
    addresses = [(f"192.0.2.{n}", 4000) for n in range(6)]
    now = 0.0
    for _ in range(4000):
        now += dice.random() * 4
        step = dice.random()
        if step < 0.1 and len(legs) < 12:
            legs.append(board.leg(dice.choice(legs).owner if legs and dice.random() < 0.3 else None))
        elif step < 0.2 and legs:
            board.hangs_up(legs.pop(dice.randrange(len(legs))))
        elif legs:
            leg, strength = dice.choice(legs), dice.choice([HEARD, PROVEN, CHOSEN])
            leg.proven_at = now if strength else leg.proven_at
            place, address = dice.randrange(2), dice.choice(addresses)
            before = sorter.routes[place].get(address)
            taken = sorter.claim(leg, place, address, strength, now)
            after = sorter.routes[place].get(address)
            assert (after is leg) == taken
            if strength == HEARD and before is not None and before.owner is not leg.owner:
                assert after is before, "a source that may be forged took an address"
        for place, routes in enumerate(sorter.routes):
            for address, holder in routes.items():
                assert holder in legs and (place, address) in sorter._claims[holder]
    for leg in legs:
        board.hangs_up(leg)
    assert len(sorter) == 0 and not any(sorter.routes) and not sorter._told and not sorter._names
