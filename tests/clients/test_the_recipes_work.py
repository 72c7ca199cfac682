"""Each program of recipes/, run as its page says, against one instance, with phones that hear what comes."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from bench.instance import Instance
from tests.api.test_alerts import Smtp
from tests.clients.phone import AnsweringPhone
from tests.clients.recipe import RECIPES, ROOT, Recipe
from tests.e2e.desk import Desk
from tests.media.test_recordings_go_to_an_s3_store import Bucket
from tests.support.fake_worker import SDP
from tests.support.ports import free_port
from tests.support.wait import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.timing, pytest.mark.timeout(300)]
pytestmark += [pytest.mark.sample(4)]
PIPECAT = os.environ.get("CALLWRIGHT_TEST_PIPECAT", sys.executable)  # a Python that has pipecat-ai
TONE = 440.0
Phones = Callable[..., AnsweringPhone]


def test_a_visitor_calls_from_a_page_and_may_call_nothing_else(running: Instance, phone: Phones) -> None:
    carl = phone("carl-shop", 620.0)
    with Recipe("click_to_call", running, PORT="0", DESTINATION="/private/carl-shop") as site:
        page = requests.get(site.ready, timeout=10).text
        assert f"{running.url}/static/callwright.js" in page and running.api_token not in page
        given = requests.post(f"{site.ready}token", timeout=10).json()
    with AnsweringPhone("visitor", given["token"], running.url, 500.0) as visitor:
        visitor.dial(given["destination"])
        visitor.until(lambda: visitor.has_heard(620.0), "the shop")
        visitor.send("call.hangup", call_id=visitor.phone.call_id)
        carl.until(lambda: carl.told("call.ended", call_id=visitor.phone.call_id), "the end")
    bearer = {"Authorization": f"Bearer {given['token']}"}
    other = requests.post(
        f"{running.url}/api/calls", json={"to": "/private/alice", "sdp": SDP}, headers=bearer, timeout=10
    )
    assert other.json()["errors"][0]["code"] == "address_not_allowed"


def test_a_key_of_the_menu_leads_to_somebody(running: Instance, phone: Phones) -> None:
    own = {"NAME": "acme", "SALES": "/private/sam-sales", "SUPPORT": "/private/sue-support"}
    with Recipe("ivr_menu", running, **own) as menu:
        assert menu.ready == "/public/acme"
    with Recipe("ivr_menu", running, **own):  # again: the script that is there is changed
        sue, dora = phone("sue-support", 700.0), phone("dora")
        call = dora.dial("/public/acme")
        dora.until(dora.has_heard_speech, "the question")
        dora.send("call.dtmf", call_id=call, digits="2")
        dora.until(lambda: dora.has_heard(700.0), "support")
        assert len(sue.calls) == 1


def test_a_message_comes_by_mail(running: Instance, phone: Phones) -> None:
    running.api("POST", "/api/fabric/subscribers/tokens", {"reference": "vera"})
    mails = Smtp()
    host, port = mails.server_address
    own = {"PERSON": "/private/vera", "RING_SECONDS": "1", "SMTP_HOST": str(host), "SMTP_PORT": str(port)}
    with Recipe("voicemail_by_mail", running, MAIL_TO="vera@example.com", **own) as voicemail:
        ed = phone("ed", 520.0)
        call = ed.dial(voicemail.ready)
        ed.until(ed.has_heard_speech, "the greeting")
        wait_for(lambda: running.api("GET", f"/api/recordings?call_id={call}")["data"], 40, "a recording")
        time.sleep(2.5)
        ed.send("call.dtmf", call_id=call, digits="#")
        voicemail.line("mailed ")
    (text,) = mails.mails
    mails.shutdown()
    mail = email.message_from_string(text, policy=email.policy.default)
    assert mail["To"] == "vera@example.com" and "from ed" in mail["Subject"].lower()
    (sound,) = mail.iter_attachments()
    with wave.open(io.BytesIO(sound.get_content())) as message:
        assert message.getnframes() / message.getframerate() > 1


def test_who_was_not_answered_is_called_back(running: Instance, phone: Phones) -> None:
    running.api("POST", "/api/fabric/subscribers/tokens", {"reference": "desk"})
    with Recipe("call_back", running, WAIT="1") as back:
        fay = phone("fay", 530.0)
        call = fay.dial(back.ready)
        fay.send("call.hangup", call_id=call)
        fay.until(lambda: fay.told("call.ended", call_id=call), "the end of her call")
        desk = phone("desk", 640.0)
        desk.until(lambda: desk.has_heard(530.0), "fay")
        fay.until(lambda: fay.has_heard(640.0), "the desk")
        assert desk.calls[0]["from_name"] == "Call back /private/fay" or "fay" in str(desk.calls[0]).lower()
        desk.send("call.hangup", call_id=desk.phone.call_id)
        back.line("called back /private/fay")


def test_recordings_are_copied_to_a_bucket(running: Instance, phone: Phones, tmp_path: Path) -> None:
    pytest.importorskip("boto3", reason="boto3 is not installed")
    bucket = Bucket()
    threading.Thread(target=bucket.serve_forever, daemon=True).start()
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "eu-west-1"}
    own = {**keys, "S3_ENDPOINT": f"http://127.0.0.1:{bucket.server_port}", "DELETE": "1"}
    with Recipe("recording_to_s3", running, CURSOR_FILE=str(tmp_path / "cursor"), **own) as copier:
        gil = phone("gil")
        call = running.api("POST", "/api/calls", {"to": "/private/gil", "connect": "/public/tone"})["id"]
        gil.until(lambda: gil.has_heard(TONE), "the tone")
        running.api("POST", f"/api/calls/{call}/record", {})
        time.sleep(2)
        running.api("POST", f"/api/calls/{call}/hangup", {})
        key = copier.line("copied ").removeprefix("copied ")
        wait_for(lambda: not running.api("GET", f"/api/recordings?call_id={call}")["data"], 10, "deletion")
    assert (tmp_path / "cursor").read_text().isdigit()
    bucket.shutdown()
    assert bucket.objects[f"/calls/{key}"][:4] == b"RIFF"


def test_a_page_shows_who_rings(running: Instance, phone: Phones, tmp_path: Path) -> None:
    crm = tmp_path / "crm.json"
    crm.write_text(json.dumps({"/private/ida": {"name": "Ida <Ltd>", "url": "https://crm.example/ida"}}))
    with Recipe("crm_pop", running, PORT="0", CRM=str(crm)) as pop:
        assert "EventSource" in requests.get(f"{pop.ready}?agent=hal", timeout=10).text
        with requests.get(f"{pop.ready}calls?agent=hal", stream=True, timeout=30) as told:
            phone("hal")
            call = phone("ida").dial("/private/hal")
            shown = json.loads(next(line for line in told.iter_lines(chunk_size=1) if line)[6:])
    assert shown == {
        "caller": "/private/ida",
        "customer": json.loads(crm.read_text())["/private/ida"],
        "call": call,
    }


def test_a_caller_is_sent_on_to_a_number(running: Instance, phone: Phones) -> None:
    jim = phone("jim")
    phone("kim", 610.0)
    call = jim.dial("/private/kim")
    jim.until(lambda: jim.has_heard(610.0), "kim")
    refused = Recipe("transfer_to_phone", running, call, "no-number").run()
    assert refused.returncode == 1 and refused.stderr.startswith("refused: invalid_destination")
    done = Recipe("transfer_to_phone", running, call, "+46000000000").run()
    assert (done.returncode, done.stdout) == (0, "connected\n"), done.stderr
    jim.until(jim.has_heard_speech, "the announcement")


def test_a_desk_phone_registers_with_what_is_printed(running: Instance) -> None:
    port = running.environment["CALLWRIGHT_SIP_PORT"]
    made = [
        Recipe("sip_desk_phone", running, "leo", "leo-desk", "207", SIP_PORT=port).run() for _ in range(2)
    ]
    assert [each.returncode for each in made] == [0, 0], made[0].stderr + made[1].stderr
    first, settings = (dict(line.split(None, 1) for line in each.stdout.splitlines()) for each in made)
    assert settings["server"] == f"127.0.0.1:{port}" and settings["password"] != first["password"]

    async def register() -> None:
        async with Desk(int(port), settings["user"], settings["password"], 650.0) as desk:
            assert await desk.register() == 200
            call = asyncio.to_thread(
                running.api, "POST", "/api/calls", {"to": "207", "connect": "/public/tone"}
            )
            made = asyncio.create_task(call)
            await desk.answer(await desk.rung(20))
            await desk.hears(TONE, 20)
            await made

    asyncio.run(register())


def test_a_key_confirms_an_appointment(running: Instance, phone: Phones, tmp_path: Path) -> None:
    mia = phone("mia")
    running.api("POST", "/api/fabric/subscribers/tokens", {"reference": "nobody"})
    plan = tmp_path / "appointments.csv"
    plan.write_text("17,/private/mia,Tuesday at ten\n18,/public/busy,Friday\n")
    recipe = Recipe("appointment_reminder", running, str(plan))
    found: list[subprocess.CompletedProcess[str]] = []
    asking = threading.Thread(target=lambda: found.append(recipe.run()))
    asking.start()
    mia.until(mia.has_heard_speech, "the question")
    mia.send("call.dtmf", call_id=mia.phone.call_id, digits="1")
    asking.join(100)
    assert found and found[0].stdout == "17 confirmed\n18 not_reached\n", found


def test_a_spoken_code_lets_in_once(
    running: Instance, phone: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Recipe("two_factor_by_voice", running, PORT="0") as site:
        nia = phone("nia")

        def post(path: str, **body: str) -> Any:
            return requests.post(f"{site.ready}{path}", json=body, timeout=30).json()

        told = post("start", to="/private/nia")
        nia.until(nia.has_heard_speech, "the code")
        assert [post("check", id=told["id"], code="none")["result"] for _ in range(4)] == [
            "wrong", "wrong", "wrong", "expired",
        ]  # fmt: skip
        assert post("start", to="nowhere") == {"error": "invalid_destination"}
        again = [post("start", to="/private/nia").get("error") for _ in range(3)]
        assert again == [None, None, "too many calls"]
    # What is spoken cannot be read here: the code is taken from the program's own memory.
    for name in ("CALLWRIGHT_URL", "CALLWRIGHT_API_KEY"):
        monkeypatch.setenv(name, site.environment[name])
    monkeypatch.syspath_prepend(str(ROOT / "clients" / "python" / "src"))
    spec = importlib.util.spec_from_file_location("two_factor", RECIPES / "two_factor_by_voice.py")
    assert spec is not None and spec.loader is not None
    program: Any = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "two_factor", program)
    spec.loader.exec_module(program)
    with contextlib.closing(program.Callwright()) as client:
        codes = program.Codes(client)
        told = codes.start("/public/echo")
        digits = codes.codes[told["id"]][0]
        assert re.fullmatch(r"\d{6}", digits)
        assert codes.check(told["id"], digits) == {"result": "right"}
        assert codes.check(told["id"], digits) == {"result": "expired"}


def test_a_bot_of_pipecat_hears_and_is_heard(running: Instance, phone: Phones) -> None:
    has = subprocess.run(
        [PIPECAT, "-c", "import pipecat, fastapi, uvicorn, httpx"], capture_output=True, check=False
    )
    if has.returncode:
        pytest.skip(
            "pipecat-ai, fastapi, uvicorn and httpx are not installed in CALLWRIGHT_TEST_PIPECAT's Python"
        )
    with Recipe("voice_bot_with_pipecat", running, python=PIPECAT, PORT=str(free_port())) as bot:
        ole = phone("ole", 560.0)
        call = ole.dial(bot.ready)
        ole.until(lambda: ole.has_heard(560.0), "its own voice")
        ole.send("call.hangup", call_id=call)


@pytest.mark.sample(1)  # always
def test_every_recipe_is_short_has_its_page_and_a_test() -> None:
    here = Path(__file__).read_text()
    programs = sorted(RECIPES.glob("*.py"))
    assert len(programs) == 11
    for program in programs:
        page = ROOT / "docs" / "recipes" / f"{program.stem}.md"
        assert page.exists() and f"recipes/{program.name}" in page.read_text(), program.stem
        assert len(program.read_text().splitlines()) <= 80, program.stem
        assert f'"{program.stem}"' in here, program.stem
