"""Whatever operation a `status_url` is kept for is told to it: when it begins, and how it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from calling.calls.status_urls import StatusUrl
from calling.commands import operation_params
from calling.webhooks.status_callbacks import SAME, callback_body

# `say` is of our own surfaces, which have events in the place of a status_url.
TOLD = [*(verb for verb in operation_params.VERBS if verb != "say"), *SAME]


def told(verb: str, word: str) -> dict[str, Any]:
    event = {
        "type": f"{SAME.get(verb, verb)}.{word}",
        "timestamp": "2026-12-01T00:00:00Z",
        "data": {"control_id": "c", "verb": verb, "call": {"id": "1", "project_id": "2"}},
    }
    body = callback_body(event, StatusUrl.read(StatusUrl("operation", "c", verb=verb).stored()))
    assert body is not None, f"a status_url of {verb} hears nothing of {word}"
    return dict(json.loads(body))


@pytest.mark.parametrize("verb", TOLD)
def test_its_beginning_and_its_end_are_told_under_its_own_name(verb: str) -> None:
    states = [told(verb, word)["params"]["state"] for word in ("started", "finished", "failed")]
    assert states[0].endswith("ing") and states[1:] == ["finished", "error"]
    assert told(verb, "started")["event_type"] == f"calling.call.{verb}"
