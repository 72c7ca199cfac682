"""Screenshots of each page, light, dark and at a phone's width, for people to look at."""

from __future__ import annotations

import os
from pathlib import Path

WANTED = os.environ.get("CALLWRIGHT_SCREENSHOTS", "")
SIZES = {"light": (1280, 860), "dark": (1280, 860), "narrow": (390, 844)}


def shoot(page, name: str) -> None:
    """Writes `<name>-{light,dark,narrow}.png` where CALLWRIGHT_SCREENSHOTS names a directory."""
    if not WANTED:
        return
    for variant, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="dark" if variant == "dark" else "light")
        page.wait_for_timeout(150)
        page.screenshot(path=Path(WANTED) / f"{name}-{variant}.png", full_page=variant == "narrow")
