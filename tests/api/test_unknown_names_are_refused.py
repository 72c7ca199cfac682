"""On the product's own surfaces a field, query parameter or event pattern that nothing reads is 422
`unknown_parameter`, with the nearest known name; SignalWire's surfaces and sockets ignore it.

The matrix is made from the URLconf: a new route is asked too.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.urls import resolve

from calling.calls import event_types
from calling.commands import dial, event_params, operation_params
from calling.commands.params import Params
from calling.media.recording.rows import root
from rest import known_names
from tests.api.tenancy import furnish, templates
from tests.api.test_every_route_keeps_projects_apart import CHOICES, filled, key_of, places, words_of
from tests.support.fake_worker import SDP, talking
from tests.support.people import Cast, make_cast
from tests.support.rest_client import error_of

METHODS = ("get", "post", "put", "patch", "delete")
# What needs a speech worker is refused whatever it says.
SPOKEN = tuple(f"/{verb}" for verb in operation_params.SPEECH)
NATIVE = [each for each in templates() if known_names.is_native("/" + each) and not each.endswith(SPOKEN)]
DOCS = Path(__file__).parents[2] / "docs" / "contract.md"
# What a body must hold so that nothing is missing before its names are judged.
OFFERED = {"colour": 1}


@pytest.fixture
def house(db: None, settings: Any) -> tuple[Cast, dict[str, str]]:
    settings.CALLWRIGHT_REST_KEY_PER_SECOND = settings.CALLWRIGHT_REST_HOLDER_PER_SECOND = 1_000_000
    cast = make_cast()
    ids = furnish(cast)
    root().mkdir(parents=True, exist_ok=True)
    (root() / "canary.wav").write_bytes(b"RIFF")
    return cast, ids


@dataclass(frozen=True)
class Asking:
    """Asks each method of each native route; where a path has words, for `few` choices of some meaning."""

    cast: Cast
    ids: dict[str, str]
    dice: random.Random
    few: int

    def everywhere(self, query: str, bodies: bool = False) -> Iterator[tuple[str, str, Any]]:
        """(template, what was sent, answer), with `query`, and where `bodies` also with a wrong field."""
        for template in NATIVE:
            met = 0
            for words in self.shuffled(template):
                path = filled(template, self.ids, words)
                answers = [
                    (f"{method} {path} {kind}", answer)
                    for method in methods_of(path)
                    for kind, answer in self.asked(method, path, query, bodies)
                ]
                if words and any(answer.status_code == 404 for _, answer in answers):
                    continue  # words of no meaning here
                yield from ((template, sent, answer) for sent, answer in answers)
                met += 1
                if met == self.few:
                    break

    def shuffled(self, template: str) -> list[dict[str, str]]:
        words = words_of(template)
        self.dice.shuffle(words)
        return words

    def asked(self, method: str, path: str, query: str, bodies: bool) -> Iterator[tuple[str, Any]]:
        send = getattr(self.cast.rest, method)
        yield "query", send(path + query)
        if bodies and method != "get":
            yield "body", send(path, OFFERED, format="json")


def methods_of(path: str) -> list[str]:
    view = resolve(path).func.view_class  # type: ignore[attr-defined]
    return [method for method in METHODS if hasattr(view, method)]


@pytest.fixture
def asking(house: tuple[Cast, dict[str, str]], seed: int, figure: Callable[[int, int], int]) -> Asking:
    return Asking(*house, random.Random(seed), figure(2, 1000))


def refused(answer: Any) -> bool:
    found = answer.json()["errors"] if answer.status_code == 422 else []
    return any(each["code"] == "unknown_parameter" and each["attribute"] == "colour" for each in found)


@pytest.mark.family
def test_every_native_route_refuses_a_query_parameter_and_a_field_that_it_does_not_know(
    asking: Asking,
) -> None:
    asked = list(asking.everywhere("?colour=1", bodies=True))
    assert [f"{sent}: {answer.status_code}" for _, sent, answer in asked if not refused(answer)] == []
    assert {template for template, *_ in asked} == set(NATIVE) and len(asked) > 100


def test_every_native_route_that_a_token_may_use_refuses_them_too(cast: Cast) -> None:
    call_id = talking(cast)
    alice = cast.alice.rest
    verbs = ("hold", "resume", "mute", "unmute", "dtmf", "transfer", "consult", "hangup", "answer", "reject")
    for verb in verbs:
        assert refused(alice.post(f"/api/calls/{call_id}/{verb}", OFFERED)), verb
    assert refused(alice.post("/api/calls", {"to": "/private/bob", "sdp": SDP, **OFFERED}))
    assert refused(alice.get("/api/calls?colour=1")) and refused(alice.get(f"/api/calls/{call_id}?colour=1"))


@pytest.mark.family
def test_every_native_route_refuses_a_query_parameter_that_is_given_twice(asking: Asking) -> None:
    wrong, asked = [], 0
    for _, sent, answer in asking.everywhere("?page_size=5&page_size=6"):
        asked += 1
        found = answer.json()["errors"] if answer.status_code == 422 else [{}]
        if (found[0].get("code"), found[0].get("attribute")) != ("invalid_parameter", "page_size"):
            wrong.append(f"{sent}: {answer.status_code}")
    assert wrong == []
    assert asked > 60


def test_signalwires_surfaces_take_the_last_of_a_repeated_parameter(cast: Cast) -> None:
    answer = cast.rest.get("/api/fabric/addresses?page_size=1&page_size=2")
    assert answer.status_code == 200 and len(answer.json()["data"]) == 2


@pytest.mark.parametrize(
    ("given", "nearest"),
    [("too", "to"), ("max-duration", "max_duration"), ("statusUrl", "status_url"), ("meta_data", "metadata")],
)
def test_the_nearest_known_name_is_said(cast: Cast, given: str, nearest: str) -> None:
    body = {"to": "/private/bob", "connect": "/public/echo", given: "x"}
    error = error_of(cast.rest.post("/api/calls", body), 422)
    assert error["code"] == "unknown_parameter" and error["attribute"] == given
    assert error["message"].endswith(f"the nearest is {nearest}.")


@pytest.mark.parametrize(
    ("verb", "body", "attribute"),
    [
        ("play", {"play": [{"type": "silence", "params": {"duration": 1, "to": 2}}]}, "play.0.params.to"),
        ("play", {"play": [{"type": "tts", "text": "x", "params": {"text": "x"}}]}, "play.0.text"),
        ("record", {"record": {"audio": {"colour": 1}}}, "record.audio.colour"),
        ("record", {"record": {"audio": {}, "video": {}}}, "record.video"),
        ("record", {"record": {"audio": {"stereo": True}}, "stereo": True}, "stereo"),
        ("collect", {"digits": {"maximum": 4}}, "digits.maximum"),
        ("mute", {"leg": "caller", "chanels": ["audio"]}, "chanels"),
        ("consult", {"leg": "caller", "to": "/private/carol", "media": {"sound": True}}, "media.sound"),
    ],
)
def test_names_within_objects_are_refused_by_their_path(
    cast: Cast, verb: str, body: dict[str, Any], attribute: str
) -> None:
    error = error_of(cast.rest.post(f"/api/calls/{talking(cast)}/{verb}", {"leg": "callee", **body}), 422)
    assert (error["code"], error["attribute"]) == ("unknown_parameter", attribute)


def test_nothing_is_done_where_a_name_is_refused(cast: Cast) -> None:
    call_id = talking(cast)
    for verb in ("hangup", "hold"):
        cast.rest.post(f"/api/calls/{call_id}/{verb}", {"leg": "caller", "now": True})
        cast.rest.post(f"/api/calls/{call_id}/{verb}?now=1", {"leg": "caller"})
    shown = cast.rest.get(f"/api/calls/{call_id}").json()
    assert shown["state"] == "answered" and shown["legs"][0]["held_by"] is None


def test_patch_refuses_what_it_does_not_know_and_changes_nothing(house: tuple[Cast, dict[str, str]]) -> None:
    cast, ids = house
    for path, good in (("webhooks", {"description": "new"}), ("phone_numbers", {"name": "new"})):
        one = f"/api/{path}/{ids['webhook' if path == 'webhooks' else 'number']}"
        before = cast.rest.get(one).json()
        assert refused(cast.rest.patch(one, {**good, **OFFERED}))
        assert cast.rest.get(one).json() == before
        assert cast.rest.patch(one, good).status_code == 200


@pytest.mark.parametrize(
    ("pattern", "nearest"),
    [
        ("call.anwsered", "call.answered"),
        ("cals.*", "call.*"),
        ("leg.end", "leg.ended"),
        ("rom.*", "room.*"),
        ("call", "call.*"),
        ("Call.Ended", "call.ended"),
        ("call-ended", "call.ended"),
        ("call.ended ", "call.ended"),
        ("**", "*"),
        ("call.**", "call.*"),
    ],
)
def test_an_event_pattern_that_can_match_nothing_is_refused(cast: Cast, pattern: str, nearest: str) -> None:
    answers = [
        cast.rest.post("/api/webhooks", {"url": "http://127.0.0.1:9/", "events": ["call.*", pattern]}),
        cast.rest.get(f"/api/events?types=call.ended,{pattern}"),
    ]
    for answer, attribute in zip(answers, ("events", "types"), strict=True):
        error = error_of(answer, 422)
        assert (error["code"], error["attribute"]) == ("unknown_parameter", attribute)
        assert error["message"] == f"There is no event type {pattern} here; the nearest is {nearest}."


def test_every_known_pattern_is_taken() -> None:
    for pattern in event_types.PATTERNS:
        form = Params({"types": pattern}, strict=True)
        assert event_params.read_types(form) == (pattern,)
        form.check()


def test_the_known_types_are_those_of_the_contract_and_of_the_machine() -> None:
    told = DOCS.read_text().partition("\nTypes: ")[2].partition("\n\n")[0].replace("\n", " ")
    families = {each.partition(".")[0] for each in event_types.TYPES}
    assert set(re.findall(r"\b([a-z]+)\.(?=[a-z*])", told)) == families
    words = {each.partition(".")[2] for each in event_types.TYPES}
    assert all(re.search(rf"\b{word}\b", told) for word in words)
    sources = Path(__file__).parents[2] / "calling"
    said = {
        each
        for source in (*(sources / "machine").glob("*.py"), *(sources / "calls").glob("*.py"))
        for each in re.findall(r'"((?:call|leg|room|participant)\.[a-z_]+)"', source.read_text())
    }
    assert said and said <= set(event_types.TYPES)


def test_signalwires_surfaces_ignore_what_they_do_not_know(house: tuple[Cast, dict[str, str]]) -> None:
    cast, ids = house
    subscriber = f"/api/fabric/resources/subscribers/{ids['subscriber']}"
    assert cast.rest.get("/api/fabric/addresses?colour=1").status_code == 200
    assert cast.rest.patch(subscriber, {"first_name": "A", **OFFERED}).status_code == 200
    assert cast.rest.post("/api/fabric/subscribers/tokens", {"reference": "x", **OFFERED}).status_code == 200
    play = {"play": [{"type": "silence", "params": {"duration": 1, "colour": 1}}], "control_id": "c9"}
    command = {"command": "calling.play", "id": ids["call"], "params": play, "colour": 1}
    assert cast.rest.post("/api/calling/calls", command).status_code == 200


def test_a_device_may_send_what_is_not_known(cast: Cast) -> None:
    fields = {"destination": "/private/bob", "sdp": SDP, "colour": 1}
    assert dial.read_dial(cast.alice.holder, fields, key="destination").to == "/private/bob"


def test_at_most_ten_names_are_told_and_each_is_cut() -> None:
    form = Params({f"{'n' * 1000}{number}": 1 for number in range(5000)}, strict=True)
    found = form.unknown()
    assert len(found) == 10 and all(len(each.attribute or "") <= 60 for each in found)


def test_the_places_of_native_routes_are_those_of_the_tenancy_proof() -> None:
    assert all(place in CHOICES or key_of(each, place) for each in NATIVE for place in places(each))


@pytest.mark.parametrize("asked", ["DELETE /api/webhooks", "PUT /api/calls?now=1", "TRACE /api/events?now=1"])
def test_a_method_that_a_path_lacks_is_405_whatever_comes_with_it(cast: Cast, asked: str) -> None:
    method, path = asked.split()
    error_of(cast.rest.generic(method, path, '{"url": "x"}', content_type="application/json"), 405)
