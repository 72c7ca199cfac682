"""Each place that takes a URL from outside, with each form of an inside address: nothing is ever touched.

The edges judge a URL's text; what they let pass (a name may point anywhere) is fetched later by the sink's
own code, which must refuse it. A canary listens on every local address of the port in all the URLs.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from calling import models
from calling.alerts.telling import Teller
from calling.media.files.library import Library
from calling.media.files.prepare import Unplayable
from calling.media.operations.media_stream import MediaStream, StreamFailed, StreamSettings
from calling.outbound_http import url_text
from calling.push.rings import Notice
from calling.push.sender import Sender
from calling.swml import load
from calling.swml.checks import BadScript
from calling.swml.parse import check_document
from calling.swml.run import Runner
from calling.webhooks.deliverer import Deliverer
from calling.webhooks.delivery_queue import ClaimedDelivery
from calling.webhooks.signing import new_secret
from tests.e2e.conftest import _nothing_left_open
from tests.support import fake_worker, people
from tests.support.people import Cast
from tests.webhooks.conftest import make_hook
from tests.webhooks.url_forms import canary, urls

__all__ = ["_nothing_left_open"]
PUSH = "/api/push/subscription"
PUSH_KEYS = {  # RFC 8291, Appendix A
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}


class Idle:
    """A script's host for which everything it is told is done."""

    def __getattr__(self, name: str) -> Any:
        async def do(*given: Any) -> dict[str, Any]:
            return {}

        return do


async def deliver(url: str, signing_key: str | None = None) -> None:
    """A webhook, its test or (with the project's key) a status_url."""
    deliverer = Deliverer()
    await deliverer.attempt(
        ClaimedDelivery(uuid4(), uuid4(), url, "id", b"{}", 0, (new_secret(),), signing_key)
    )
    tried = deliverer.done.get_nowait()
    assert tried.status is None and tried.error.startswith("refused: "), (url, tried)


async def load_script(url: str) -> None:
    """`script_url` with its `fallback_url`."""
    with pytest.raises(BadScript):
        await load.first_of((url, url), {"call": {}})


async def run_script(url: str) -> None:
    """What a document may fetch itself. A text that is no URL may already be refused there."""
    for step in ({"request": {"url": url}}, {"transfer": {"dest": url}}, {"execute": {"dest": url}}):
        try:
            document = check_document({"sections": {"main": [step]}})
        except BadScript:
            continue
        await Runner.begin(document, Idle(), call={"call_id": "c"}).run()


async def stream(url: str) -> None:
    with pytest.raises(StreamFailed):
        await MediaStream(StreamSettings(url, "c", "a")).run()


async def wake(url: str) -> None:
    """A push service, as a browser named it."""
    sending = Sender()
    keys = {"p256dh": PUSH_KEYS["p256dh"], "auth": PUSH_KEYS["auth"]}
    browser = models.PushSubscription(project_id=uuid4(), subscriber_id=uuid4(), endpoint=url, **keys)
    body = {"type": "call.cancelled", "call_id": "c"}
    notice = Notice(browser.project_id, uuid4(), uuid4(), body, 60, timezone.now(), (browser,))
    assert await sending._post(browser, notice, 60) is None, url
    await sending.client.aclose()


async def alert(url: str) -> None:
    came: list[bool] = []

    async def settle(row: models.Alert, told: bool) -> None:
        came.append(told)

    teller = Teller(settle)
    facts = {"project_id": uuid4(), "raised_at": timezone.now(), "detail": {"calls": 1}}
    teller.tell([models.Alert(kind="worker_lost", to=url, **facts)])
    await teller.finish()
    await teller.client.aclose()
    assert came == [False], url


def socket_url(url: str) -> str:
    return url.replace("https:", "wss:", 1).replace("http:", "ws:", 1)


def ask_every_edge(cast: Cast, call_id: str, hook_id: str, url: str) -> int:
    """Give one URL to every field that takes one. How many let its text pass; none fails otherwise."""
    rest, passed = cast.rest, 0
    say = {"to": cast.bob.address, "from": cast.alice.address}
    swml = {**say, "swml": fake_worker.SCRIPT}
    record = {"record": {"status_url": url}}
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("post", "/api/webhooks", {"url": url, "events": ["*"]}),
        ("patch", f"/api/webhooks/{hook_id}", {"url": url}),
        ("post", "/api/calls", {**say, "script_url": url}),
        ("post", "/api/calls", {**say, "script": fake_worker.SCRIPT, "status_url": url}),
        ("post", "/api/calls", {**say, "script": {"sections": {"main": [record]}}}),
        ("post", "/api/calling/calls", {"command": "dial", "params": {**say, "url": url}}),
        ("post", "/api/calling/calls", {"command": "dial", "params": {**swml, "fallback_url": url}}),
        ("post", "/api/calling/calls", {"command": "dial", "params": {**swml, "status_url": url}}),
        ("post", f"/api/calls/{call_id}/play", {"leg": "caller", "url": url}),
        ("post", f"/api/calls/{call_id}/stream", {"leg": "caller", "url": socket_url(url)}),
        ("post", "/api/alerts", {"kind": "worker_lost", "to": url}),
        ("put", PUSH, {"endpoint": url, "keys": PUSH_KEYS}),
    ]
    for method, path, body in asked:
        answer = getattr(cast.alice.rest if path == PUSH else rest, method)(path, body)
        assert answer.status_code in (200, 201, 400, 422), (path, url, answer.status_code, answer.content)
        passed += answer.status_code < 400
        if path in ("/api/webhooks", "/api/alerts") and answer.status_code == 201:
            rest.delete(f"{path}/{answer.json()['id']}")
    return passed


@pytest.mark.family
@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(3600)
async def test_no_sink_ever_touches_an_inside_address(
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    seed: int,
    figure: Callable[[int, int], int],
) -> None:
    settings.CALLWRIGHT_ALLOW_PRIVATE_URLS = False
    settings.CALLWRIGHT_DIALS_PER_SECOND = 1_000_000
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_CLASSES": []}
    cast = await sync_to_async(people.make_cast)()
    call_id = await sync_to_async(fake_worker.talking)(cast)
    hook = await sync_to_async(make_hook)(cast, "https://example.com/hook")
    library = Library(tmp_path)
    async with canary() as (port, touched):
        monkeypatch.setattr(url_text, "PUBLIC_PORTS", url_text.PUBLIC_PORTS | {port})
        forms = urls(port)
        assert len(forms) >= 400
        chosen = random.Random(seed).sample(forms, figure(30, len(forms)))
        passed = 0
        for url in chosen:
            passed += await sync_to_async(ask_every_edge)(cast, call_id, hook["id"], url)
            await deliver(url)
            await deliver(url, cast.project.signing_key)
            await load_script(url)
            await run_script(url)
            with pytest.raises(Unplayable):
                await library.get(url)
            await stream(socket_url(url))
            await wake(url)
            if "://" in url:  # else it is a mail address
                await alert(url)
        print(f"{len(chosen)} forms: {passed} passed an edge by their text; canary touched {len(touched)}")
        assert touched == []
