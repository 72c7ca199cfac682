"""A request that another one overtakes begins anew (`rest/overtaken.py`), so its view commits once: what was
committed before it was overtaken would be done a second time.

Every write of the OpenAPI document is asked for; what its view commits is counted by the statements. Where a
view commits more than once, it stands below with the reason why a second run of it does no harm.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import connection, transaction
from rest_framework.request import Request
from rest_framework.response import Response

from calling.speech import installed
from rest.views import RestView
from tests.api.every_operation import SWML, Act, act_of, carol_online, in_room
from tests.api.tenancy import furnish
from tests.api.test_every_operation_has_an_example import made, operations, sent
from tests.support.people import Cast

WRITES = re.compile(r"\b(INSERT INTO|DELETE FROM|UPDATE \"?[a-z_]+\"? SET)\b")
MAY_COMMIT_MORE_THAN_ONCE = {
    "erase_subscriber": "what was asked for and is not done is gone on with",
    "webhooks_delete": "disables the endpoint again, and removes what is left of its deliveries",
    "rooms_verb end": "hangs up whoever is still there",
}
PLAY = {"play": [{"type": "silence", "params": {"duration": 1}}]}
TOLD = {"status_url": "https://app.example.com/told"}


def command(name: str, **params: Any) -> Act:
    return Act({"command": name, "id": "$call", "params": params})


def update(**params: Any) -> Act:
    return Act({"command": "update", "params": {"id": "$call", **params}})


# Other ways through an operation than that of its example.
MORE = {
    "calling_command": {
        "play and tell": command("calling.play", leg="callee", **PLAY, **TOLD),
        "record and tell": command("calling.record", **TOLD),
        "script and tell": update(swml=SWML, leg="callee", **TOLD),
        "end and tell": update(status="completed", **TOLD),
        "dial": Act(
            {"command": "dial", "params": {"to": "/private/carol", "from": "/private/alice", "swml": SWML}},
        ),
        "end": command("calling.end"),
        "transfer": command("calling.transfer", leg="callee", dest="/private/carol"),
        "transfer to a script": command("calling.transfer", leg="callee", dest=SWML),
        "disconnect": command("calling.disconnect", leg="callee"),
        "user event": command("calling.user_event", leg="callee", event={"a": 1}),
    },
    "rooms_verb": {
        "end": Act({}, before=in_room, words={"verb": "end"}),
        "play": Act({"url": "say:Hello"}, before=in_room, words={"verb": "play"}),
    },
    "rooms_member_verb": {
        verb: Act(body, before=in_room, words={"verb": verb})
        for verb, body in (("remove", {}), ("deafen", {}), ("volume", {"volume": -3}))
    },
    "calls_hangup": {"all": Act({})},
    "calls_listen": {"a call": Act({"to": "/private/carol"}, before=carol_online)},
    "calls_consult": {"no offer": Act({"to": "/private/carol"}, by="alice", before=carol_online)},
    "create_subscriber_token": {
        "known": Act({"reference": "alice@example.com", "display_name": "Alice", "password": "a long one"}),
    },
    "revoke_token": {"subscriber": Act({"subscriber_id": "$subscriber"})},
    "change_subscriber": {"much": Act({"reference": "al", "extension": "777", "do_not_disturb": True})},
    "change_conference_room": {"name": Act({"name": "elsewhere", "display_name": "Else"})},
}


class Commits:
    """Counts what a handler commits: outermost transactions that wrote, and writes outside of any."""

    def __init__(self) -> None:
        self.counting = False
        self.count, self.depth, self.wrote = 0, 0, False

    def __call__(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        found = execute(sql, params, many, context)
        if self.counting:
            self.note(str(sql))
        return found

    def note(self, sql: str) -> None:
        if sql.startswith("SAVEPOINT"):
            self.depth += 1
        elif sql.startswith("ROLLBACK TO"):
            self.wrote = False
        elif sql.startswith("RELEASE SAVEPOINT"):
            self.depth -= 1
            if self.depth == 0:
                self.count, self.wrote = self.count + self.wrote, False
        elif WRITES.search(sql):
            if self.depth:
                self.wrote = True
            else:
                self.count += 1


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> Commits:
    """Counts from where a view's handler begins to where it has answered."""
    found = Commits()
    begins, ends = RestView.initial, RestView.finalize_response

    def initial(view: RestView, request: Request, *args: object, **kwargs: object) -> None:
        begins(view, request, *args, **kwargs)
        found.counting = True

    def finalize(
        view: RestView, request: Request, response: Response, *args: object, **kwargs: object
    ) -> Response:
        found.counting = False
        return ends(view, request, response, *args, **kwargs)

    monkeypatch.setattr(RestView, "initial", initial)
    monkeypatch.setattr(RestView, "finalize_response", finalize)
    return found


@pytest.fixture(autouse=True)
def _a_speech_worker(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CALLWRIGHT_SPEECH_WORKERS = 1
    monkeypatch.setattr(installed, "recognisers", lambda own: (installed.ACCURATE,))
    monkeypatch.setattr(installed, "denoiser", lambda own: True)


@pytest.mark.timeout(900)
def test_every_write_commits_once(
    cast: Cast,
    commits: Commits,
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[Any]],
) -> None:
    cast.project.trusted = True  # takes a number that nobody has
    ids = furnish(cast)
    cast.project.save()
    counted: dict[str, int] = {}
    for path, method, operation in operations(json.loads(made())):
        operation_id = operation["operationId"]
        if method == "get":
            continue
        ways = {"": act_of(operation_id)} | MORE.get(operation_id, {})
        for way, act in ways.items():
            name = f"{operation_id} {way}".strip()
            with transaction.atomic():
                here = ids | (act.before(cast, dict(ids)) or {})
                commits.count = 0
                with connection.execute_wrapper(commits), django_capture_on_commit_callbacks(execute=True):
                    _, status, answer = sent(cast, here, path, method, act)
                transaction.set_rollback(True)
            assert 200 <= status < 300, (name, answer)
            counted[name] = commits.count
    assert len(counted) > 100 and sum(counted.values()) > 100
    more = {name for name, count in counted.items() if count > 1}
    assert more == set(MAY_COMMIT_MORE_THAN_ONCE), {name: counted[name] for name in more}
