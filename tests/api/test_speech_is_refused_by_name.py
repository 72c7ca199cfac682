"""What needs a speech worker is 422 `speech_unavailable`, and changes nothing."""

from __future__ import annotations

import pytest

from tests.support import fake_worker, rest_client


@pytest.mark.parametrize("verb", ["transcribe", "detect", "denoise"])
def test_an_operation_of_speech_is_refused_and_the_call_goes_on(cast, mallory, verb):
    call_id = fake_worker.talking(cast)
    path = f"/api/calls/{call_id}/{verb}"
    assert rest_client.error_of(cast.rest.post(path, {"leg": "caller"}), 422)["code"] == "speech_unavailable"
    assert cast.rest.get(f"/api/calls/{call_id}").json()["state"] == "answered"
    rest_client.error_of(cast.alice.rest.post(path), 403)
    rest_client.error_of(mallory.rest.post(path), 404)
    rest_client.error_of(rest_client.client().post(path), 401)


def test_machine_detection_is_refused_and_nothing_is_dialled(cast):
    body = {"to": "/private/bob", "connect": "/public/echo", "machine_detection": {"mode": "detect"}}
    error = rest_client.error_of(cast.rest.post("/api/calls", body), 422)
    assert (error["code"], error["attribute"]) == ("speech_unavailable", "machine_detection")
    assert cast.rest.get("/api/calls").json()["data"] == []
