"""The unmodified `signalwire-sdk` RestClient against a live server; device and worker are played by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import requests

from tests.support import fake_worker
from tests.support.people import Cast, make_cast, make_mallory

rest = pytest.importorskip("signalwire.rest", reason="needs the signalwire-sdk package")
SWML = {"version": "1.0.0", "sections": {"main": [{"play": "silence:1"}, "hangup"]}}
Act = Callable[..., Any]


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def mallory(transactional_db: None) -> Cast:
    return make_mallory()


def client_of(cast: Cast, live_server: Any) -> Any:
    host = urlsplit(live_server.url).netloc
    return rest.RestClient(project=str(cast.project.id), token=cast.api_token, host=host)


@pytest.fixture
def calling(live_server: Any, cast: Cast) -> Any:
    return client_of(cast, live_server).calling


@pytest.fixture
def stranger(live_server: Any, mallory: Cast) -> Any:
    """`client.calling` of another project."""
    return client_of(mallory, live_server).calling


@pytest.fixture
def post(live_server: Any, cast: Cast) -> Act:
    """A raw command, for what the SDK cannot say."""

    def send(body: Any, auth: Any = (str(cast.project.id), cast.api_token)) -> requests.Response:
        return requests.post(live_server.url + "/api/calling/calls", json=body, auth=auth, timeout=30)

    return send


@pytest.fixture
def answered(cast: Cast, calling: Any) -> str:
    """bob has answered a call that an API key dialled, and has a script."""
    return answered_call(cast, calling)


def answered_call(cast: Cast, calling: Any, **more: Any) -> str:
    fake_worker.online(cast.bob)
    made = calling.dial(from_="/private/alice", to="/private/bob", **{"swml": SWML, **more})
    call_id: str = made["id"]
    fake_worker.carry(call_id)
    answer = cast.bob.rest.post(f"/api/calls/{call_id}/answer", {"sdp": fake_worker.SDP})
    assert answer.status_code == 200, answer.content
    fake_worker.answer_offers(call_id)
    fake_worker.connect_media(call_id)
    return call_id


def refusal(status: int, act: Act, /, *args: Any, **more: Any) -> dict[str, Any]:
    """The first error that the SDK raises for an act."""
    with pytest.raises(rest.SignalWireRestError) as refused:
        act(*args, **more)
    assert refused.value.status_code == status, refused.value.body
    error: dict[str, Any] = refused.value.body["errors"][0]
    assert set(error) == {"type", "code", "message", "attribute", "url", "request_id"}
    return error


def to_strangers(stranger: Any, post: Act, name: str, call_id: str, **params: Any) -> None:
    """401 without credentials, 404 for another project, an unknown call, and what is no id."""
    by = getattr(stranger, name)
    for wrong in (call_id, str(uuid4()), "not-an-id"):
        refusal(404, by, id=wrong, **params) if name == "update" else refusal(404, by, wrong, **params)
    assert post({"command": "dial", "params": {}}, None).status_code == 401
    assert post({"command": "dial", "params": {}}, ("x", "y")).status_code == 401
