"""Python's collector leaves what a process has loaded alone: to walk through it holds packets up."""

from __future__ import annotations

import json
import subprocess
import sys

from config.env import ROOT

PROGRAM = """
import gc, json
import django; django.setup()
from django.urls import get_resolver
get_resolver().url_patterns
from calling.media.worker import worker
from calling.runtime import garbage
found = {"full": gc.get_stats()[2]["collections"], "objects": len(gc.get_objects())}
garbage.keep_all()
print(json.dumps(found | {"left": len(gc.get_objects())}))
"""


def test_loading_the_product_walks_through_it_once_at_most_and_then_never_again() -> None:
    told = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, check=True)
    found = json.loads(told.stdout)
    assert found["full"] <= 2
    assert found["objects"] > 100_000
    assert found["left"] < found["objects"] / 100
