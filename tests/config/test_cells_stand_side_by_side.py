"""Two whole instances behind a real HAProxy whose configuration `manage.py cells` wrote.

Every request comes to one port. Nothing is shared by the two but that proxy. One file, because the two
instances are started once for all of it.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import jwt
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from bench.instance import Instance
from bench.receiver import Receiver
from calling.sip.stack.dialog import exact_uri
from calling.sip.stack.digest import Credentials, answer_challenge
from calling.sip.stack.messages import make_request, new_call_id, new_tag
from calling.sip.stack.transaction import Hop
from calling.sip.ua.user_agent import UserAgent
from config.env import ROOT
from tests.run import find_program
from tests.support.ports import free_pair, free_port

pytestmark = [
    pytest.mark.needs("haproxy"),
    pytest.mark.processes,
    pytest.mark.timing,
    pytest.mark.timeout(300),
]
DOMAIN = "calls.localhost"
TOKENS = "/api/fabric/subscribers/tokens"


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = self.json["errors"][0]
        return found


@dataclass
class Cells:
    """The proxy's ports, its two cells by name, and which projects each has."""

    port: int
    sip: int
    all: dict[str, Instance]
    projects: dict[str, list[str]]
    directory: Path
    moving: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """As an operator does it: a map, the command, and a restart of the proxy."""
        text = f'domain = "{DOMAIN}"\nhttp = "127.0.0.1:{self.port}"\nsip = "127.0.0.1:{self.sip}"\n'
        text += f"moving = {json.dumps(self.moving)}\n"
        for name, one in self.all.items():
            text += f'[cells.{name}]\ndomain = "{name}.localhost"\nweb = ["127.0.0.1:{one.port}"]\n'
            text += f'sip = ["127.0.0.1:{one.environment["CALLWRIGHT_SIP_PORT"]}"]\n'
            text += f"projects = {json.dumps(self.projects[name])}\n"
        (self.directory / "cells.toml").write_text(text)
        command = ["manage.py", "cells", str(self.directory / "cells.toml"), "--out", str(self.directory)]
        subprocess.run(
            [sys.executable, "-W", "ignore", *command], cwd=ROOT, check=True, capture_output=True, timeout=60
        )
        self.stop()
        program = find_program("haproxy")
        assert program is not None
        self.process = subprocess.Popen([program, "-q", "-db", "-f", str(self.directory / "haproxy.cfg")])
        end = time.monotonic() + 30
        while True:
            try:
                if self.ask("GET", "/healthz").status == 200:
                    return
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.1)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)

    def manage(self, cell: str, *words: str) -> str:
        """`manage.py project …` with the variables of that cell."""
        command = [sys.executable, "-W", "ignore", "manage.py", "project", *words]
        environment = self.all[cell].environment
        run = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert run.returncode == 0, run.stderr
        return run.stdout

    def ask(self, method: str, path: str, body: Any = None, *, host: str = DOMAIN, **headers: str) -> Answer:
        """One request to the proxy, under that host name."""
        told = {"Host": f"{host}:{self.port}", **{n.replace("_", "-"): v for n, v in headers.items()}}
        data = body
        if body is not None and not isinstance(body, str):
            data, told["Content-Type"] = json.dumps(body), "application/json"
        talk = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            talk.request(method, path, data, told)
            answer = talk.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            talk.close()

    def api(self, cell: str, method: str, path: str, body: Any = None) -> Answer:
        """With the key of that cell's project, under the name of all cells."""
        one = self.all[cell]
        return self.ask(method, path, body, Authorization=basic(one.project_id, one.api_token))

    def token(self, cell: str, reference: str) -> str:
        made = self.api(cell, "POST", TOKENS, {"reference": reference})
        assert made.status == 200, made.body
        return str(made.json["token"])

    def socket(self, host: str, path: str = "/ws/phone") -> ClientConnection:
        known = socket.create_connection(("127.0.0.1", self.port), 10)
        return connect(f"ws://{host}:{self.port}{path}", sock=known, open_timeout=20, legacy=True)


def basic(project: str, token: str) -> str:
    return "Basic " + base64.b64encode(f"{project}:{token}".encode()).decode()


def signed_in(phone: ClientConnection, token: str) -> dict[str, Any]:
    phone.send(json.dumps({"type": "auth", "token": token}))
    found: dict[str, Any] = json.loads(phone.recv(timeout=20))
    return found


def called(ask: Callable[[str, str, Any], Answer], phone: ClientConnection, name: str) -> str:
    """A call to a device that is heard there and then hung up; its id."""
    dialled = ask("POST", "/api/calls", {"to": f"/private/{name}", "connect": "/public/echo"})
    assert dialled.status == 201, dialled.body
    while (heard := json.loads(phone.recv(timeout=20)))["type"] != "call.incoming":
        pass
    assert heard["call_id"] == dialled.json["id"]
    assert ask("POST", f"/api/calls/{heard['call_id']}/hangup", {}).status == 200
    return str(heard["call_id"])


@pytest.fixture(scope="module")
def cells() -> Iterator[Cells]:
    made: dict[str, Instance] = {}
    for name in ("a", "b"):
        made[name] = Instance(
            CALLWRIGHT_DOMAIN=f"{name}.localhost",
            CALLWRIGHT_TRUSTED_PROXIES="127.0.0.1",
            CALLWRIGHT_ADMIN_PASSWORD=f"password of {name}",
            CALLWRIGHT_SECRET_KEY=f"the-key-of-cell-{name}-which-is-long-enough-for-it",
            CALLWRIGHT_OLD_SECRET_KEYS="the-key-of-cell-a-which-is-long-enough-for-it" if name == "b" else "",
            CALLWRIGHT_SIP_PORT=str(free_pair()),
        )
    projects = {name: [one.project_id] for name, one in made.items()}
    found = Cells(free_port(), free_port(), made, projects, Path(tempfile.mkdtemp(prefix="cells-")))
    pool = ThreadPoolExecutor(2)  # a process ends with the thread that started it
    try:
        list(pool.map(Instance.__enter__, made.values()))
        found.start()
        until_served(found)
        yield found
    finally:
        found.stop()
        for one in made.values():
            one.__exit__()
        pool.shutdown()
        shutil.rmtree(found.directory, ignore_errors=True)


def until_served(cells: Cells) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            if all(cells.api(name, "GET", "/api/calls").status == 200 for name in cells.all):
                return
        except OSError:
            pass
        assert time.monotonic() < end
        time.sleep(0.2)


def test_a_key_reaches_the_cell_of_its_project(cells: Cells) -> None:
    for name, one in cells.all.items():
        cells.token(name, f"only-in-{name}")
        there = [each["display_name"] for each in one.api("GET", "/api/fabric/addresses")["data"]]
        assert there == [f"only-in-{name}"]
    # In any form that a cell takes.
    one = cells.all["b"]
    for project in (one.project_id.upper(), one.project_id.replace("-", "")):
        assert cells.ask("GET", "/api/calls", Authorization=basic(project, one.api_token)).status == 200


def test_a_device_token_reaches_the_cell_that_made_it(cells: Cells) -> None:
    for name in cells.all:
        bearer = f"Bearer {cells.token(name, 'alice')}"
        answer = cells.ask("GET", "/api/fabric/subscriber/info", Authorization=bearer)
        assert answer.status == 200 and answer.json["display_name"] == "alice"
        # Every header names the cell, from which SignalWire's SDK reads where to connect.
        assert jwt.get_unverified_header(bearer.split()[1])["ch"] == f"fabric.{name}.localhost"


def test_the_proxy_trusts_nobody_and_the_cell_checks(cells: Cells) -> None:
    forged = jwt.encode(
        {"prj": cells.all["b"].project_id, "sub": "x"}, "not the key of a cell, by far and away"
    )
    answer = cells.ask("GET", "/api/fabric/subscriber/info", Authorization=f"Bearer {forged}")
    assert (answer.status, answer.error["code"]) == (401, "token_invalid")
    wrong = basic(cells.all["a"].project_id, cells.all["b"].api_token)
    assert cells.ask("GET", "/api/calls", Authorization=wrong).status == 401


def test_an_unknown_project_is_told_so(cells: Cells) -> None:
    for credentials in (
        basic(str(uuid.uuid4()), "a token"),
        "Bearer " + jwt.encode({"prj": str(uuid.uuid4())}, "a key of nobody here, long enough"),
        "Bearer not-a-token",
    ):
        answer = cells.ask("GET", "/api/calls", Authorization=credentials)
        assert answer.status == 401 and "No cell here" in answer.error["message"]
        assert answer.error["code"] == "unauthorized" and answer.headers["WWW-Authenticate"]
        assert answer.error["request_id"] == answer.headers["X-Request-Id"]
    answer = cells.ask("GET", "/api/calls")
    assert (answer.status, answer.error["message"][:4]) == (401, "Give")


def test_sockets_are_told_apart_by_their_host(cells: Cells) -> None:
    for name, one in cells.all.items():
        token = cells.token(name, "bob")
        for host in (f"{one.project_id}.{DOMAIN}", f"{name}.localhost", f"fabric.{name}.localhost"):
            with cells.socket(host) as phone:
                assert signed_in(phone, token)["type"] == "auth.ok"
        other = next(each for each in cells.all if each != name)
        with cells.socket(f"{other}.localhost") as phone, pytest.raises(ConnectionClosed) as closed:
            signed_in(phone, token)
            phone.recv(timeout=10)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401
        with pytest.raises(InvalidStatus) as refused:
            cells.socket(DOMAIN)
        assert refused.value.response.status_code == 404
        assert b"Use the host of the project" in (refused.value.response.body or b"")


def test_a_device_is_called_and_webhooks_tell_of_it(cells: Cells) -> None:
    for name, one in cells.all.items():
        receiver = Receiver(lambda event, why: None)
        try:
            hook = cells.api(name, "POST", "/api/webhooks", {"url": receiver.url, "events": ["call.*"]})
            assert hook.status == 201, hook.body
            receiver.secret = hook.json["secret"]
            with cells.socket(f"{one.project_id}.{DOMAIN}") as phone:
                assert signed_in(phone, cells.token(name, "carol"))["type"] == "auth.ok"
                call_id = called(partial(cells.api, name), phone, "carol")
            end = time.monotonic() + 30
            while not any(each["type"] == "call.ended" for each in receiver.events):
                assert time.monotonic() < end and not receiver.bad, receiver.bad
                time.sleep(0.1)
            assert {each["data"]["call"]["id"] for each in receiver.events} == {call_id}
        finally:
            receiver.close()


def test_staff_sign_in_at_the_host_of_their_cell(cells: Cells) -> None:
    for name in cells.all:
        host = f"{name}.localhost"
        page = cells.ask("GET", "/dashboard/login", host=host)
        assert page.status == 200
        proof = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page.body)
        cookie = re.search(r"csrftoken=[^;]+", page.headers["Set-Cookie"])
        assert proof and cookie
        form = {
            "csrfmiddlewaretoken": proof[1].decode(), "username": "admin", "password": f"password of {name}",
        }  # fmt: skip
        answer = cells.ask(
            "POST", "/dashboard/login", urllib.parse.urlencode(form), host=host,
            Cookie=cookie[0], Content_Type="application/x-www-form-urlencoded",
        )  # fmt: skip
        assert answer.status == 302 and "sessionid" in str(answer.headers)
    answer = cells.ask("GET", "/dashboard/login")
    assert answer.status == 404 and "its cell" in answer.error["message"]


def test_what_is_everybodys_needs_no_cell(cells: Cells) -> None:
    assert cells.ask("GET", "/healthz").status == 200
    assert cells.ask("GET", "/api/schema").status == 200
    for host in (DOMAIN, "a.localhost"):
        assert cells.ask("GET", "/metrics", host=host).status == 404


async def test_a_desk_phone_registers_by_its_sip_domain(cells: Cells) -> None:
    phone = {"username": "desk", "password": "a secret of b"}
    made = await asyncio.to_thread(cells.api, "b", "POST", "/api/fabric/resources/sip_endpoints", phone)
    assert made.status == 201, made.body

    async def register(domain: str) -> int | None:
        async def nobody(*_: object) -> None:
            return None

        agent = UserAgent(realm="desk", authenticate=nobody, trunk=nobody, on_invite=nobody)  # type: ignore[arg-type]
        await agent.listen("127.0.0.1", 0)
        try:
            uri, call_id, tag = exact_uri(f"sip:{domain}"), new_call_id(), new_tag()
            extra, address = [("Expires", "60")], f"<sip:desk@{domain}>"
            for sequence in (1, 2):
                request = make_request(
                    "REGISTER", uri, from_=f"{address};tag={tag}", to=address, call_id=call_id,
                    sequence=sequence, contact="<sip:desk@127.0.0.1:5;transport=tcp>", extra=extra,
                )  # fmt: skip
                response = await agent.transact(request, Hop("TCP", "127.0.0.1", cells.sip))
                if response is None or response.code != 401 or sequence == 2:
                    return response.code if response is not None else None
                credentials = Credentials("desk", phone["password"], "callwright")
                proof = answer_challenge(credentials, response, "REGISTER", str(uri), {})
                assert proof is not None
                extra.append(proof)
            return None
        finally:
            await agent.close()

    assert await register("b.localhost") == 200
    assert await register("a.localhost") in (401, 403)
    assert await register("c.localhost") not in (200, 401)


def test_a_project_moves_with_all_that_it_has(cells: Cells) -> None:
    made = cells.manage("a", "create", "mover")
    found = re.findall(r": +(\S+)", made)
    project, secret = found[0], found[1]
    credentials = basic(project, secret)

    def ask(method: str, path: str, body: Any = None) -> Answer:
        return cells.ask(method, path, body, Authorization=credentials)

    cells.projects["a"].append(project)
    cells.start()
    receiver = Receiver(lambda event, why: None)
    hook = ask("POST", "/api/webhooks", {"url": receiver.url, "events": ["call.*"]})
    assert hook.status == 201, hook.body
    receiver.secret = hook.json["secret"]
    token = ask("POST", TOKENS, {"reference": "dora"}).json["token"]
    with cells.socket(f"{project}.{DOMAIN}") as phone:
        assert signed_in(phone, token)["type"] == "auth.ok"
        calls = [called(ask, phone, "dora") for _ in range(2)]
    until(lambda: {c["state"] for c in ask("GET", "/api/calls").json["data"]} == {"ended"})
    until(lambda: sum(each["type"] == "call.ended" for each in receiver.events) == len(calls))
    events = ask("GET", "/api/events?page_size=200").json["data"]
    assert events

    # Meanwhile nobody is told anything wrong: come again.
    cells.projects["a"].remove(project)
    cells.moving = [project]
    cells.start()
    away = ask("GET", "/api/calls")
    assert away.status == 503 and away.headers["Retry-After"]

    file = cells.directory / "mover.project"
    exported = cells.manage("a", "export", project, str(file))
    assert "calling_event" in exported and file.stat().st_mode & 0o077 == 0
    cells.manage("b", "import", str(file))
    cells.moving, cells.projects["b"] = [], [*cells.projects["b"], project]
    cells.start()
    cells.manage("a", "remove", project, "--yes")

    assert ask("GET", "/api/events?page_size=200").json["data"] == events
    listed = ask("GET", "/api/calls").json["data"]
    assert {c["id"] for c in listed} == set(calls) and {c["state"] for c in listed} == {"ended"}
    assert ask("GET", "/api/fabric/addresses").json["data"][0]["display_name"] == "dora"
    # b has a's key among its older ones: tokens and sealed secrets of before hold.
    with cells.socket(f"{project}.{DOMAIN}") as phone:
        assert signed_in(phone, token)["type"] == "auth.ok"
        before = len(receiver.events)
        call_id = called(ask, phone, "dora")
    until(lambda: len(receiver.events) > before)
    assert not receiver.bad
    receiver.close()
    news = ask("GET", f"/api/events?types=call.*&after={events[-1]['cursor']}").json["data"]
    assert news and {each["event"]["data"]["call"]["id"] for each in news} == {call_id}
    # The one it left knows it no more, and has its own still.
    direct = cells.all["a"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        request = urllib.request.Request(f"{direct.url}/api/calls", headers={"Authorization": credentials})
        urllib.request.urlopen(request, timeout=20)
    assert refused.value.code == 401
    assert cells.api("a", "GET", "/api/calls").status == 200


def until(work: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not work():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_a_cell_that_is_away_takes_only_its_own_projects_with_it(cells: Cells) -> None:
    """The last one: it ends cell b."""
    alive = cells.socket("a.localhost")
    assert signed_in(alive, cells.token("a", "alice"))["type"] == "auth.ok"
    bearer = f"Bearer {cells.token('b', 'alice')}"
    process = cells.all["b"].process
    assert process is not None
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    for credentials in (basic(cells.all["b"].project_id, cells.all["b"].api_token), bearer):
        answer = cells.ask("GET", "/api/calls", Authorization=credentials)
        assert (answer.status, answer.error["code"]) == (503, "service_unavailable")
        assert answer.headers["Retry-After"] == "5"
    assert cells.ask("GET", "/dashboard/login", host="b.localhost").status == 503
    with pytest.raises(InvalidStatus) as refused:
        cells.socket(f"{cells.all['b'].project_id}.{DOMAIN}")
    assert refused.value.response.status_code == 503
    assert cells.api("a", "GET", "/api/calls").status == 200
    assert cells.ask("GET", "/api/schema").status == 200
    alive.send(json.dumps({"type": "ping"}))
    assert json.loads(alive.recv(timeout=10))["type"] in ("pong", "error")
    alive.close()
