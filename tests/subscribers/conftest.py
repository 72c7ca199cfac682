"""The cast, a fixture each."""

from __future__ import annotations

from tests.support.fixtures import *  # noqa: F403
from tests.support.fixtures import _nothing_remembered  # noqa: F401
