"""Our own consent checks are what aioice would send and accept; nothing forged renews consent."""

from __future__ import annotations

import os

from aioice import stun as theirs

from calling.media import stun

KEY = b"a password of the far end"


def request(transaction: bytes = b"t" * 12, controlling: bool = False, name: str = "far:near") -> bytes:
    return stun.consent_request(transaction, name, 1845501695, controlling, 2**63 + 5, KEY)


def test_a_request_is_byte_for_byte_what_aioice_makes() -> None:
    for controlling, name in ((False, "far:near"), (True, "f:n"), (True, "farther:nearer")):
        message = theirs.Message(theirs.Method.BINDING, theirs.Class.REQUEST, b"t" * 12)
        message.attributes["USERNAME"] = name
        message.attributes["PRIORITY"] = 1845501695
        message.attributes["ICE-CONTROLLING" if controlling else "ICE-CONTROLLED"] = 2**63 + 5
        message.add_message_integrity(KEY)
        assert request(controlling=controlling, name=name) == bytes(message)
        assert theirs.parse_message(bytes(message)).check_message_integrity(KEY)


def answer(key: bytes = KEY) -> bytes:
    message = theirs.Message(theirs.Method.BINDING, theirs.Class.RESPONSE, b"t" * 12)
    message.attributes["XOR-MAPPED-ADDRESS"] = ("127.0.0.1", 5000)
    message.add_message_integrity(key)
    return bytes(message)


def test_only_the_far_ends_own_answer_counts() -> None:
    assert stun.transaction_of(answer()) == b"t" * 12 and stun.authentic(answer(), KEY)
    assert not stun.authentic(answer(b"another"), KEY)
    assert stun.transaction_of(request()) is None
    forged = bytearray(answer())
    forged[26] ^= 1
    assert not stun.authentic(bytes(forged), KEY)


def test_no_bytes_make_it_raise() -> None:
    whole = answer()
    for size in range(len(whole)):
        assert not stun.authentic(whole[:size], KEY) or size >= len(whole) - 8  # the fingerprint may be cut
        stun.transaction_of(whole[:size])
    for _ in range(2000):
        assert not stun.authentic(b"\x01\x01" + os.urandom(60), KEY)
