"""What a telephone that rings sounds like to the caller, by country (ITU-T E.180 Supplement 2). Pure.

One frequency, or two at once, and the seconds of sound and silence in turn. Countries that modulate the tone
have it here without the modulation.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Ring(NamedTuple):
    hertz: tuple[float, ...]
    cadence: tuple[float, ...]


_TWICE: Final = (0.4, 0.2, 0.4, 2.0)
_US: Final = Ring((440, 480), (2, 4))
_BRITISH: Final = Ring((400, 450), _TWICE)
_EUROPEAN: Final = Ring((425,), (1, 4))

RINGS: Final[dict[str, Ring]] = {
    "us": _US, "ca": _US,
    "gb": _BRITISH, "uk": _BRITISH, "ie": _BRITISH, "nz": _BRITISH,
    "au": Ring((400, 425), _TWICE), "in": Ring((400,), _TWICE), "sg": Ring((425,), _TWICE),
    "za": Ring((400, 433), _TWICE), "hk": Ring((440, 480), (0.4, 0.2, 0.4, 3.0)),
    **dict.fromkeys(("be", "br", "ch", "cz", "de", "dk", "fi", "gr", "it", "mx"), _EUROPEAN),
    **dict.fromkeys(("nl", "no", "pl"), _EUROPEAN),
    "at": Ring((420,), (1, 5)), "pt": Ring((425,), (1, 5)), "se": Ring((425,), (1, 5)),
    "es": Ring((425,), (1.5, 3)), "fr": Ring((440,), (1.5, 3.5)), "hu": Ring((425,), (1.25, 3.75)),
    "ro": Ring((425,), (1.85, 4.15)), "ru": Ring((425,), (0.8, 3.2)), "cn": Ring((450,), (1, 4)),
    "il": Ring((400,), (1, 3)), "jp": Ring((384, 416), (1, 2)), "kr": Ring((440, 480), (1, 2)),
    "tw": Ring((440, 480), (1, 2)), "tr": Ring((450,), (2, 4)),
}  # fmt: skip
DEFAULT: Final = "us"


def refusal(country: str) -> str | None:
    """Why a country cannot ring here; None where it can."""
    if country.strip().lower() in RINGS:
        return None
    return f"has no ring of {country.strip()[:8]!r}; there are {', '.join(sorted(RINGS))}"
