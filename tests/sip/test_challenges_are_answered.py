"""Digest on both sides, in its rarer forms: two who ask, stale nonces, sessions, signed bodies, RFC 2069."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from typing import Any

import pytest
from sipmessage import Request, Response

from calling.sip.stack.authentication import Authenticator, Challenge, Identity
from calling.sip.stack.dialog import exact_uri
from calling.sip.stack.digest import MAX_CHALLENGES, Credentials, DigestServer, Ha1Pair, Proofs, ha1
from calling.sip.stack.events import Answered, Confirmed, SessionFailed
from calling.sip.stack.headers import auth_parameters
from calling.sip.stack.messages import make_request
from calling.sip.stack.transaction import Hop
from calling.sip.ua.registration import Registration
from calling.sip.ua.server_session import DialogServerSession
from tests.sip.conftest import SDP, MakeAgent, everybody, next_notice, port_of

REALM = "callwright.test"
ALICE = Credentials("alice", "alice-secret", REALM)
URI = "sip:bob@callwright.test"


def challenge(code: int, nonce: str, tail: str = 'algorithm=SHA-256, qop="auth"') -> tuple[str, str]:
    name = "WWW-Authenticate" if code == 401 else "Proxy-Authenticate"
    return name, f'Digest realm="{REALM}", nonce="{nonce}", {tail}'


def asked(code: int, *headers: tuple[str, str]) -> Response:
    response = Response(code, "No")
    for name, value in headers:
        response.headers.add(name, value)
    return response


def right(value: str, method: str, body: bytes = b"", password: str = "alice-secret") -> dict[str, str]:
    """The fields of an Authorization whose response was made as RFC 7616 3.4 says."""
    _, found = auth_parameters(value)
    algorithm = found.get("algorithm", "MD5").lower()

    def h(text: bytes) -> str:
        return (hashlib.md5 if algorithm.startswith("md5") else hashlib.sha256)(text).hexdigest()

    first = h(f"{found['username']}:{found['realm']}:{password}".encode())
    if algorithm.endswith("-sess"):
        first = h(f"{first}:{found['nonce']}:{found['cnonce']}".encode())
    second = f"{method}:{found['uri']}" + (f":{h(body)}" if found.get("qop") == "auth-int" else "")
    middle = [found[name] for name in ("nonce", "nc", "cnonce", "qop") if found.get("qop")] or [
        found["nonce"]
    ]
    assert found["response"] == h(":".join([first, *middle, h(second.encode())]).encode())
    return found


@pytest.mark.parametrize("algorithm", [None, "MD5", "MD5-sess", "md5-SESS", "SHA-256", "SHA-256-sess"])
@pytest.mark.parametrize(
    ("qop", "wanted"),
    [(None, None), ("auth", "auth"), ("auth-int", "auth-int"), ("auth-int,auth", "auth"),
     ("auth, auth-int", "auth"), (" AUTH-INT ", "auth-int")],
)  # fmt: skip
def test_every_algorithm_and_protection_is_answered(
    algorithm: str | None, qop: str | None, wanted: str | None
) -> None:
    tail = ", ".join(
        [*([f"algorithm={algorithm}"] if algorithm else []), *([f'qop="{qop}"'] if qop else []), 'opaque="o"']
    )
    proofs = Proofs(ALICE, {})
    assert proofs.take(asked(401, challenge(401, "n1", tail)))
    ((name, value),) = proofs.headers("INVITE", URI, b"the body")
    found = right(value, "INVITE", b"the body")
    assert name == "Authorization" and found["opaque"] == "o"
    assert found.get("qop") == wanted


def test_the_stronger_algorithm_is_taken_and_an_unknown_one_left_alone() -> None:
    both = [
        challenge(401, "n", f'algorithm={name}, qop="auth"')
        for name in ("SHA-512-256", "MD5-sess", "SHA-256")
    ]
    proofs = Proofs(ALICE, {})
    assert proofs.take(asked(401, *both))
    assert right(proofs.headers("INVITE", URI)[0][1], "INVITE")["algorithm"] == "SHA-256"
    assert not Proofs(ALICE, {}).take(asked(401, both[0]))
    assert not Proofs(ALICE, {}).take(asked(401, challenge(401, "n", 'qop="auth-conf"')))
    assert not Proofs(Credentials("alice", "x", REALM, allow_md5=False), {}).take(asked(401, both[1]))


def test_stale_nonces_are_answered_up_to_a_bound_and_refusals_twice() -> None:
    stale = 'algorithm=SHA-256, qop="auth", stale=TRUE'
    proofs = Proofs(ALICE, {})
    taken = [proofs.take(asked(401, challenge(401, f"n{number}", stale))) for number in range(12)]
    assert taken == [True] * MAX_CHALLENGES + [False] * (12 - MAX_CHALLENGES)
    proofs = Proofs(ALICE, {})
    assert [proofs.take(asked(401, challenge(401, f"n{number}"))) for number in range(3)] == [
        True,
        True,
        False,
    ]
    proofs = Proofs(ALICE, {})
    same = [proofs.take(asked(407, challenge(407, "n", stale))) for _ in range(3)]
    assert same == [True, True, False], "stale=true with the same nonce is no new one"
    assert not Proofs(None, {}).take(asked(401, challenge(401, "n")))


def test_a_nonce_is_counted_for_each_use() -> None:
    proofs, counts = Proofs(ALICE, {}), []
    proofs.take(asked(407, challenge(407, "p")))
    counts.append(auth_parameters(proofs.headers("INVITE", URI)[0][1])[1]["nc"])
    proofs.take(asked(401, challenge(401, "s")))
    counts += [auth_parameters(value)[1]["nc"] for _, value in proofs.headers("INVITE", URI)]
    assert counts == ["00000001", "00000002", "00000001"]


class Asking:
    """An agent's on_invite that challenges by a list of (code, nonce, tail), then answers."""

    def __init__(self, *questions: tuple[int, str, str]) -> None:
        self.questions, self.requests = list(questions), list[Request]()
        self.calls: asyncio.Queue[DialogServerSession] = asyncio.Queue()

    async def on_invite(self, call: DialogServerSession) -> None:
        self.requests.append(call.request)
        if self.questions:
            code, nonce, tail = self.questions.pop(0)
            await call.reject(code, headers=[challenge(code, nonce, tail)])
            return
        await call.answer(SDP)
        await self.calls.put(call)


PLAIN, STALE = 'qop="auth"', 'qop="auth", stale=true'


@pytest.mark.parametrize(
    ("questions", "names"),
    [
        ([(407, "p", PLAIN), (401, "s", PLAIN)], {"Authorization", "Proxy-Authorization"}),
        ([(401, "s", PLAIN), (407, "p", PLAIN)], {"Authorization", "Proxy-Authorization"}),
        ([(407, "p", PLAIN), (401, "s", PLAIN), (407, "p2", STALE), (401, "s2", STALE)],
         {"Authorization", "Proxy-Authorization"}),
        ([(401, f"s{n}", STALE) for n in range(6)], {"Authorization"}),
        ([(407, "p", 'algorithm=MD5-sess, qop="auth-int"')], {"Proxy-Authorization"}),
    ],
)  # fmt: skip
async def test_a_call_gets_through_a_proxy_and_the_server_behind_it(
    agent: MakeAgent, questions: list[tuple[int, str, str]], names: set[str]
) -> None:
    server = Asking(*questions)
    bob, alice = await agent(on_invite=server.on_invite, trunk=everybody), await agent()
    acks: list[Request] = []
    known = bob._reception._ack
    bob._reception._ack = lambda request: (acks.append(request), known(request))[1]  # type: ignore[func-returns-value]
    call = alice.invite(f"sip:bob@127.0.0.1:{port_of(bob)}", SDP, from_="<sip:alice@h>", credentials=ALICE)
    await next_notice(call, Answered)
    far = await server.calls.get()
    await next_notice(far, Confirmed)
    last = server.requests[-1]
    nonces = {name: auth_parameters(last.headers[name])[1]["nonce"] for name in names}
    for name in names:
        right(last.headers[name], "INVITE", last.body)
    latest = {
        "Authorization" if code == 401 else "Proxy-Authorization": nonce for code, nonce, _ in questions
    }
    assert nonces == latest
    assert all(acks[-1].headers[name] == last.headers[name] for name in names), "the ACK repeats them"


async def test_a_wrong_password_ends_the_call(agent: MakeAgent) -> None:
    server = Asking(*((401, f"n{number}", PLAIN) for number in range(9)))
    bob, alice = await agent(on_invite=server.on_invite, trunk=everybody), await agent()
    call = alice.invite(f"sip:bob@127.0.0.1:{port_of(bob)}", SDP, from_="<sip:alice@h>", credentials=ALICE)
    assert (await next_notice(call, SessionFailed)).code == 401
    assert len(server.requests) == 3


async def test_a_registration_and_a_request_in_a_dialog_answer_both(agent: MakeAgent) -> None:
    us, asker = await agent(), itertools.count()
    seen: list[Request] = []

    async def transact(request: Request, hop: Any) -> Response:
        seen.append(request)
        number = next(asker)
        if number < 4:
            code = (407, 401, 407, 401)[number]
            return asked(code, challenge(code, f"n{number}", STALE if number > 1 else PLAIN))
        return asked(200)

    us.transact = transact  # type: ignore[method-assign, assignment]
    code, _ = await Registration(us, "sip:127.0.0.1", "sip:alice@h", ALICE).once(60)
    assert code == 200 and len(seen) == 5
    right(seen[-1].headers["Authorization"], "REGISTER")
    assert "n2" in seen[-1].headers["Proxy-Authorization"]


def old_form(
    server: DigestServer, algorithm: str, method: str = "REGISTER", password: str = "alice-secret"
) -> Request:
    """A request with an answer of RFC 2069: no qop, cnonce or nc, and the uri of the registrar."""
    values = server.challenge(0.0)
    value = next(each for each in values if f"algorithm={algorithm}," in each)
    nonce = auth_parameters(value)[1]["nonce"]
    uri = "sip:callwright.test;transport=UDP" if method == "REGISTER" else URI

    def h(text: str) -> str:
        return (hashlib.md5 if algorithm == "MD5" else hashlib.sha256)(text.encode()).hexdigest()

    response = h(f"{h(f'alice:{REALM}:{password}')}:{nonce}:{h(f'{method}:{uri}')}")
    fields = {"username": "alice", "realm": REALM, "nonce": nonce, "uri": uri, "response": response}
    words = ",".join(f'{name}="{value}"' for name, value in fields.items())
    proof = f"Digest {words},algorithm={algorithm}"
    return make_request(
        method, exact_uri(URI), from_="<sip:alice@h>;tag=1", to="<sip:alice@h>", call_id="1", sequence=1,
        extra=[("Authorization", proof)],
    )  # fmt: skip


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("method", ["REGISTER", "INVITE"])
async def test_an_answer_of_the_old_form_is_good_for_one_request(algorithm: str, method: str) -> None:
    async def find(name: str) -> Ha1Pair | None:
        return Ha1Pair(*(ha1(kind, name, REALM, "alice-secret") for kind in ("SHA-256", "MD5")))

    gate, hop = Authenticator(REALM, find, allow_md5=True), Hop("UDP", "192.0.2.9", 5060)
    request = old_form(gate.digest, algorithm, method)
    assert await gate.identify(request, hop, 1.0, 1.0) == Identity("account", "alice")
    again = await gate.identify(request, hop, 2.0, 2.0)
    assert isinstance(again, Challenge) and "stale=true" in again.values[0]
    wrong = await gate.identify(old_form(gate.digest, algorithm, method, "guess"), hop, 1.0, 1.0)
    assert isinstance(wrong, Challenge) and "stale" not in wrong.values[0]
