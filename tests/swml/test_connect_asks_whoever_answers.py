"""The `confirm` of a script's `connect`: steps or the URL of a document, and nothing that is neither."""

from __future__ import annotations

from typing import Any

import pytest

from calling.swml import actions
from calling.swml.checks import BadScript
from calling.swml.interpret import advance, start
from calling.swml.parse import check_document


def connecting(confirm: Any, *, place: str = "connect", variables: dict[str, Any] | None = None) -> Any:
    """The action that a document with that confirm asks for; `place`: beside the destinations or in one."""
    device = {"to": "/private/bob", "confirm": confirm}
    connect = device if place == "connect" else {"serial": [device]}
    steps = [{"set": variables or {"a": 1}}, {"connect": connect}]
    run = start(check_document({"sections": {"main": steps}}), call={"from": "/private/alice"})
    return advance(run)[1]


@pytest.mark.parametrize("place", ["connect", "serial"])
@pytest.mark.parametrize("confirm", [5, True, {"a": 1}, "hello", "/private/carol", "ftp://e.example/x"])
def test_what_is_neither_steps_nor_a_url_is_refused_before_it_runs(confirm: Any, place: str) -> None:
    with pytest.raises(BadScript) as refused:
        connecting(confirm, place=place)
    assert refused.value.path.endswith(".confirm")


def test_broken_steps_and_expressions_are_refused_before_they_run() -> None:
    for confirm in ([{"dance": {}}], "https://e.example/${1 +}", [{"set": {"default": "${1 +}"}}]):
        with pytest.raises(BadScript):
            connecting(confirm)


@pytest.mark.parametrize("place", ["connect", "serial"])
def test_its_url_may_hold_variables(place: str) -> None:
    action = connecting("https://e.example/${which}", place=place, variables={"which": "sales"})
    assert isinstance(action, actions.Connect)
    (device,) = action.groups[0]
    assert (device.confirm, device.confirm_from_caller) == ("https://e.example/sales", False)


def test_the_caller_s_words_stay_in_the_query_of_its_url() -> None:
    (device,) = connecting("https://e.example/ask?who=${call.from}").groups[0]
    assert (device.confirm, device.confirm_from_caller) == ("https://e.example/ask?who=/private/alice", True)
    for confirm in ("https://${call.from}/", "https://e.example/${call.from}", "${call.from}"):
        assert isinstance(connecting(confirm), actions.Done)


def test_a_url_that_comes_to_nothing_connects_nobody_unasked() -> None:
    action = connecting("${nothing}")
    assert isinstance(action, actions.Done) and "confirm" in action.error


@pytest.mark.parametrize(
    "to", ["queue:support", "stream:wss://e.example/", "call:7", "verto:a@b", "tel:+1555"]
)
def test_a_destination_of_a_kind_that_is_not_supported_is_refused_before_it_runs(to: str) -> None:
    for connect, path in (
        (to, "connect.to"),
        ({"parallel": ["/private/bob", to]}, "connect.parallel.to"),
        ({"serial": [{"to": to}]}, "connect.serial.to"),
    ):
        with pytest.raises(BadScript, match="which is not supported") as refused:
            check_document({"sections": {"main": [{"connect": connect}]}})
        assert refused.value.path.endswith(path)


@pytest.mark.parametrize("name", ["result", "default", "when", "case", "on_return"])
@pytest.mark.parametrize("verb", ["set", "transfer", "request"])
def test_a_broken_expression_is_found_under_any_name(verb: str, name: str) -> None:
    broken = {name: "${1 +}"}
    steps = {
        "set": {"set": broken},
        "transfer": {"transfer": {"dest": "main", "params": broken}},
        "request": {"request": {"url": "https://e.example/", "body": {"a": [broken]}}},
    }
    with pytest.raises(BadScript, match="the expression cannot be read"):
        check_document({"sections": {"main": [steps[verb]]}})
