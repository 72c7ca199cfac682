"""Time, waiting, ids and dice come from `clock` alone, so that one clock can stand in for all of them."""

from __future__ import annotations

import re
import subprocess
import sys
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

import clock

ROOT = Path(__file__).parents[2]
PRODUCT = ("calling", "config", "rest", "subscribers", "tokens")

# What somebody may write, and the name that ruff is to tell them instead.
SOURCES = {
    "import time\nx = time.time()": "clock.time()",
    "from time import time\nx = time()": "clock.time()",
    "import time\nx = time.time_ns()": "clock.time_ns()",
    "import time\nx = time.monotonic()": "clock.monotonic()",
    "import time as t\nx = t.perf_counter()": "clock.monotonic()",
    "from time import monotonic\nx = monotonic()": "clock.monotonic()",
    "from time import sleep\nsleep(1)": "clock.sleep(seconds)",
    "import datetime\nx = datetime.datetime.now(datetime.UTC)": "clock.now()",
    "from datetime import UTC, datetime\nx = datetime.now(UTC)": "clock.now()",
    "from django.utils import timezone\nx = timezone.now()": "clock.now()",
    "from django.utils.timezone import now\nx = now()": "clock.now()",
    "from django.db.models.functions import Now\nx = Now()": "clock.now()",
    "import uuid\nx = uuid.uuid4()": "clock.new_id()",
    "from uuid import uuid4\nx = uuid4()": "clock.new_id()",
    "import random\nx = random.random()": "clock.dice",
    "from random import choice\nx = choice([1])": "clock.dice",
}


def complaints(place: str) -> dict[int, str]:
    """What ruff says about all of SOURCES as one file of the product: number of the source → message."""
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--no-cache",
        "--select=TID251",
        "--output-format=concise",
    ]
    text = "".join(f"def case_{number}():\n    {source.replace(chr(10), chr(10) + '    ')}\n"
                   for number, source in enumerate(SOURCES))  # fmt: skip
    ran = subprocess.run(
        [*command, "--stdin-filename", place, "-"],
        input=text, capture_output=True, text=True, cwd=ROOT, timeout=60,
    )  # fmt: skip
    found = re.findall(r":(\d+):\d+: TID251 (.*)", ran.stdout)
    return {(int(line) - 1) // 3: said for line, said in found}


@pytest.mark.parametrize("place", ["calling/sweep.py", "rest/errors.py", "config/health.py"])
def test_another_source_is_refused_and_the_refusal_names_what_to_write(place: str) -> None:
    said = complaints(place)
    missed = {text: said.get(number) for number, text in enumerate(SOURCES)
              if SOURCES[text] not in said.get(number, "")}  # fmt: skip
    assert missed == {}


def test_the_clock_itself_may_ask_the_machine() -> None:
    assert complaints("clock/__init__.py") == {}


def test_the_clock_is_read_as_an_attribute_so_that_another_can_take_its_place() -> None:
    taken = [
        str(path.relative_to(ROOT))
        for package in PRODUCT
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"^\s*from clock import", path.read_text(), re.MULTILINE)
    ]
    assert taken == []


def test_the_machine_and_the_sip_stack_are_told_the_time() -> None:
    for package in ("calling/machine", "calling/sip/stack"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text()
            assert "import clock" not in text and "timezone.now" not in text, path
            assert "time.monotonic" not in text and "time.time" not in text, path


# Words of SQL's own grammar: no function of another schema can stand in for them, as one can for `now()`.
UNSHADOWED = re.compile(
    r"\b(CURRENT_TIMESTAMP|CURRENT_DATE|CURRENT_TIME|LOCALTIMESTAMP|LOCALTIME)\b|'now'::|\bpg_catalog\.(now|\w+_timestamp)\b"
)


def test_statements_ask_the_time_by_functions_that_can_be_shadowed() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {hit.group()}"
        for package in PRODUCT
        for path in (ROOT / package).rglob("*.py")
        if (hit := UNSHADOWED.search(path.read_text()))
    ]
    assert found == []


@pytest.mark.django_db
def test_no_column_asks_the_databases_clock_for_its_default() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name, column_default FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_default ~* '(now|timestamp|current_|localtime|uuid)'"
        )
        assert cursor.fetchall() == []


def test_its_ways_to_say_the_time_agree() -> None:
    before, moment, after = clock.time(), clock.now(), clock.time()
    assert moment.utcoffset() == timedelta(0)
    assert before - 1 <= moment.timestamp() <= after + 1
    assert abs(clock.time_ns() / 1e9 - after) < 60
    assert clock.monotonic() <= clock.monotonic()
    ids = {clock.new_id() for _ in range(1000)}
    assert len(ids) == 1000 and all(each.version == 4 for each in ids)
    assert isinstance(clock.new_id(), uuid.UUID)
