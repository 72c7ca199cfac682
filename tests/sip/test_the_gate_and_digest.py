"""Who is let in: wrong, replayed, stale and foreign digests, equal answers, and locks."""

from __future__ import annotations

import asyncio

import pytest
from sipmessage import Response

from calling.sip.stack.authentication import SOURCE_TRIES, USER_TRIES, Authenticator, Challenge, Identity
from calling.sip.stack.dialog import exact_uri
from calling.sip.stack.digest import Credentials, DigestServer, Ha1Pair, answer_challenge, ha1
from calling.sip.stack.lockout import SourceRateLimiter
from calling.sip.stack.messages import make_request
from calling.sip.stack.transaction import Hop

REALM = "callwright.test"
URI = "sip:bob@callwright.test"
HOP = Hop("UDP", "192.0.2.9", 5060)
ALICE = Ha1Pair(ha1("SHA-256", "alice", REALM, "alice-secret"))


def refusal(values: list[str], code: int = 401) -> Response:
    response = Response(code, "Unauthorized")
    for value in values:
        response.headers.add("WWW-Authenticate" if code == 401 else "Proxy-Authenticate", value)
    return response


def invite(server: DigestServer, password: str = "alice-secret", now: float = 0.0, name: str = "alice"):  # type: ignore[no-untyped-def]
    credentials = Credentials(name, password, REALM)
    proof = answer_challenge(credentials, refusal(server.challenge(now)), "INVITE", URI, {})
    assert proof is not None
    return make_request(
        "INVITE", exact_uri(URI), from_="<sip:alice@x.test>;tag=1", to=f"<{URI}>", call_id="1", sequence=1,
        extra=[proof])  # fmt: skip


def judged(server: DigestServer, request, user: Ha1Pair | None = ALICE, now: float = 1.0):  # type: ignore[no-untyped-def]
    fields = server.credentials(request)
    assert fields is not None
    return server.verify(request, fields, user, now)


def test_the_right_password_is_accepted_once() -> None:
    server = DigestServer(REALM)
    request = invite(server)
    assert judged(server, request).accepted
    again = judged(server, request)
    assert not again.accepted and again.stale


@pytest.mark.parametrize(
    ("called", "signed", "taken"),
    [
        ("sip:%62ob@callwright.test", "sip:%62ob@callwright.test", True),
        ("sip:%62ob@callwright.test", "sip:bob@callwright.test", True),
        ("sip:a%40b@callwright.test", "sip:a%40b@callwright.test", True),
        ("tel:+4612345", "tel:+4612345", True), ("tel:+4612345", "tel:+4699999", False),
        ("tel:+4612345", "sip:callwright.test", False), ("sip:bob@x.test", "sip:carol@x.test", False),
        ("sip:bob@x.test", "", False), ("sip:bob@x.test", "bob", False),
    ],
)  # fmt: skip
def test_what_is_signed_names_whom_the_request_does(called: str, signed: str, taken: bool) -> None:
    """In any spelling (RFC 3261 19.1.4): a phone signs what it wrote, escapes and schemes included."""
    server = DigestServer(REALM)
    proof = answer_challenge(
        Credentials("alice", "alice-secret", REALM), refusal(server.challenge(0.0)), "INVITE", signed, {}
    )
    assert proof is not None
    request = make_request(
        "INVITE", exact_uri(called), from_="<sip:alice@x.test>;tag=1", to=f"<{called}>", call_id="1",
        sequence=1, extra=[proof])  # fmt: skip
    assert judged(server, request).accepted is taken


def test_a_wrong_password_and_an_unknown_user_are_the_same_guess() -> None:
    server = DigestServer(REALM)
    assert judged(server, invite(server, "wrong")) == judged(server, invite(server), None)
    assert judged(server, invite(server, "wrong")).guessed


def test_an_old_nonce_is_stale_not_guessed() -> None:
    server = DigestServer(REALM)
    verdict = judged(server, invite(server), now=61.0)
    assert verdict.stale and not verdict.guessed


def test_a_challenge_of_a_foreign_or_empty_realm_is_never_answered() -> None:
    for realm in ("elsewhere.test", ""):
        foreign = refusal([f'Digest realm="{realm}", nonce="1", algorithm=SHA-256, qop="auth"'], 407)
        assert answer_challenge(Credentials("alice", "x", REALM), foreign, "INVITE", URI, {}) is None
        assert answer_challenge(Credentials("alice", "x"), foreign, "INVITE", URI, {}) is None


async def test_known_and_unknown_users_get_the_same_answer_and_locks_hold() -> None:
    async def find(name: str) -> Ha1Pair | None:
        return ALICE if name == "alice" else None

    gate = Authenticator(REALM, find)
    shapes = []
    for name in ("alice", "nobody"):
        who = await gate.identify(invite(gate.digest, "wrong", name=name), HOP, 0.0, 1.0)
        assert isinstance(who, Challenge)
        shapes.append([value.split("nonce")[0] for value in who.values])
    assert shapes[0] == shapes[1]
    for _ in range(19):
        await gate.identify(invite(gate.digest, "wrong"), HOP, 0.0, 1.0)
    assert isinstance(await gate.identify(invite(gate.digest), HOP, 1.0, 1.0), Challenge)
    elsewhere = Hop("UDP", "192.0.2.10", 5060)
    assert await gate.identify(invite(gate.digest), elsewhere, 1.0, 1.0) == Identity("account", "alice")
    for number in range(100):
        await gate.identify(invite(gate.digest, "wrong", name=f"n{number}"), elsewhere, 1.0, 1.0)
    assert isinstance(await gate.identify(invite(gate.digest), elsewhere, 2.0, 1.0), Challenge)
    assert await gate.identify(invite(gate.digest), elsewhere, 902.0, 1.0) == Identity("account", "alice")


async def test_a_locked_source_costs_no_lookup() -> None:
    asked = []

    async def find(name: str) -> Ha1Pair | None:
        asked.append(name)
        return ALICE

    gate = Authenticator(REALM, find)
    for number in range(SOURCE_TRIES + 50):
        await gate.identify(invite(gate.digest, "wrong", name=f"n{number}"), HOP, 0.0, 1.0)
    assert len(asked) == SOURCE_TRIES
    await gate.identify(invite(gate.digest), HOP, 1.0, 1.0)
    assert len(asked) == SOURCE_TRIES


async def test_tries_that_wait_for_one_lookup_together_are_no_more_than_the_limit() -> None:
    """The right password comes last of them all, when the tries are used up."""
    go = asyncio.Event()

    async def find(name: str) -> Ha1Pair | None:
        await go.wait()
        return ALICE

    gate = Authenticator(REALM, find)
    tries = [
        asyncio.ensure_future(gate.identify(invite(gate.digest, password), HOP, 0.0, 1.0))
        for password in ["wrong"] * USER_TRIES + ["alice-secret"]
    ]
    await asyncio.sleep(0)
    go.set()
    assert all(isinstance(who, Challenge) for who in await asyncio.gather(*tries))


@pytest.mark.parametrize("host", ["2001:db8::{:x}", "192.0.2.9"])
async def test_changing_addresses_inside_one_ipv6_network_does_not_help(host: str) -> None:
    async def find(name: str) -> Ha1Pair | None:
        return ALICE

    gate = Authenticator(REALM, find)
    for number in range(SOURCE_TRIES):
        hop = Hop("UDP", host.format(number + 1), 5060)
        await gate.identify(invite(gate.digest, "wrong", name=f"n{number}"), hop, 0.0, 1.0)
    last = Hop("UDP", host.format(0xFFFF), 5060)
    assert isinstance(await gate.identify(invite(gate.digest), last, 1.0, 1.0), Challenge)
    neighbour = Hop("UDP", "2001:db8:0:1::1", 5060)
    assert await gate.identify(invite(gate.digest), neighbour, 1.0, 1.0) == Identity("account", "alice")


def test_floods_are_counted_per_ipv6_network_too() -> None:
    limiter = SourceRateLimiter(per_source=1, burst=5, overall=1000)
    assert [limiter.admits(f"2001:db8::{n}", 0.0) for n in range(6)] == [True] * 5 + [False]
    assert limiter.admits("::ffff:192.0.2.1", 0.0) and limiter.admits("2001:db8:0:1::1", 0.0)


async def test_who_gives_up_at_two_algorithms_is_offered_md5_alone_when_he_asks_again() -> None:
    async def find(name: str) -> Ha1Pair | None:
        return ALICE

    def bare(sequence: int):  # type: ignore[no-untyped-def]
        return make_request("REGISTER", exact_uri("sip:callwright.test"), from_="<sip:alice@x.test>;tag=1",
                            to="<sip:alice@x.test>", call_id="1", sequence=sequence)  # fmt: skip

    gate = Authenticator(REALM, find, allow_md5=True)
    for sequence, offered in ((1, 2), (1, 2), (2, 1), (3, 1)):
        who = await gate.identify(bare(sequence), HOP, float(sequence), 1.0)
        assert isinstance(who, Challenge) and len(who.values) == offered
    assert "algorithm=MD5" in who.values[0]
    assert isinstance(await gate.identify(invite(gate.digest), HOP, 4.0, 1.0), Identity)
    elsewhere = await gate.identify(bare(4), Hop("UDP", "192.0.2.10", 5060), 5.0, 1.0)
    assert isinstance(elsewhere, Challenge) and len(elsewhere.values) == 2
