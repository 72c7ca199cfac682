"""A pytest plugin of `tests.run`: which tests failed, and how long each directory took, as JSON in a file."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

MARK = "timing"


class Outcomes:
    """What the reports of one session say; those of xdist's workers come together in their controller."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seconds: Counter[str] = Counter()
        self.failed: dict[str, bool] = {}  # node id -> whether it is marked `timing`

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[directory(report.nodeid)] += report.duration
        if report.failed:
            self.failed[report.nodeid] = MARK in report.keywords

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed[report.nodeid] = False

    def pytest_sessionfinish(self) -> None:
        self.path.write_text(json.dumps({"failed": self.failed, "seconds": self.seconds}))


def directory(nodeid: str) -> str:
    """`tests/media/files/test_x.py::test_y` counts for `tests/media`."""
    return "/".join(nodeid.partition("::")[0].split("/")[:-1][:2]) or "."


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--outcomes", type=Path, default=None, help="where to write failures and durations")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.outcomes is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Outcomes(config.option.outcomes), "outcomes")
