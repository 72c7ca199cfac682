"""A page that reads why a call ended finds each word in the docs: it may switch over them."""

from __future__ import annotations

import re

import pytest

from calling.machine.reasons import Cause, EndedBy, EndReason
from config.env import ROOT

CAUSES = {value for name, value in vars(Cause).items() if name.isupper()}


def words(page: str, start: str, end: str) -> set[str]:
    """What stands in code quotes between two texts of a page."""
    text = (ROOT / "docs" / page).read_text()
    assert text.count(start) == 1, f"{page} says {start!r} once"
    quoted = re.findall(r"`([^`]+)`", text.partition(start)[2].partition(end)[0])
    return {word for each in quoted for word in each.split()}


@pytest.mark.parametrize("reason", EndReason)
def test_the_page_of_the_browser_module_says_when_each_reason_comes(reason: EndReason) -> None:
    assert reason.value in words("browser-phone.md", "Reasons of `ended`:", "\n\n")


def test_the_contract_lists_every_reason_cause_and_who_ended_it() -> None:
    found = words("contract.md", "### Why a call ends", "\n## ")
    assert found >= {*(each.value for each in EndReason), *CAUSES, *(each.value for each in EndedBy)}
