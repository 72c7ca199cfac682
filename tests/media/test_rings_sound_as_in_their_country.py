"""`ring:de` is Germany's ringback tone and `ring:us` the American one; a country without one is refused."""

from __future__ import annotations

import numpy as np
import pytest

from calling.commands.operation_params import play_item, play_url
from calling.commands.params import Params
from calling.media.sources import tones
from calling.swml import rings
from calling.swml.checks import BadScript
from calling.swml.parse import check_document


@pytest.mark.parametrize(
    ("country", "hertz", "sounding", "whole"),
    [
        ("us", [440, 480], 2.0, 6.0),
        ("de", [425], 1.0, 5.0),
        ("gb", [400, 450], 0.8, 3.0),
        ("fr", [440], 1.5, 5.0),
    ],
)
def test_a_ring_has_its_pitch_and_cadence(
    country: str, hertz: list[float], sounding: float, whole: float
) -> None:
    wave = tones._ringback(8000, country).astype(np.float64)
    assert len(wave) / 8000 == pytest.approx(whole)
    assert np.count_nonzero(wave) / 8000 == pytest.approx(sounding, abs=0.05)
    spectrum = np.abs(np.fft.rfft(wave))
    bins = np.fft.rfftfreq(len(wave), 1 / 8000)
    loud = [float(np.max(spectrum[np.abs(bins - each) < 2])) for each in hertz]
    rest = spectrum[np.min([np.abs(bins - each) for each in hertz], axis=0) > 20]
    assert min(loud) > 3 * np.max(rest)


def test_every_country_can_be_made() -> None:
    for country in rings.RINGS:
        assert len(tones._ringback(8000, country)) > 8000


def test_an_unknown_country_is_refused_by_name() -> None:
    form = Params({})
    play_item(form, play_url("ring:zz"))
    assert "no ring of 'zz'" in form.faults[0].message
    with pytest.raises(BadScript, match="no ring of 'zz'"):
        check_document({"version": "1.0.0", "sections": {"main": [{"play": "ring:5:zz"}]}})
    form = Params({})
    assert play_item(form, play_url("ring:10:DE")) == {"type": "ringtone", "name": "DE", "duration": 10.0}
    assert form.faults == []
