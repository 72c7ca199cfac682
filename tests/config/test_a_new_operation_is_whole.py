"""A long operation has its entry in every table that knows the verbs; the list here is the list of places."""

from __future__ import annotations

import re

import pytest

from calling import models
from calling.api import operation_schema, operations
from calling.calls import event_types
from calling.commands import operation_params
from calling.media.operations import runner
from calling.signalwire.calling_api.commands import COMMANDS
from calling.webhooks import status_callbacks
from config import event_data
from config.env import ROOT
from tests.api import every_operation


def missed(verb: str) -> set[str]:
    """The places that do not know the verb."""
    contract = (ROOT / "docs" / "contract.md").read_text()
    operations_told = set(re.findall(r"`(\w+)`", contract.partition('<a id="operations"></a>')[2][:400]))
    begins = {"started", "finished", "failed"}
    told = {each.partition(".")[2] for each in event_types.TYPES if each.startswith(f"{verb}.")}
    # SignalWire has no `say`: its clients play a text. It has no relay either.
    signalwire = verb in ("say", "relay") or (
        f"calling.{verb}" in COMMANDS and verb in status_callbacks.WORDS
    )
    places = {
        "calling/commands/operation_params.py VERBS": verb in operation_params.VERBS,
        "calling/commands/operation_params.py WISHES": "stop" in operation_params.WISHES.get(verb, ()),
        "calling/commands/operation_params.py READERS": verb in operation_params.READERS,
        "calling/api/operations.py SUMMARIES": verb in operations.SUMMARIES,
        "calling/api/operation_schema.py OPERATIONS": verb in operation_schema.OPERATIONS,
        "calling/calls/event_types.py": begins <= told,
        "calling/media/operations/runner.py OPERATIONS": verb in runner.OPERATIONS,
        "calling/models/operation.py verb": len(verb)
        <= (models.Operation._meta.get_field("verb").max_length or 0),
        "calling/signalwire/calling_api/commands.py and calling/webhooks/status_callbacks.py": signalwire,
        "config/event_data.py OPERATIONS": verb in event_data.OPERATIONS,
        "tests/api/every_operation.py": f"calls_{verb}" in every_operation.ACTS,
        "config/openapi_examples.json": f'"calls_{verb}"'
        in (ROOT / "config/openapi_examples.json").read_text(),
        "docs/contract.md": verb in operations_told,
    }
    return {place for place, known in places.items() if not known}


@pytest.mark.parametrize("verb", operation_params.VERBS)
def test_every_operation_is_known_everywhere(verb: str) -> None:
    assert missed(verb) == set()


def test_no_table_has_an_operation_that_the_others_lack() -> None:
    tables = (
        operation_params.WISHES,
        operation_params.READERS,
        operations.SUMMARIES,
        operation_schema.OPERATIONS,
        runner.OPERATIONS.keys() - {"digits"},  # sent, not begun
    )
    for table in tables:
        assert set(table) == set(operation_params.VERBS)


def test_an_operation_that_was_only_begun_is_told_where_it_is_missing() -> None:
    assert len(missed("conjure-everything")) == 13
    page = (ROOT / "docs" / "architecture.md").read_text()
    for place in missed("conjure-everything"):
        for name in place.split():
            assert not name.endswith(".py") or name.removeprefix("calling/") in page, name
