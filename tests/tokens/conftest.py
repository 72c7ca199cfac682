"""The standing cast."""

from __future__ import annotations

from tests.cast import *  # noqa: F403
from tests.cast import _nothing_remembered  # noqa: F401
