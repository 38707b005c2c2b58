from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.diagnosis.spectrum import Spectrum


@pytest.mark.parametrize("period", [2, 4, 5.3])
def test_a_wave_has_one_frequency(period: float) -> None:
    spectrum = Spectrum(np.cos(2 * np.pi * np.arange(32) / period)[:, None] * np.ones(48))
    assert spectrum.period == pytest.approx(period, rel=0.02)
    assert spectrum.peaked_share < 0.02


def test_noise_has_many_frequencies() -> None:
    assert Spectrum(np.random.default_rng(0).normal(size=(32, 48))).peaked_share > 0.3
